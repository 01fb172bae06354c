"""The way back: a backup from just before a migration, and the way down while everybody works."""

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

from seatrial import MAJOR, Destroy, Failure, Invalid, check, eventually, require
from seatrial.errors import EnvironmentFault
from seatrial.traffic import Traffic
from suites.client import Session, signed_in
from suites.infra._backups import Backup, archived, number, read_backups
from suites.migrations._scratch import APPLIED

BUCKET = "backups"
PER_S = 10.0
FEWEST = 20
ANSWERED_WITHIN_S = 30.0
NOW = """
select clock_timestamp() as now, (select system_identifier::text from pg_control_system()) as cluster,
       (select bytes_per_wal_segment from pg_control_init()) as segment_bytes
"""
APPLIED_AT = "select applied_at from schema_migrations where version = %s"


@check("MIG-09", severity=MAJOR, component="migrations", alone=True)
def test_a_whole_backup_ends_just_before_a_migration_and_the_way_back_is_quick(destroy: Destroy) -> None:
    """Before a revision is applied a backup of its own has ended and is whole; taking it back under traffic is quick and unnoticed.

    Why it matters: the way down gives the schema back, not what the revision did to rows. What does is the backup from
    just before it, and one of last night loses a day. And the way down is taken in the middle of an outage: how long it
    takes should be known before.

    How it is measured: ten times a second a user lists her assets, 20 times before anything is moved, then while the live
    schema is taken back by its newest revision, which may take targets.migration_back_s, and 20 times after. No request may
    fail; where one did before, or where the generator was late as well, the machine may be why, which is INVALID. Then the
    platform migrates to head again. Of the base backups in the bucket, by their own descriptions, one of this cluster must have
    ended between that call and the moment when the revision was applied, by the server's clock; its data and every segment of
    the log from its first to its last must be there, which is what a restore of it needs.

    Not covered: that a restore works (docs/backups.md; the platform's tests do one), writes under a revision (MIG-05),
    ways down of older revisions (MIG-02).
    """
    if not destroy.platform.offers("migrate"):
        raise Invalid("the platform does not offer migrate")
    applied = [str(row["version"]) for row in destroy.pg.rows(APPLIED)]
    if len(applied) < 2:
        raise Invalid("with fewer than two revisions there is none to take back")
    before, head = applied[-2:]
    session = signed_in(destroy)
    with destroy.cases(at_least=4) as cases:
        with Traffic(lambda: _list(session), per_s=PER_S) as traffic:
            if failed := _failed(traffic, FEWEST):
                raise Invalid(f"requests fail before anything is moved: {failed[0]}")
            answered, began = len(traffic.shots), time.monotonic()
            back = _moved(destroy, traffic, lambda: destroy.platform.migrate_to(before, back_to=head))
            took_s = time.monotonic() - began
            require(back["reverted"] == [head], f"{head} taken back", back)
            failed = _failed(traffic, answered + FEWEST)
        destroy.evidence("the way back, s", round(took_s, 2))
        destroy.evidence("requests", {"before": answered, "in all": len(traffic.shots), "failed": failed[:3]})
        budget_s = float(destroy.target("migration_back_s"))
        if failed or took_s > budget_s:
            traffic.require_punctual()
        asked = destroy.pg.rows(NOW)[0]
        forth = _moved(destroy, traffic, lambda: destroy.platform.migrate_to(head, back_to=head))
        require(forth["applied"] == [head], f"{head} applied again", forth)
        with cases("no request fails"):
            require(not failed, f"{len(traffic.shots)} requests answered", "; ".join(failed[:3]))
        with cases("the way back is quick"):
            require(took_s <= budget_s, f"the newest revision taken back within {budget_s:g} s", f"{took_s:.1f} s")
        applied_at = destroy.pg.rows(APPLIED_AT, [head])[0]["applied_at"]
        with cases("a backup of its own"):
            own = _backup_between(destroy, asked["now"], applied_at, asked["cluster"])
            with cases("and it is whole"):
                _require_whole(destroy, own, asked["segment_bytes"])
            destroy.evidence("backup", {"name": own.name, "ended": own.ended, "bytes": own.data_bytes})


def _list(session: Session) -> str:
    answer = session.call("GET", "/v1/assets?limit=10")
    return "" if answer.status == 200 else answer.error or f"{answer.status}"


def _failed(traffic: Traffic[str], requests: int) -> list[str]:
    """Wait until so many requests have ended, and say what went wrong with those that failed."""
    eventually(lambda: len(traffic.shots) >= requests, within_s=ANSWERED_WITHIN_S, what=f"{requests} requests ended")
    return [shot.answer for shot in traffic.shots if shot.answer]


def _moved(destroy: Destroy, traffic: Traffic[str], move: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Move the schema; a refusal is a finding, unless the platform does not answer or the machine is too busy."""
    try:
        return move()
    except EnvironmentFault as error:
        destroy.platform.status()
        traffic.require_punctual()
        raise Failure("the live schema moved, with a backup before it goes up", str(error)) from None


def _backup_between(destroy: Destroy, asked: dt.datetime, applied_at: dt.datetime, cluster: str) -> Backup:
    prefix = str(destroy.target("backups_prefix"))
    listed = destroy.s3.list(BUCKET, f"{prefix}/")
    backups = read_backups(destroy, BUCKET, {each.key: each.size_bytes for each in listed})
    own = [each for each in backups if each.ended and asked <= each.ended <= applied_at and each.cluster == cluster]
    seen = ", ".join(f"{each.name} ended {each.ended}" for each in backups[-3:]) or "no backup at all"
    require(own, f"a backup of this cluster that ended between {asked} and {applied_at}", seen, BUCKET)
    return own[-1]


def _require_whole(destroy: Destroy, backup: Backup, segment_bytes: int) -> None:
    require(backup.data_bytes, f"data of backup {backup.name}", "none", BUCKET)
    prefix = str(destroy.target("backups_prefix"))
    stored = archived({each.key: each.modified for each in destroy.s3.list(BUCKET, f"{prefix}/wals/")})
    places = {number(segment, segment_bytes) for segment in stored}
    needed = range(number(backup.first, segment_bytes), number(backup.last, segment_bytes) + 1)
    missing = [place for place in needed if place not in places]
    what = f"the log from {backup.first} to {backup.last}, which backup {backup.name} needs"
    require(not missing, what, f"{len(missing)} of {len(needed)} segments missing", BUCKET)
