"""The runner against a real server: retries, remains of indexes, batches, phases, and who else applies the same files."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest

from system.migrations import Migration, MigrationError, Runner, load_migrations
from system.migrations.files import parse_migration
from tests.platform.bench import Running
from tests.platform.scratch import ScratchDatabase, scratch
from tests.waiting import wait_for

FIRST = "20260101000000"
SECOND = "20260101000001"


def revision(
    up: str, down: str = "select 1;", *, version: str = SECOND, phase: str = "expand", alone: bool = False
) -> Migration:
    option = " transaction:false" if alone else ""
    text = (
        f"-- phase: {phase}\n-- lock_timeout: 50ms\n\n-- migrate:up{option}\n{up}\n\n-- migrate:down{option}\n{down}\n"
    )
    return parse_migration(f"{version}_trial.sql", text.encode())


TABLE = revision(
    "create table things (id bigint primary key, name text, folded text);\n"
    "insert into things select n, 'Thing ' || n from generate_series(1, 25) n;",
    "drop table things;",
    version=FIRST,
)
FILL = "update things set folded = lower(name) where id in (select id from things where folded is null limit 10);"


@pytest.fixture(scope="module")
def server(instance: Running) -> Iterator[ScratchDatabase]:
    with scratch(instance) as database:
        yield database


@pytest.fixture
def database(server: ScratchDatabase) -> ScratchDatabase:
    """The server with the table `things` of 25 rows, and nothing of the tests before."""
    server.rows("drop table if exists things, schema_migrations cascade")
    with server.runner([TABLE]) as runner:
        runner.up()
    return server


def test_a_lock_is_tried_again_and_nobody_waits_long_behind_it(database: ScratchDatabase) -> None:
    lines: list[str] = []
    with (
        database.session() as other,
        database.runner([TABLE, revision("alter table things add column size bigint;")], lines) as runner,
    ):
        other.rows("begin")
        other.rows("select count(*) from things")
        thread = threading.Thread(target=runner.up)
        thread.start()
        wait_for(lambda: any("lock time-out" in line for line in lines))
        other.rows("rollback")
        thread.join()
    assert lines[-1] == f"applied {SECOND} trial"


def test_a_lock_that_nobody_gives_up_ends_the_run_and_names_the_revision(database: ScratchDatabase) -> None:
    known = [TABLE, revision("alter table things add column size bigint;")]
    with database.session() as other, psycopg.connect(database.dsn("migrator"), autocommit=True) as connection:
        other.rows("begin")
        other.rows("select count(*) from things")
        with pytest.raises(MigrationError, match=f"{SECOND}: no lock within 0 s"):
            Runner(connection, known, lambda _: None, retry_budget_s=0.0).up()


def test_what_a_failed_build_left_of_an_index_is_dropped_and_built_again(database: ScratchDatabase) -> None:
    index = revision("create index concurrently if not exists things_name_idx on things (name);", alone=True)
    database.rows("create index things_name_idx on things (name)")
    database.rows("alter index things_name_idx owner to migrator")
    database.rows("update pg_index set indisvalid = false where indexrelid = 'things_name_idx'::regclass")
    lines: list[str] = []
    with database.runner([TABLE, index], lines) as runner:
        runner.up()
    assert lines == ["dropping the invalid index things_name_idx", f"applied {SECOND} trial"]
    valid = database.rows("select indisvalid from pg_index where indexrelid = 'things_name_idx'::regclass")
    assert valid == [{"indisvalid": True}]


def test_a_backfill_is_repeated_until_it_changes_nothing(database: ScratchDatabase) -> None:
    lines: list[str] = []
    with database.runner([TABLE, revision(FILL, phase="backfill", alone=True)], lines) as runner:
        assert runner.up() == [SECOND]
    assert lines[0] == f"{SECOND}: 25 rows filled"
    assert database.rows("select count(*) as left from things where folded is null") == [{"left": 0}]


def test_batches_that_were_filled_before_a_failure_stay_and_the_next_run_goes_on(database: ScratchDatabase) -> None:
    database.rows("alter table things add constraint no_22 check (id <> 22 or folded is null)")
    known = [TABLE, revision(FILL, phase="backfill", alone=True)]
    with database.runner(known) as runner, pytest.raises(psycopg.errors.CheckViolation):
        runner.up()
    assert database.rows("select count(*) as filled from things where folded is not null") == [{"filled": 20}]
    database.rows("alter table things drop constraint no_22")
    lines: list[str] = []
    with database.runner(known, lines) as runner:
        runner.up()
    assert lines[0] == f"{SECOND}: 5 rows filled"


CONTRACT = revision("alter table things drop column folded;", version="20260101000002", phase="contract")
MORE = revision("alter table things add column size bigint;")


def test_nothing_is_contracted_while_an_old_release_serves_and_what_comes_before_waits_with_it(
    database: ScratchDatabase,
) -> None:
    with psycopg.connect(database.dsn("migrator"), autocommit=True) as connection:
        with pytest.raises(MigrationError, match="20260101000002 contracts what a1b2c3, d4e5f6 may need"):
            Runner(connection, [TABLE, MORE, CONTRACT], lambda _: None, old=["a1b2c3", "d4e5f6"]).up()
        runner = Runner(connection, [TABLE, MORE, CONTRACT], lambda _: None, old=[])
        assert [row.version for row in runner.applied()] == [FIRST]
        assert runner.up() == [SECOND, "20260101000002"]


def test_what_contracts_is_kept_back_where_nobody_knows_who_serves(database: ScratchDatabase) -> None:
    lines: list[str] = []
    with database.runner([TABLE, MORE, CONTRACT], lines) as runner:
        assert runner.up() == [SECOND]
    assert lines[0].startswith("kept back: 20260101000002 contracts")


def test_what_a_release_needs_is_not_kept_back_in_silence_behind_what_contracts(database: ScratchDatabase) -> None:
    behind = revision("alter table things add column weight bigint;", version="20260101000003")
    with database.runner([TABLE, MORE, CONTRACT, behind]) as runner:
        with pytest.raises(MigrationError, match="20260101000003 comes behind 20260101000002, which contracts"):
            runner.up()
        assert [row.version for row in runner.applied()] == [FIRST]
        assert runner.up(1) == [SECOND]


def test_a_plan_changes_nothing(database: ScratchDatabase) -> None:
    with database.runner([TABLE, revision("drop table things;")]) as runner:
        assert [migration.version for migration in runner.plan()] == [SECOND]
        assert [row.version for row in runner.applied()] == [FIRST]
    assert database.rows("select count(*) as things from things") == [{"things": 25}]


def test_up_leaves_a_schema_alone_that_is_ahead_and_nothing_else_accepts_it(database: ScratchDatabase) -> None:
    with database.runner([TABLE, MORE]) as newer:
        newer.up()
    lines: list[str] = []
    with database.runner([TABLE], lines) as runner:
        assert runner.up() == []
        assert lines == [f"the schema is ahead: {SECOND} came with a newer release"]
        for strict in (runner.verify, runner.down):
            with pytest.raises(MigrationError, match=f"{SECOND} is applied, but its file is missing"):
                strict()
    assert [row["version"] for row in database.rows("select version from schema_migrations")] == [FIRST, SECOND]


def test_up_refuses_a_version_without_a_file_between_its_own_and_a_file_behind_one_that_is_ahead(
    database: ScratchDatabase,
) -> None:
    with database.runner([TABLE, MORE]) as newer:
        newer.up()
    with database.runner([TABLE, CONTRACT]) as runner, pytest.raises(MigrationError, match="its file is missing"):
        runner.up()
    late = revision("alter table things add column late bigint;", version="20260101000000")
    database.rows("delete from schema_migrations where version = %s", [FIRST])
    with database.runner([late]) as runner, pytest.raises(MigrationError, match=f"{FIRST} is older than {SECOND}"):
        runner.up()


@pytest.mark.parametrize(
    ("action", "code", "said"), [("up", 0, "the schema is ahead: 29991231235959"), ("status", 1, "its file is missing")]
)
def test_the_command_that_comes_before_a_rollback_ends_well(
    database: ScratchDatabase, action: str, code: int, said: str
) -> None:
    applied = [*((each.version, each.sha256) for each in load_migrations()), ("29991231235959", "0" * 64)]
    database.rows("delete from schema_migrations")
    for row in applied:
        database.rows("insert into schema_migrations (version, sha256) values (%s, %s)", row)
    done = subprocess.run(
        [sys.executable, "-m", "system.migrations", action],
        env={"DATABASE_URL": database.url("migrator"), "DATABASE_PASSWORD": database.password("migrator")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, said in done.stdout + done.stderr) == (code, True), done.stdout + done.stderr


def test_of_two_runners_one_waits_and_finds_nothing_to_do(database: ScratchDatabase) -> None:
    known = [TABLE, revision("alter table things add column size bigint;\nselect pg_sleep(0.2);")]
    applied: list[list[str]] = []

    def up() -> None:
        with database.runner(known) as runner:
            applied.append(runner.up())

    both: list[Callable[[], None]] = [up, up]
    threads = [threading.Thread(target=each) for each in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == [[], [SECOND]]
