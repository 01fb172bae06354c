"""What can be wrong with the log behind a backup: recovery ends there, or goes elsewhere."""

import gzip

from faults._backups import BUCKET, PREFIX, Spoilt, archived_segment, of_cluster
from seatrial import Destroy, Observe, fault

ANOTHER_CLUSTER = 7000000000000000001
ENDED_EARLY = "recovery ended before configured recovery target was reached"


@fault(
    "wal-gap",
    kind="cloud objects",
    caught_by={"DR-PG-03": ENDED_EARLY, "DR-PG-04": ENDED_EARLY, "DR-ALL-01": "and the archived log goes on to"},
    takes_s=30.0,
)
class Gap:
    """One segment in the middle of the log is not in the archive: nothing behind it can be recovered.

    Source: https://www.postgresql.org/docs/16/continuous-archiving.html#BACKUP-PITR-RECOVERY (recovery needs a continuous
    sequence of archived segments)
    """

    def __init__(self) -> None:
        self._key = ""

    def strike(self, destroy: Destroy) -> None:
        """Have a segment archived, and delete it."""
        self._key = archived_segment(destroy)
        destroy.s3.delete_object(BUCKET, self._key)

    def in_effect(self, observe: Observe) -> bool:
        """Ask for it."""
        return observe.s3.head(BUCKET, self._key).status == 404


@fault("wal-of-another-cluster", kind="data", caught_by={"DR-PG-03": ENDED_EARLY}, takes_s=30.0)
class OfAnotherCluster(Spoilt):
    """Another server archives into the same place, and has overwritten a segment.

    Source: https://www.postgresql.org/docs/16/continuous-archiving.html#BACKUP-ARCHIVING-WAL (the archive command must
    refuse to overwrite, since two servers may send to the same archive)
    """

    def key(self, destroy: Destroy) -> str:
        """Choose one that was archived just now."""
        return archived_segment(destroy)

    def spoil(self, body: bytes) -> bytes:
        """Have it say that it is another cluster's."""
        return of_cluster(body, ANOTHER_CLUSTER)


@fault("wal-garbled", kind="data", caught_by={"DR-PG-03": ENDED_EARLY}, takes_s=30.0)
class Garbled(Spoilt):
    """A segment came through as something that cannot be unpacked.

    Source: https://www.postgresql.org/docs/16/continuous-archiving.html#BACKUP-ARCHIVING-WAL (a crash while archiving
    must not leave a file that is cut off)
    """

    def key(self, destroy: Destroy) -> str:
        """Choose one that was archived just now."""
        return archived_segment(destroy)

    def spoil(self, body: bytes) -> bytes:
        """Keep its first half."""
        return body[: len(body) // 2]


@fault("wal-timeline-forked", kind="data", caught_by={"DR-PG-04": "requested timeline"}, takes_s=30.0)
class TimelineForked:
    """A restored server once archived into the live one's place: its timeline branches off before every backup.

    Source: https://www.postgresql.org/docs/16/continuous-archiving.html#BACKUP-TIMELINES
    """

    def __init__(self) -> None:
        self._key = ""

    def strike(self, destroy: Destroy) -> None:
        """Put the history of a newer timeline into the archive; backups may be of any older one, so all are in it."""
        written = str(destroy.pg.rows("select pg_walfile_name(pg_current_wal_lsn()) as segment")[0]["segment"])
        timeline = int(written[:8], 16)
        older = (f"{number}\t0/1000000\tno recovery target specified\n" for number in range(1, timeline + 1))
        history = "".join(older).encode()
        self._key = f"{PREFIX}/wals/{timeline + 1:08X}.history.gz"
        destroy.s3.put_object(BUCKET, self._key, gzip.compress(history))

    def in_effect(self, observe: Observe) -> bool:
        """Ask for it."""
        return observe.s3.head(BUCKET, self._key).ok
