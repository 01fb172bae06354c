"""Figures of what does not answer: down, never missing, and in time."""

import asyncio
import socket
from pathlib import Path

import psycopg
import pytest

from system.platforms.local import exporter
from system.platforms.local.bootstrap_postgres import DATABASE
from system.platforms.local.ca import Authority
from system.platforms.local.layout import Layout
from system.platforms.local.measures import Figure, Measures
from system.platforms.local.secret_files import SecretFiles
from tests.platform.bench import free_layout
from tests.platform.lone import idle_instance, lone_server

UP = {
    "instance_ready": {"api-1"},
    "postgres_up": {"postgres", "postgres-standby"},
    "postgres_standby_streaming": {"postgres", "postgres-standby"},
    "redis_up": {"redis", "redis-replica"},
    "redis_replica_linked": {"redis", "redis-replica"},
    "pooler_up": {"pgbouncer"},
    "storage_up": {"s3"},
    "public_up": {"app.seatrial.localhost", "play.seatrial.localhost"},
}


@pytest.fixture
def empty(tmp_path: Path) -> Layout:
    layout = free_layout(tmp_path)
    layout.make()
    SecretFiles(layout.secrets).make_all()
    Authority(layout.ca).ensure_root()
    return layout


def down(figures: list[Figure]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for figure in figures:
        if figure.name in UP:
            assert figure.value == 0.0, figure
            found.setdefault(figure.name, set()).add(figure.labels["component"])
    return found


def test_where_nobody_listens_everything_is_down(empty: Layout) -> None:
    assert down(asyncio.run(Measures(empty, ["app", "play"]).all({"api-1": empty.addresses.endpoint("api-1")}))) == UP


def test_where_everything_hangs_everything_is_down(empty: Layout) -> None:
    names = ("postgres", "postgres-standby", "redis", "redis-replica", "pgbouncer", "s3", "https", "api-1")
    places = [empty.addresses.endpoint(name) for name in names]
    listening = [socket.create_server((each.address, each.port)) for each in places]
    try:
        figures = asyncio.run(Measures(empty, ["app", "play"]).all({"api-1": empty.addresses.endpoint("api-1")}))
    finally:
        for each in listening:
            each.close()
    assert down(figures) == UP


def test_a_disk_has_a_figure_where_the_instance_has_one_of_its_own(
    empty: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {name: empty.addresses.endpoint(name) for name in ("api-1", "worker-1", "edge-1")}
    empty.work("worker-1").mkdir(parents=True)
    empty.work("edge-1").mkdir(parents=True)
    mounted = empty.work("worker-1").parent
    monkeypatch.setattr(Path, "is_mount", lambda path: path == mounted)
    figures = asyncio.run(Measures(empty, []).all(places))
    by_name = {
        name: {each.labels["component"]: each.value for each in figures if each.name == name}
        for name in ("disk_free_bytes", "disk_free_limit_bytes")
    }
    assert by_name["disk_free_bytes"].keys() == by_name["disk_free_limit_bytes"].keys() == {"state", "worker-1"}
    assert by_name["disk_free_limit_bytes"]["worker-1"] == (1 << 30) / 10


def test_a_segment_that_cannot_be_archived_waits_and_nothing_waits_while_nobody_writes(empty: Layout) -> None:
    async def main() -> tuple[float, float]:
        archiving = {"archive_mode": "on", "archive_command": "false"}
        async with idle_instance(empty) as instance, lone_server(empty, instance.children, archiving) as server:
            measures = Measures(empty, [])
            at_rest = oldest(await measures.all({}))
            async with await psycopg.AsyncConnection.connect(server.admin_dsn(DATABASE)) as connection:
                await connection.execute("select pg_logical_emit_message(true, 'heartbeat', '')")
                await connection.execute("select pg_switch_wal()")
            return at_rest, oldest(await measures.all({}))

    def oldest(figures: list[Figure]) -> float:
        return next(each.value for each in figures if each.name == "archive_oldest_seconds")

    at_rest, behind = asyncio.run(main())
    assert at_rest == 0.0 < behind


def test_a_job_that_is_put_back_again_and_again_waits_since_it_was_made(empty: Layout) -> None:
    async def main() -> list[Figure]:
        async with idle_instance(empty) as instance, lone_server(empty, instance.children) as server:
            measures = Measures(empty, [])
            async with await psycopg.AsyncConnection.connect(server.admin_dsn(DATABASE)) as connection:
                await connection.execute(
                    """create table jobs as select 'queued' as state, now() - interval '1 hour' as created_at,
                       now() as updated_at, null::timestamptz as lease_until"""
                )
                await connection.execute("grant usage on schema public to observer")
                await connection.execute("grant select on jobs to observer")
            figures = await measures.all({})
            await measures._sessions["postgres"].close()
            return figures

    figures = asyncio.run(main())
    assert next(each.value for each in figures if each.name == "queue_oldest_seconds") >= 3600


def test_the_list_of_targets_stays_while_the_platform_does_not_answer(empty: Layout) -> None:
    file = empty.run / "targets.json"
    file.write_text("as it was")
    exporter.list_targets(empty)
    assert file.read_text() == "as it was"
