"""What leaves a migration without the way back that everybody believes in."""

from seatrial import Destroy, Observe, fault

BUCKET, PREFIX = "backups", "postgres/seatrial"


@fault("backup-archive-lies", kind="configuration", caught_by={"MIG-09": "which backup"}, takes_s=60.0)
class ArchiveLies:
    """The command that archives a segment says that it did and does nothing: a backup is made, and no restore can use it.

    Source: https://www.postgresql.org/docs/16/continuous-archiving.html#BACKUP-ARCHIVING-WAL (zero only if it succeeded)
    """

    def strike(self, destroy: Destroy) -> None:
        """Have it do nothing, and end a segment."""
        destroy.platform.lose_log()
        destroy.pg.set_system("archive_command", "/bin/true")
        destroy.pg.write_wal(1 << 20)

    def in_effect(self, observe: Observe) -> bool:
        """Miss the segment that the server calls archived in the bucket."""
        row = observe.pg.rows("select left(last_archived_wal, 24) as name from pg_stat_archiver")[0]
        stored = {each.key for each in observe.s3.list(BUCKET, f"{PREFIX}/wals/")}
        return row["name"] is not None and not any(row["name"] in key for key in stored)
