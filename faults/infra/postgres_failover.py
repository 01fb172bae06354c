"""What keeps a standby from taking over, or from having everything when it does."""

from seatrial import Destroy, Observe, fault

PRIMARY, ARBITER = "postgres", "arbiter"


@fault(
    "commits-wait-for-nobody",
    kind="configuration",
    caught_by={"INF-PG-10": "synchronous_standby_names is empty"},
    takes_s=30.0,
)
class CommitsWaitForNobody:
    """Somebody took the list of standbys away on the command line, for speed: what is acknowledged is with the primary alone.

    Source: https://www.postgresql.org/docs/16/runtime-config-replication.html (an empty synchronous_standby_names: commits do
    not wait for replication)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart the primary so."""
        destroy.platform.restart(PRIMARY, {"synchronous_standby_names": ""})

    def in_effect(self, observe: Observe) -> bool:
        """Find no sender that is waited for."""
        rows = observe.pg.rows("select sync_state from pg_stat_replication")
        return bool(rows) and all(row["sync_state"] == "async" for row in rows)


@fault("third-vote-gone", kind="process", caught_by={"INF-PG-10": "arbiter is stopped"})
class ThirdVoteGone:
    """The arbiter is gone, unnoticed: with the primary's the second of three votes would be lost.

    Source: https://patroni.readthedocs.io/en/latest/faq.html (a consensus of an odd number of members keeps its majority)
    """

    def strike(self, destroy: Destroy) -> None:
        """Stop it."""
        destroy.platform.stop(ARBITER)

    def in_effect(self, observe: Observe) -> bool:
        """Find nobody listening where it votes."""
        part = observe.platform.status().part(ARBITER)
        return observe.tcp.connect(part.address or "", part.port or 0) == "refused"
