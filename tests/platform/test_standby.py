"""The standby of a real instance."""

from typing import Any

import psycopg
import pytest

from system.platforms.local.ca import Authority
from system.platforms.local.parts.standby import NAME, SLOT
from tests.platform.bench import Running, wait_for

pytestmark = pytest.mark.xdist_group("platform")


def ask(running: Running, part: str, query: str, user: str = "admin", **options: Any) -> list[tuple[Any, ...]]:
    endpoint = running.layout.addresses.endpoint(part)
    with psycopg.connect(
        host="pg.seatrial.internal",
        hostaddr=endpoint.address,
        port=endpoint.port,
        user=user,
        password=(running.layout.secrets / f"postgres-{user}").read_text(),
        sslmode="verify-full",
        sslrootcert=str(Authority(running.layout.ca).root_certificate),
        autocommit=True,
        **{"dbname": "seatrial", **options},
    ) as connection:
        cursor = connection.execute(query)
        return list(cursor.fetchall()) if cursor.description else []


def streams(running: Running) -> bool:
    found = ask(running, "postgres", "select state, usename from pg_stat_replication")
    return found == [("streaming", "replicator")]


def test_the_standby_streams_through_its_slot_and_follows(running: Running) -> None:
    wait_for(lambda: streams(running))
    assert ask(running, "postgres", "select slot_name, active from pg_replication_slots") == [(SLOT, True)]
    ask(running, "postgres", "create table if not exists followed (n int)")
    wait_for(lambda: ask(running, NAME, "select to_regclass('followed') is not null") == [(True,)])
    assert ask(running, NAME, "select pg_is_in_recovery()") == [(True,)]
    ask(running, "postgres", "drop table followed")


def test_the_replicating_role_can_do_nothing_else(running: Running) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        ask(running, "postgres", "select 1", user="replicator")
    rights = "select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls from pg_roles where rolname = 'replicator'"
    assert ask(running, "postgres", rights) == [(False, False, False, False)]


def test_a_promoted_standby_is_made_again_at_its_restart(running: Running) -> None:
    ask(running, NAME, "select pg_promote()")
    assert running.post("restart", {"part": NAME})["ready"]
    assert ask(running, NAME, "select pg_is_in_recovery()") == [(True,)]
    wait_for(lambda: streams(running))


def test_the_standby_follows_a_primary_that_was_killed(running: Running) -> None:
    before = running.part("postgres")["restarts"]
    running.post("kill", {"part": "postgres"})
    wait_for(lambda: running.ready_again("postgres", before))
    wait_for(lambda: streams(running))
