"""Recovery of the database from its backups, into servers beside the live one."""

import datetime as dt

from seatrial import BLOCKER, Exercise, check, require
from seatrial.drills import Ledger, require_whole
from seatrial.platform import Restored
from seatrial.registry import Plan
from suites.client import Session, ready_asset, remove, signed_in, small_clip
from suites.client.session import promised
from suites.dr import _restored as restored_server
from suites.infra._backups import Backup, read_backups

BUCKET = "backups"
BEFORE, AFTER = 8, 2
SERVER = """
select clock_timestamp() as now, (select system_identifier::text from pg_control_system()) as cluster
"""
MINE = "select id::text as id, title from assets where title like %s"
PLAN = Plan(
    strikes="nothing: a server is recovered beside the live one",
    noticed="nobody; the machine reads a backup and runs another server for some seconds",
    undone="the recovered server is dropped",
    undo_s=10.0,
    answered_by=("INF-PG-07",),
)
# An upload with its preview leaves a row in each, so that there is something to compare.
FILLED = ("public.accounts", "public.assets", "public.jobs", "public.outbox")
PAGES_LEAST = {"databases": 4, "heaps": 100, "indexes": 100}


@check("DR-PG-03", severity=BLOCKER, component="backups", plan=PLAN)
def test_a_bad_delete_is_undone_by_recovery_to_the_moment_before(exercise: Exercise) -> None:
    """The database can be recovered, beside the live one, to the moment before a bad delete: all of before, nothing of after.

    Why it matters: what destroys data most often is not a disk but a statement. A backup of last night loses a day then;
    the log behind it loses nothing, if every piece of it is there and somebody has tried.

    How it is measured: eight entries of the check's own are acknowledged by the API, the server's time is noted, one of
    them is deleted through the API and two more are made. The platform ends the log's segment and waits until it is
    archived, which its schedule does every minute. Then a scratch server is recovered, by the newest backup that ended
    before the noted time and the archived log, to that time; recovery that does not reach it fails. In it must be each of
    the eight entries once, the deleted one among them, and neither of the later two; it must be a copy of this cluster and
    archive nothing. The live database must hold what it held. From the call for the log to the server that can be asked,
    targets.restore_s may pass.

    Not covered: bringing the rows back into the live database, and replacing it (docs/backups.md); objects in the store
    (DR-S3-01); a mistake that is older than the retention of the backups (INF-PG-07).
    """
    session, ledger = signed_in(exercise), Ledger()
    entries = {each: _entry(exercise, session, ledger, each) for each in (f"{number:02d}" for number in range(BEFORE))}
    server = exercise.pg.rows(SERVER)[0]
    victim = entries[f"{BEFORE // 2:02d}"]
    promised(session.delete(victim), 204)
    later = [_entry(exercise, session, Ledger(), f"later {number}") for number in range(AFTER)]
    log = restored_server.archived(exercise)
    copy = restored_server.restored(exercise, to=server["now"])
    found = exercise.pg.scratch_rows(copy.scratch, MINE, [f"{exercise.marker}%"])
    live = {row["id"] for row in exercise.pg.rows(MINE, [f"{exercise.marker}%"])}
    limit_s = float(exercise.target("restore_s"))
    took_s = restored_server.clocked(exercise, log, copy, limit_s)
    exercise.evidence("recovered", _summary(copy))
    with exercise.cases(at_least=6) as cases:
        with cases("to the moment"):
            require(copy.cluster == server["cluster"], f"a copy of cluster {server['cluster']}", copy.cluster)
            reached = copy.at is None or copy.at <= server["now"]
            require(reached, f"the last transaction committed up to {server['now']}", copy.at)
        with cases("all of before"):
            audit = ledger.audit(row["title"] for row in found if row["id"] not in later)
            exercise.evidence("RPO, audit of acknowledged entries", audit.to_json())
            require_whole(audit, at_least=BEFORE)
        with cases("what was deleted"):
            require(
                victim in {row["id"] for row in found}, f"entry {victim}, which was deleted after", "it is not there"
            )
        with cases("nothing of after"):
            early = [each for each in later if each in {row["id"] for row in found}]
            require(not early, "no entry that was made after", f"{len(early)} of {AFTER}")
        with cases("it archives nothing"):
            mode = exercise.pg.scratch_rows(copy.scratch, "show archive_mode")[0]["archive_mode"]
            require(mode == "off", "archive_mode off on the restored server", mode)
        with cases("the live database is left alone"):
            expected = {*entries.values(), *later} - {victim}
            require(live == expected, f"the {len(expected)} entries that were left", f"{len(live)}", "postgres")
        with cases("in time"):
            require(took_s <= limit_s, f"recovered within {limit_s:g} s", f"{took_s:.1f} s")


@check("DR-PG-04", severity=BLOCKER, component="backups", alone=True, plan=PLAN)
def test_the_newest_backup_restores_and_holds_what_the_live_database_held(exercise: Exercise) -> None:
    """The newest backup is young, encrypted and of this cluster, restores, and holds every row that the live database held.

    Why it matters: a backup that nobody has restored is a hope. A truncated archive, a flipped bit, a segment that went
    missing, a key that is gone: none of it shows in a listing, and all of it shows on the day it is needed.

    How it is measured: the newest whole base backup in the bucket must be of this cluster and younger than
    targets.backup_age_s, and every object of it, and of the log what is archived now, must be stored
    encrypted as targets.backups_encryption says. A video is uploaded and its preview made, so that there are rows. While
    nothing changes in the live database (two readings around a moment are equal; if they never are, INVALID), rows are
    counted and every column is digested. A scratch server is recovered from this very backup to that moment. There, in every database, amcheck reads each page of each table and B-tree, by which
    checksums are verified, and holds indexes against tables; counts and digests must equal the live ones, and no sequence
    may be behind its column. It must not take longer than targets.restore_s.

    Not covered: older backups; whether the store's encryption key is kept anywhere else; pages of the free space and
    visibility maps, which are rebuilt; a copy in another region (none is made).
    """
    prefix, server = str(exercise.target("backups_prefix")), exercise.pg.rows(SERVER)[0]
    newest = _newest(exercise, prefix)
    ready_asset(exercise, signed_in(exercise))
    with exercise.cases(at_least=9) as cases:
        with cases("of this cluster"):
            require(newest.cluster == server["cluster"], f"a copy of cluster {server['cluster']}", newest.cluster)
        with cases("young"):
            limit, age = dt.timedelta(seconds=float(exercise.target("backup_age_s"))), server["now"] - newest.ended
            require(age <= limit, f"backup {newest.name} younger than {limit}", f"{age} old")
        with cases("encrypted at rest"):
            _require_encrypted(exercise, f"{prefix}/base/{newest.name}/")
        known = restored_server.known_point(exercise)
        with cases("restores"):
            log = restored_server.archived(exercise)
            with cases("the log, too"):
                _require_encrypted(exercise, f"{prefix}/wals/{log.segment[:16]}/{log.segment}")
            copy = restored_server.restored(exercise, backup=newest.name, to=known.moment)
            limit_s = float(exercise.target("restore_s"))
            took_s = restored_server.clocked(exercise, log, copy, limit_s)
            exercise.evidence("recovered", _summary(copy))
            with cases("a copy of this cluster's data"):
                require(copy.cluster == server["cluster"], f"data of cluster {server['cluster']}", copy.cluster)
            with cases("every page"):
                pages = restored_server.checked_pages(exercise, copy)
                exercise.evidence("pages", pages)
                enough = all(pages[name] >= number for name, number in PAGES_LEAST.items())
                require(enough, f"at least {PAGES_LEAST} to check", pages)
            with cases("every row"):
                wrong = restored_server.differences(known, *restored_server.contents(exercise, copy, known))
                exercise.evidence("rows", known.counts)
                empty = [name for name in FILLED if not known.counts.get(name)]
                require(not empty, f"rows to compare in {', '.join(FILLED)}", f"none in {', '.join(empty)}", "postgres")
                require(not wrong, f"what the live database held at {known.moment}", "; ".join(wrong[:5]))
            with cases("sequences"):
                number, behind = restored_server.behind(exercise, copy)
                require(number, "a column numbered by a sequence, with rows", "none")
                require(not behind, "every sequence past its column", "; ".join(behind))
            with cases("in time"):
                require(took_s <= limit_s, f"restored within {limit_s:g} s", f"{took_s:.1f} s")


def _entry(exercise: Exercise, session: Session, ledger: Ledger, title: str) -> str:
    """Announce an upload, which writes a row and no object, and return its id."""
    name = ledger.ask(f"{exercise.marker} {title}")
    created = session.create(name, small_clip().content)
    exercise.cleanup(remove, session, created.asset.id)
    ledger.acknowledge(name)
    return created.asset.id


def _summary(copy: Restored) -> dict[str, object]:
    names = ("backup", "ended", "cluster", "timeline", "segment", "lsn", "at")
    return {name: getattr(copy, name) for name in names}


def _newest(exercise: Exercise, prefix: str) -> Backup:
    listed = exercise.s3.list(BUCKET, f"{prefix}/")
    backups = read_backups(exercise, BUCKET, {each.key: each.size_bytes for each in listed})
    whole = sorted((each for each in backups if each.ended), key=lambda each: str(each.ended))
    exercise.evidence(
        "backups", [{"name": each.name, "ended": each.ended, "bytes": each.data_bytes} for each in backups]
    )
    require(whole, f"a whole backup below {BUCKET}/{prefix}", f"none; {len(backups)} that are not", BUCKET)
    require(whole[-1].data_bytes, f"data of backup {whole[-1].name}", "none", BUCKET)
    return whole[-1]


def _require_encrypted(exercise: Exercise, prefix: str) -> None:
    """Demand that the store says of each object below a prefix that it is encrypted."""
    expected = str(exercise.target("backups_encryption"))
    found = exercise.s3.list(BUCKET, prefix)
    require(found, f"an object below {BUCKET}/{prefix}", "none", BUCKET)
    for each in found:
        seen = exercise.s3.head(BUCKET, each.key).data.get("ServerSideEncryption")
        require(seen == expected, f"{each.key} encrypted at rest by {expected}", seen or "not encrypted", BUCKET)
