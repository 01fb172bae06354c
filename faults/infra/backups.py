"""What can happen to backups while nobody needs them."""

import datetime as dt
import re

from faults._backups import BUCKET, ONE_SEGMENT_BYTES, PREFIX, aged, infos, segment_key, text
from seatrial import Destroy, Observe, fault

PART = "backups"
LONG_AGO = dt.timedelta(days=3)


@fault(
    "archive-command-broken",
    kind="configuration",
    caught_by={"INF-PG-07": "archiving goes on", "DR-PG-03": "was not archived within"},
    takes_s=120.0,
)
class ArchiveCommandBroken:
    """The command that archives a segment fails each time: the log piles up on the server's disk, and nothing leaves it.

    Source: https://www.postgresql.org/docs/16/continuous-archiving.html#BACKUP-ARCHIVING-WAL (a command that fails)
    """

    def strike(self, destroy: Destroy) -> None:
        """Have it fail, and end a segment."""
        destroy.pg.set_system("archive_command", "/bin/false")
        destroy.pg.write_wal(ONE_SEGMENT_BYTES)

    def in_effect(self, observe: Observe) -> bool:
        """Find that the archiver's last attempt failed."""
        failed = "select 1 from pg_stat_archiver where last_failed_time > coalesce(last_archived_time, '-infinity')"
        return bool(observe.pg.rows(failed))


@fault(
    "wal-segment-missing",
    kind="cloud objects",
    caught_by={"INF-PG-07": "where backup", "DR-PG-04": "could not locate"},
    takes_s=30.0,
)
class SegmentMissing:
    """A clean-up took a segment that a backup needs: a restore ends there.

    Source: https://www.postgresql.org/docs/16/continuous-archiving.html#BACKUP-PITR-RECOVERY (recovery needs a continuous
    sequence of archived segments)
    """

    def strike(self, destroy: Destroy) -> None:
        """Delete the first segment of each backup."""
        for key in self._first(destroy):
            destroy.s3.delete_object(BUCKET, key)

    def in_effect(self, observe: Observe) -> bool:
        """Ask for each of them."""
        keys = self._first(observe)
        return bool(keys) and not any(observe.s3.head(BUCKET, key).ok for key in keys)

    @staticmethod
    def _first(handle: Observe) -> list[str]:
        begins = [re.search(r"^begin_wal=(\w+)$", text(handle, key), re.MULTILINE) for key in infos(handle)]
        return [segment_key(found[1]) for found in begins if found]


@fault(
    "backups-stopped",
    kind="process",
    caught_by={"INF-PG-07": "younger than 7:00:00", "DR-PG-04": "younger than 7:00:00"},
    takes_s=30.0,
)
class BackupsStopped:
    """The schedule died three days ago, and nobody was told.

    Source: https://about.gitlab.com/blog/2017/02/10/postmortem-of-database-outage-of-january-31/ (backups had failed
    unnoticed)
    """

    def strike(self, destroy: Destroy) -> None:
        """Stop it, and date the backups back by as long."""
        destroy.platform.stop(PART)
        for key in infos(destroy):
            destroy.s3.put_object(BUCKET, key, aged(text(destroy, key), LONG_AGO).encode())

    def in_effect(self, observe: Observe) -> bool:
        """Find nobody listening at its address, and read in the bucket when each backup ended."""
        ends = [re.search(r"^end_time=(.+)$", text(observe, key), re.MULTILINE) for key in infos(observe)]
        latest = dt.datetime.now(dt.UTC) - LONG_AGO
        old = bool(ends) and all(found and dt.datetime.fromisoformat(found[1]) < latest for found in ends)
        part = observe.platform.status().part(PART)
        return old and observe.tcp.connect(part.address or "", part.port or 0) == "refused"


@fault(
    "backups-gone",
    kind="cloud objects",
    caught_by={"INF-PG-07": "a whole backup below", "DR-PG-04": "a whole backup below"},
    takes_s=30.0,
)
class BackupsGone:
    """The bucket holds no backup at all, though the schedule runs.

    Source: https://about.gitlab.com/blog/2017/02/10/postmortem-of-database-outage-of-january-31/ (the bucket of backups
    was empty)
    """

    def strike(self, destroy: Destroy) -> None:
        """Delete the description of each, without which none can be found."""
        for key in infos(destroy):
            destroy.s3.delete_object(BUCKET, key)

    def in_effect(self, observe: Observe) -> bool:
        """Find data of backups, and ask for each description."""
        listed = observe.s3.list(BUCKET, f"{PREFIX}/base/")
        folders = {each.key.rpartition("/")[0] for each in listed}
        return bool(folders) and not any(observe.s3.head(BUCKET, f"{folder}/backup.info").ok for folder in folders)


@fault("retention-not-applied", kind="data", caught_by={"INF-PG-07": "no backup that a window of"}, takes_s=30.0)
class RetentionNotApplied:
    """Old backups are never dropped: they cost, and keep what its owners had deleted.

    Source: https://eur-lex.europa.eu/eli/reg/2016/679/oj (Article 5, 1 (e), storage limitation)
    """

    days = (12, 11)

    def strike(self, destroy: Destroy) -> None:
        """Put back the descriptions of two backups that are over."""
        key = infos(destroy)[-1]
        for days in self.days:
            old = aged(text(destroy, key), dt.timedelta(days=days)).encode()
            destroy.s3.put_object(BUCKET, self._key(days), old)

    def in_effect(self, observe: Observe) -> bool:
        """Ask for both."""
        return all(observe.s3.head(BUCKET, self._key(days)).ok for days in self.days)

    @staticmethod
    def _key(days: int) -> str:
        return f"{PREFIX}/base/20200101T0000{days}/backup.info"


@fault("backups-expire-early", kind="cloud objects", caught_by={"INF-PG-07": "nothing expires before"}, takes_s=30.0)
class ExpireEarly:
    """A rule that saves money on old objects takes backups before the window has passed.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-expire-general-considerations.html
    """

    def strike(self, destroy: Destroy) -> None:
        """Set a rule for all objects of the bucket."""
        rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
        destroy.s3.set_lifecycle(BUCKET, [rule])

    def in_effect(self, observe: Observe) -> bool:
        """Ask by the older call: what the rule does shows after a day."""
        rules = observe.s3.call("get_bucket_lifecycle", Bucket=BUCKET).data.get("Rules", [])
        return [rule.get("ID") for rule in rules] == ["old"]
