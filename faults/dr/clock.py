"""Clocks that are trusted too much."""

from typing import ClassVar

from faults._code import PatchedRelease
from faults.security._own_link import opens
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch
from suites.security.signer import Ring

EDGES = ("edge-1", "edge-2")


@fault(
    "token-tolerance-off",
    kind="time",
    caught_by={"DR-CLK-01": "a fresh token of api-1 taken at api-2 401"},
    takes_s=30.0,
)
class TokenToleranceOff(PatchedRelease):
    """The API forgives no difference of clocks: what one instance signs is not valid yet at another.

    Source: RFC 7519, section 4.1.5: "Implementers MAY provide for some small leeway, usually no more than a few minutes, to
    account for clock skew", without which tokens are refused in the seconds after they were made.
    """

    services = ("api",)
    patch: ClassVar = [Patch(file="system/api/tokens.py", find="SKEW_S = 5 ", replace="SKEW_S = 0 ")]


@fault(
    "link-tolerance-off",
    kind="configuration",
    caught_by={"DR-CLK-01": "a link of 3600 s opened at edge-1 403"},
    takes_s=20.0,
)
class LinkToleranceOff:
    """The edge forgives no difference of clocks: a link of the longest life, from an API that is ahead, opens nothing at first.

    Source: https://datatracker.ietf.org/doc/html/rfc7519#section-4.1.4 (leeway, as for every signed expiry)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart every edge instance so."""
        self._ring = Ring.parse(destroy.credential("links").password)
        for each in EDGES:
            destroy.platform.restart(each, {"LINK_SKEW_S": "0"})

    def in_effect(self, observe: Observe) -> bool:
        """Open no link at either that lives three seconds longer than the longest, and one that lives for less."""
        longest_s = int(observe.target("link_max_lifetime_s"))
        return all(
            opens(observe, each, self._ring, longest_s - 3) and not opens(observe, each, self._ring, longest_s + 3)
            for each in EDGES
        )


@fault("retention-by-the-wrong-clock", kind="time", caught_by={"DR-CLK-01": "by the store's clock"}, takes_s=30.0)
class RetentionByTheWrongClock(PatchedRelease):
    """A master is kept until a moment by the clock of whichever instance promoted it: behind, its lock ends too early.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html: the store compares a retain-until date with
    its own time.
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file="system/api/promotion.py",
            find="from datetime import timedelta\n",
            replace="from datetime import UTC, datetime, timedelta\n",
        ),
        Patch(
            file="system/api/promotion.py",
            find='renewed["claimed_at"].replace(microsecond=0)',
            replace="datetime.now(UTC).replace(microsecond=0)",
        ),
    ]
