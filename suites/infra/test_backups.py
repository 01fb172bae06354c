"""Backups: there is a newest point to go back to, it is new enough, and old ones go when they should, not before."""

import datetime as dt
from typing import Any

from seatrial import BLOCKER, Observe, check, eventually, require
from suites.infra._backups import (
    Backup,
    archived,
    chain,
    followed,
    is_stored,
    number,
    obsolete,
    read_backups,
    read_history,
)
from suites.infra._lifecycle import early

BUCKET = "backups"
ARCHIVER = """
select archived_count, last_archived_wal as last_archived, last_archived_time, failed_count, last_failed_wal,
       last_failed_time,
       last_failed_time is not null and last_failed_time > coalesce(last_archived_time, '-infinity') as failing
from pg_stat_archiver
"""
SERVER = """
select clock_timestamp() as now, (select system_identifier::text from pg_control_system()) as cluster,
       current_setting('archive_mode') as archive_mode,
       (select setting::int from pg_settings where name = 'archive_timeout') as archive_timeout_s,
       (select bytes_per_wal_segment from pg_control_init()) as segment_bytes,
       pg_walfile_name(pg_current_wal_lsn()) as writing
"""


@check("INF-PG-07", severity=BLOCKER, component="postgres")
def test_the_newest_restorable_point_is_young_and_retention_holds(observe: Observe) -> None:
    """The store holds a whole backup of this cluster and every segment of its log since, the newest of them younger than the RPO budget.

    Why it matters: a backup is missed on the one day it is needed. An archive that stopped, a segment that is not there or
    a bucket that forgets early all look well until then; a restore ends at the first gap.

    How it is measured: the bucket's listing is read with the observing key, the archiver's own view from pg_stat_archiver
    and pg_control_system with the observing role. There must be a whole base backup, of this cluster, younger than
    targets.backup_age_s. From its first segment on no segment may be missing in the bucket up to the last one that the
    server calls archived (after a crash it has forgotten which), each of the timeline that was in force there by the
    history in the bucket, and the last one must have been stored less than targets.rpo_s ago. The segment before the one that is written must come, and the archiver's last attempt must not have
    failed, within targets.archive_retry_s, in which PostgreSQL tries again. No backup may be left that
    the recovery window of targets.backup_window_s has not needed for targets.backup_age_s, and no lifecycle rule of the
    bucket may expire anything before.

    Not covered: that a restore works (docs/backups.md says how, the platform's tests do one); a store whose clock differs
    from the database's; segments that were stored garbled.
    """
    server, archiver = observe.pg.rows(SERVER)[0], observe.pg.rows(ARCHIVER)[0]
    prefix = str(observe.target("backups_prefix"))
    listed = {each.key: each for each in observe.s3.list(BUCKET, f"{prefix}/")}
    segments = archived({key: each.modified for key, each in listed.items()})
    sizes = {key: each.size_bytes for key, each in listed.items()}
    backups = read_backups(observe, BUCKET, sizes)
    whole = sorted((each for each in backups if each.ended and each.data_bytes), key=lambda each: str(each.ended))
    budget = {name: dt.timedelta(seconds=float(observe.target(name))) for name in ("rpo_s", "backup_age_s")}
    window = dt.timedelta(seconds=float(observe.target("backup_window_s")))
    size = server["segment_bytes"]
    observe.evidence(
        "backups", [{"name": each.name, "ended": each.ended, "bytes": each.data_bytes} for each in backups]
    )
    observe.evidence("archiver", archiver)
    observe.evidence("segments in the bucket", len(segments))
    with observe.cases(at_least=8) as cases:
        with cases("a whole backup"):
            require(whole, f"a whole backup below {BUCKET}/{prefix}", f"none; {len(backups)} that are not", BUCKET)
        with cases("archiving is on"):
            mode, after_s = server["archive_mode"], server["archive_timeout_s"]
            require(mode in {"on", "always"}, "archive_mode on", mode, "postgres")
            timely = 0 < after_s <= budget["rpo_s"].total_seconds()
            require(timely, f"archive_timeout up to {budget['rpo_s']}", f"{after_s} s", "postgres")
        with cases("what the server calls archived is in the bucket"):
            last = archiver["last_archived"]
            stored = last is None or is_stored(last, listed)
            require(stored, f"{last}, which the server calls archived, in the bucket", "not there", BUCKET)
        with cases("archiving goes on"):
            _require_archiving(observe, prefix, server["writing"], size)
        with cases("retention keeps no more than it should"):
            left = obsolete(backups, server["now"], window, budget["backup_age_s"])
            require(not left, f"no backup that a window of {window} does not need", ", ".join(left), BUCKET)
        with cases("nothing expires early"):
            _require_no_early_expiry(observe, prefix, window + budget["backup_age_s"])
        if whole:
            newest = whole[-1]
            with cases("the newest backup is of this cluster"):
                expected = f"a copy of cluster {server['cluster']}"
                require(newest.cluster == server["cluster"], expected, f"cluster {newest.cluster}", newest.name)
            with cases("the newest backup is young"):
                _require_younger(newest.ended, server["now"], budget["backup_age_s"], f"backup {newest.name}")
            with cases("no gap, and a young end"):
                timeline = server["writing"][:8]
                history = read_history(observe, BUCKET, listed, timeline)
                line = followed(segments, timeline, history, size)
                _require_chain(observe, newest, line, server, budget["rpo_s"])


def _require_archiving(observe: Observe, prefix: str, writing: str, segment_bytes: int) -> None:
    """Demand the segment before the one that is written, and that the last attempt succeeded; PostgreSQL itself tries again within a minute."""

    def goes_on() -> bool:
        now = observe.pg.rows(ARCHIVER)[0]
        failed = f"{now['last_failed_wal']} failed, {now['failed_count']} in all"
        require(not now["failing"], "archiving goes on", failed)
        stored = archived({each.key: each.modified for each in observe.s3.list(BUCKET, f"{prefix}/")})
        reached = [each for each in stored if number(each, segment_bytes) >= number(writing, segment_bytes) - 1]
        expected = f"archiving goes on up to the segment before {writing}, which is written"
        require(reached, expected, f"up to {max(stored, default='none')}")
        return True

    within_s = float(observe.target("archive_retry_s"))
    eventually(goes_on, within_s=within_s, what="the last ended segment archived, without a failure", where="postgres")


def _require_younger(then: dt.datetime | None, now: dt.datetime, most: dt.timedelta, what: str) -> None:
    age = now - then if then else None
    require(age is not None and age <= most, f"{what} younger than {most}", f"{age} old", BUCKET)


def _require_chain(
    observe: Observe, backup: Backup, segments: dict[str, dt.datetime], server: dict[str, Any], rpo: dt.timedelta
) -> None:
    size = server["segment_bytes"]
    reached, missing = chain(backup.first, segments, size)
    observe.evidence("restorable up to", {"segment": reached, "stored": segments.get(reached or "")})
    require(reached, f"{backup.first}, where backup {backup.name} begins, in the bucket", "missing", BUCKET)
    require(not missing, f"every segment from {backup.first} on", f"missing: {', '.join(missing[:5])}", BUCKET)
    enough = number(str(reached), size) >= number(backup.last, size)
    require(enough, f"the log up to {backup.last}, which backup {backup.name} needs", f"up to {reached}", BUCKET)
    _require_younger(segments[str(reached)], server["now"], rpo, f"the newest restorable point, {reached},")


def _require_no_early_expiry(observe: Observe, prefix: str, least: dt.timedelta) -> None:
    answer = observe.s3.call("get_bucket_lifecycle_configuration", Bucket=BUCKET)
    require(answer.ok or answer.code == "NoSuchLifecycleConfiguration", "the bucket's rules to be read", answer, BUCKET)
    found = early(answer.data.get("Rules", []) if answer.ok else [], prefix, least)
    require(not found, f"nothing expires before {least}", f"rule {', '.join(found)}", BUCKET)
