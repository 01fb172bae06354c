"""The cluster of a real instance: who follows whom, who takes whose place, and how it comes back."""

import json
import ssl
import urllib.error
import urllib.request
from typing import Any

import psycopg
import pytest

from system.platforms.local.addresses import MEMBERS
from system.platforms.local.ca import Authority
from tests.platform.bench import Running, connect
from tests.waiting import wait_for

FIRST, SECOND = MEMBERS
FAILED_OVER_S = 40.0  # Patroni waits for its time to live, 20 s, and the machine may be busy
BACK_S = 60.0


def ask(running: Running, part: str, query: str, user: str = "admin") -> list[tuple[Any, ...]]:
    with connect(running, user, part, connect_timeout="2") as connection:
        connection.autocommit = True
        cursor = connection.execute(query)
        return list(cursor.fetchall()) if cursor.description else []


def shipped(running: Running) -> bool:
    """Say whether the first member is the primary and the second one in sync with it: by themselves, for Patroni may be behind."""
    members = {each["name"]: each for each in running.get("cluster")["members"]}
    if members.keys() != set(MEMBERS) or (members[FIRST]["role"], members[SECOND]["role"]) != (
        "primary",
        "sync_standby",
    ):
        return False
    try:
        sent = ask(running, FIRST, "select application_name, state, sync_state from pg_stat_replication")
    except psycopg.OperationalError:
        return False
    return (SECOND, "streaming", "sync") in sent


def primary_through_the_pooler(running: Running) -> str | None:
    """Say whose writes a service's are by now."""
    ports = {running.layout.addresses.endpoint(each).port: each for each in MEMBERS}
    try:
        ((recovering, port),) = ask(
            running, "pgbouncer", "select pg_is_in_recovery(), current_setting('port')::int", user="api"
        )
    except psycopg.OperationalError:
        return None
    return None if recovering else ports[port]


def put_back(running: Running) -> None:
    running.post("switchover", {"to": FIRST})
    wait_for(lambda: shipped(running), BACK_S)


def test_the_standby_streams_through_its_slot_in_sync(running: Running) -> None:
    wait_for(lambda: shipped(running), BACK_S)
    senders = "select application_name, state, sync_state, usename from pg_stat_replication"
    assert ask(running, FIRST, senders) == [(SECOND, "streaming", "sync", "replicator")]
    slots = "select slot_name, active from pg_replication_slots"
    assert ask(running, FIRST, slots) == [("postgres_standby", True)]
    ask(running, FIRST, "create table if not exists followed (n int)")
    wait_for(lambda: ask(running, SECOND, "select to_regclass('followed') is not null") == [(True,)])
    assert ask(running, SECOND, "select pg_is_in_recovery()") == [(True,)]
    ask(running, FIRST, "drop table followed")


def test_the_replicating_role_can_do_nothing_else(running: Running) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        ask(running, FIRST, "select 1", user="replicator")
    rights = "select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls from pg_roles where rolname = 'replicator'"
    assert ask(running, FIRST, rights) == [(False, False, False, False)]


def test_a_primary_that_comes_back_in_time_stays_the_primary(running: Running) -> None:
    wait_for(lambda: shipped(running), BACK_S)
    before = running.part(FIRST)["restarts"]
    running.post("kill", {"part": FIRST})
    wait_for(lambda: running.ready_again(FIRST, before), BACK_S)
    wait_for(lambda: shipped(running), BACK_S)


def test_a_primary_restarted_with_settings_stays_the_primary(running: Running) -> None:
    wait_for(lambda: shipped(running), BACK_S)
    before = running.part(FIRST)["pid"]
    assert running.post("restart", {"part": FIRST, "settings": {"max_connections": "45"}})["ready"]
    assert ask(running, FIRST, "select pg_is_in_recovery(), current_setting('max_connections')") == [(False, "45")]
    assert running.post("restart", {"part": FIRST})["ready"]
    assert ask(running, FIRST, "show max_connections") == [("60",)]
    assert running.part(FIRST)["pid"] == before
    wait_for(lambda: shipped(running), BACK_S)


def test_a_lost_primary_is_replaced_and_comes_back_as_a_standby(running: Running) -> None:
    wait_for(lambda: shipped(running), BACK_S)
    ask(running, FIRST, "create table kept as select generate_series(1, 1000) as n")
    running.post("kill", {"part": FIRST, "stay_down": True})
    assert running.part(FIRST)["state"] == "stopped"
    wait_for(lambda: primary_through_the_pooler(running) == SECOND, FAILED_OVER_S)
    assert ask(running, SECOND, "select count(*), sum(n) from kept") == [(1000, 500500)]
    ask(running, SECOND, "drop table kept")
    archived = "select archived_count > 0 from pg_stat_archiver"
    ask(running, SECOND, "select pg_switch_wal()")
    wait_for(lambda: ask(running, SECOND, archived) == [(True,)], BACK_S)
    assert running.post("start", {"part": FIRST})["state"] == "ready"
    assert ask(running, FIRST, "select pg_is_in_recovery()") == [(True,)]
    put_back(running)
    assert primary_through_the_pooler(running) == FIRST
    assert ask(running, FIRST, "select to_regclass('kept') is null") == [(True,)]


def test_a_switchover_moves_the_primary_and_the_pooler(running: Running) -> None:
    wait_for(lambda: shipped(running), BACK_S)
    moved = running.post("switchover", {"to": SECOND})
    assert (moved["primary"], moved["previous"]) == (SECOND, FIRST)
    assert primary_through_the_pooler(running) == SECOND
    assert {each: running.part(each)["role"] for each in MEMBERS}[SECOND] == "primary"
    put_back(running)
    again = running.post("switchover", {"to": FIRST})
    assert (again["primary"], again["previous"]) == (FIRST, FIRST)


def test_a_lost_standby_is_filled_again(running: Running) -> None:
    wait_for(lambda: shipped(running), BACK_S)
    born = (running.layout.data / SECOND / "PG_VERSION").stat().st_ino
    running.post("lose", {"part": SECOND})
    wait_for(lambda: shipped(running), BACK_S)
    assert (running.layout.data / SECOND / "PG_VERSION").stat().st_ino != born
    refused = running.ask("POST", "lose", {"part": "redis"})
    assert (refused.status_code, "can be lost" in refused.json()["error"]) == (400, True)


def test_in_maintenance_nothing_takes_the_place_of_a_primary_that_is_stopped(running: Running) -> None:
    wait_for(lambda: shipped(running), BACK_S)
    running.post("maintenance", {"on": True})
    try:
        assert running.get("cluster")["maintenance"]
        running.post("stop", {"part": FIRST})
        assert ask(running, SECOND, "select pg_is_in_recovery()") == [(True,)]
        assert running.post("start", {"part": FIRST})["state"] == "ready"
        assert ask(running, FIRST, "select pg_is_in_recovery()") == [(False,)]
    finally:
        running.post("maintenance", {"on": False})
    wait_for(lambda: shipped(running), BACK_S)


def test_a_second_primary_is_taken_back_once_maintenance_has_ended(running: Running) -> None:
    wait_for(lambda: shipped(running), BACK_S)
    running.post("maintenance", {"on": True})
    ask(running, SECOND, "select pg_promote()")
    ask(running, SECOND, "create table diverged (n int)")
    running.post("maintenance", {"on": False})
    wait_for(lambda: shipped(running), BACK_S)
    assert ask(running, SECOND, "select pg_is_in_recovery(), to_regclass('diverged') is null") == [(True, True)]


def test_a_member_says_that_it_is_not_to_become_the_primary(running: Running) -> None:
    wait_for(lambda: shipped(running), BACK_S)
    marked = {each["name"]: each["nofailover"] for each in running.get("cluster")["members"]}
    assert marked == dict.fromkeys(MEMBERS, False)
    assert running.post("restart", {"part": SECOND, "settings": {"nofailover": "true"}})["ready"]
    wait_for(lambda: {each["name"]: each["nofailover"] for each in running.get("cluster")["members"]}[SECOND])
    assert running.post("restart", {"part": SECOND})["ready"]
    wait_for(lambda: shipped(running), BACK_S)


def test_patroni_changes_nothing_for_whoever_has_no_password(running: Running) -> None:
    place = running.layout.addresses.endpoint(f"{FIRST}-manager")
    tls = ssl.create_default_context(cafile=str(Authority(running.layout.ca).root_certificate))
    url = f"https://{place}"
    with urllib.request.urlopen(f"{url}/cluster", context=tls, timeout=5) as answer:  # noqa: S310 - the scheme is here
        assert json.load(answer)["scope"] == "seatrial"
    pause = urllib.request.Request(f"{url}/config", method="PATCH", data=b'{"pause": true}')  # noqa: S310
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(pause, context=tls, timeout=5)  # noqa: S310
    with refused.value as error:
        assert error.code == 401
    assert not running.get("cluster")["maintenance"]
