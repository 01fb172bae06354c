"""Restores by the platform: a scratch server that has what the live one had at a moment."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jsonschema
import psycopg
import pytest

from tests.platform.bench import Running, run, schema
from tests.platform.scratch import ScratchDatabase
from tests.platform.stored import live

SCHEMA = schema()


@contextmanager
def restored(running: Running, **asked: str) -> Iterator[ScratchDatabase]:
    answer = running.post("restore", asked)
    try:
        jsonschema.validate(answer, {**SCHEMA, "$ref": "#/$defs/restore_answer"})
        yield ScratchDatabase(answer)
    finally:
        running.ask("DELETE", f"scratch/{answer['id']}").raise_for_status()


@pytest.fixture
def kept(running: Running) -> Iterator[dt.datetime]:
    """A table of a thousand rows, and the moment before somebody deletes half of them."""
    live(running, "create table kept as select generate_series(1, 1000) as n")
    ((moment,),) = live(running, "select clock_timestamp()")
    live(running, "delete from kept where n > 500")
    answer = running.post("archive")
    jsonschema.validate(answer, {**SCHEMA, "$ref": "#/$defs/archive_answer"})
    try:
        yield moment
    finally:
        live(running, "drop table kept")


def counted(server: ScratchDatabase) -> list[dict[str, Any]]:
    return server.rows("select count(*)::int as rows, sum(n)::int as sum from kept")


def test_recovery_to_a_moment_has_all_of_before_and_nothing_of_after(running: Running, kept: dt.datetime) -> None:
    with restored(running, to=kept.isoformat()) as server:
        assert counted(server) == [{"rows": 1000, "sum": 500500}]
        assert server.answer["at"] <= kept.isoformat()
        ((ours,),) = live(running, "select ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int")
        assert server.answer["timeline"] == ours + 1, "its own, beside the live server's"
        for log in (server.answer["id"], f"{server.answer['id']}-fetch"):  # the runbooks have people read them
            assert running.get(f"logs?part={log}&lines=5")["lines"]


def test_without_a_moment_everything_that_was_archived_is_there(running: Running, kept: dt.datetime) -> None:
    segment = running.post("archive")["segment"]
    with restored(running) as server:
        assert counted(server) == [{"rows": 500, "sum": 125250}]
        assert server.answer["segment"] == segment
        assert dt.datetime.fromisoformat(server.answer["ended"]) < kept


def test_a_restored_server_archives_nothing_and_opens_for_its_own_superuser_alone(running: Running) -> None:
    running.post("archive")
    with restored(running) as server:
        assert server.rows("show archive_mode") == [{"archive_mode": "off"}]
        assert server.answer["user"] == "admin"
        where = {name: server.answer[name] for name in ("host", "port", "dbname")}
        for user in ("admin", "api"):
            password = (running.layout.secrets / f"postgres-{user}").read_text()
            with pytest.raises(psycopg.OperationalError, match=r"password authentication failed|no pg_hba\.conf entry"):
                psycopg.connect(**where, user=user, password=password, sslmode="require")


def test_a_moment_that_is_not_in_the_archive_yet_is_an_error_and_leaves_no_server(running: Running) -> None:
    before = {part["name"] for part in running.get("status")["parts"]}
    ahead = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    answer = running.ask("POST", "restore", {"to": ahead.isoformat()})
    assert answer.status_code == 409
    assert "recovery ended before configured recovery target was reached" in answer.json()["error"]
    assert {part["name"] for part in running.get("status")["parts"]} == before
    assert not list((running.layout.data / "scratch").iterdir())


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ({"backup": "20200101T000000"}, 409, "there is no whole backup 20200101T000000"),
        ({"to": "2020-01-01T00:00:00+00:00"}, 409, "there is no whole backup that ended before"),
        ({"to": "yesterday"}, 400, "to: expected a moment"),
        ({"to": "2026-01-31T13:04:00"}, 400, "to: expected a moment"),
    ],
)
def test_what_cannot_be_restored_is_refused_with_one_line(
    running: Running, asked: dict[str, str], status: int, words: str
) -> None:
    answer = running.ask("POST", "restore", asked)
    assert (answer.status_code, words in answer.json()["error"]) == (status, True), answer.text


def test_the_command_says_how_to_look_into_the_restored_server_and_how_to_drop_it(running: Running) -> None:
    done = run("restore", running.layout)
    assert done.returncode == 0, done.stderr
    name = done.stdout.strip().splitlines()[-1].rpartition("/")[2]
    try:
        assert "connect: PGPASSWORD=$(cat " in done.stdout
    finally:
        running.ask("DELETE", f"scratch/{name}").raise_for_status()
