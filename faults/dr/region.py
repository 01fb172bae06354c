"""What is missing, or old, in what is kept for the day on which the region is lost."""

from seatrial import Destroy, Observe, fault

KEYS = "links"
BUCKET = "masters"


@fault(
    "plan-lacks-a-secret", kind="configuration", caught_by={"DR-ALL-01": "the plan lacks secret links"}, takes_s=30.0
)
class LacksASecret:
    """A secret was added to the environment, and not to what is kept outside of it.

    Source: https://sre.google/sre-book/data-integrity/ (what is not restored regularly cannot be relied on to be restorable)
    """

    def strike(self, destroy: Destroy) -> None:
        """Leave the keys of playback links out."""
        destroy.platform.keep([KEYS])

    def in_effect(self, observe: Observe) -> bool:
        """Read the names that the plan has, which the platform alone can open."""
        return KEYS not in observe.platform.plan().secrets


@fault(
    "plan-lacks-a-bucket", kind="configuration", caught_by={"DR-ALL-01": "the plan lacks bucket masters"}, takes_s=30.0
)
class LacksABucket:
    """Nobody wrote down that the environment lives on this bucket: a rebuild would make an empty one, and call it a success.

    Source: https://sre.google/sre-book/data-integrity/ (a restore that is never audited may lack what nobody listed)
    """

    def strike(self, destroy: Destroy) -> None:
        """Leave the masters out."""
        destroy.platform.keep([BUCKET])

    def in_effect(self, observe: Observe) -> bool:
        """Read the buckets that the plan has, which the platform alone can open."""
        return BUCKET not in observe.platform.plan().buckets


@fault(
    "plan-left-behind",
    kind="configuration",
    caught_by={"DR-ALL-01": "the playback link of before plays the same bytes"},
    takes_s=30.0,
)
class LeftBehind:
    """Keys were rotated, and what is kept outside still has those of before: the rebuilt environment knows no link that is out there.

    Source: https://csrc.nist.gov/pubs/sp/800/57/pt1/r5/final (section 8.2.2: key material is backed up as long as it is in use)
    """

    def strike(self, destroy: Destroy) -> None:
        """Keep the plan no more, then replace the keys of playback links."""
        destroy.platform.keep(hold=True)
        destroy.platform.rotate(KEYS)
        destroy.platform.retire(KEYS)

    def in_effect(self, observe: Observe) -> bool:
        """Ask whether the plan has what is in force: the platform alone can read both."""
        return not observe.platform.plan().current
