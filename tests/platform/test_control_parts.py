"""The control calls that strike a part: restart, kill, pause, stop, link, disk."""

import socket

import httpx2
import psycopg
import pytest

from tests.lacking import lacking
from tests.platform.bench import Running, connect, fits
from tests.waiting import wait_for


def test_a_disk_is_filled_under_the_feet_of_its_service_and_freed(running: Running) -> None:
    if "disk" not in running.get("status")["calls"]:
        refused = running.ask("GET", "disk")
        assert refused.status_code == 404
        lacking("mounts", refused.json()["error"])
    before = fits("disks_answer", running.get("disk"))["places"]
    assert [each["part"] for each in before] == ["edge-1", "edge-2", "worker-1"]
    ready = f"http://{running.layout.addresses.endpoint('worker-1')}/readyz"
    try:
        filled = fits("place", running.post("disk", {"part": "worker-1", "full": True}))
        assert (filled["full"], filled["free_bytes"]) == (True, 0)
        wait_for(lambda: httpx2.get(ready).status_code == 503, 5)
        assert not httpx2.get(ready).json()["dependencies"]["disk"]["ok"]
    finally:
        freed = fits("place", running.post("disk", {"part": "worker-1", "full": False}))
    assert not freed["full"]
    wait_for(lambda: httpx2.get(ready).status_code == 200, 5)


def test_restart_puts_settings_in_force_and_an_empty_restart_takes_them_back(running: Running) -> None:
    changed = running.post("restart", {"part": "redis", "settings": {"maxmemory-policy": "allkeys-lru"}})
    assert fits("readiness", changed)["ready"]
    assert running.part("redis")["settings"] == {"maxmemory-policy": "allkeys-lru"}
    assert running.get("config")["parts"]["redis"]["maxmemory-policy"] == "allkeys-lru"
    fits("readiness", running.post("restart", {"part": "redis"}))
    assert running.get("config")["parts"]["redis"]["maxmemory-policy"] == "noeviction"


def test_restart_says_when_settings_keep_a_part_from_becoming_ready(running: Running) -> None:
    answer = fits("readiness", running.post("restart", {"part": "edge-2", "settings": {"CACHE_MAX_BYTES": "none"}}))
    assert not answer["ready"]
    assert "exit code" in answer["reason"]
    assert fits("readiness", running.post("restart", {"part": "edge-2"}))["ready"]


def test_a_restart_at_once_waits_for_nothing(running: Running) -> None:
    settings = {"S3_ENDPOINT": "http://127.0.0.1:1"}
    answer = fits("readiness", running.post("restart", {"part": "edge-2", "settings": settings, "at_once": True}))
    assert (answer["ready"], answer["state"]) == (False, "starting")
    assert running.part("edge-2")["state"] == "starting"
    assert fits("readiness", running.post("restart", {"part": "edge-2"}))["ready"]


def test_postgres_takes_settings_and_hba_lines(running: Running) -> None:
    settings = {"work_mem": "5MB", "hba": "hostssl all observer 127.0.0.1/32 reject\n"}
    assert running.post("restart", {"part": "postgres", "settings": settings})["ready"]
    with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf rejects"):
        connect(running, "observer")
    assert running.post("restart", {"part": "postgres"})["ready"]
    connect(running, "observer").close()


def test_a_killed_part_comes_back_and_is_counted(running: Running) -> None:
    before = running.part("redis")
    assert fits("kill_answer", running.post("kill", {"part": "redis"}))["pids"] == [before["pid"]]
    wait_for(lambda: running.ready_again("redis", before["restarts"]))


def test_a_killed_postmaster_comes_back_although_its_children_outlive_it(running: Running) -> None:
    before = running.part("postgres")
    running.post("kill", {"part": "postgres", "signal": "KILL"})
    wait_for(lambda: running.ready_again("postgres", before["restarts"]), 60)


def test_kill_reaches_a_child_by_its_command(running: Running) -> None:
    before = running.part("postgres")
    assert running.post("kill", {"part": "postgres", "signal": "TERM", "child": "autovacuum launcher"})["pids"]
    answer = running.ask("POST", "kill", {"part": "redis", "child": "ffmpeg"})
    assert answer.status_code == 409
    assert "no process below it" in fits("error", answer.json())["error"]
    assert running.part("postgres")["pid"] == before["pid"]


def test_pause_freezes_a_part_and_resume_lets_it_go_on(running: Running) -> None:
    assert fits("part_state", running.post("pause", {"part": "redis"}))["state"] == "paused"
    assert not running.get("status")["ready"]
    assert fits("part_state", running.post("resume", {"part": "redis"}))["state"] == "ready"


def test_a_stopped_part_stays_down_until_it_is_started(running: Running) -> None:
    assert fits("part_state", running.post("stop", {"part": "redis"}))["state"] == "stopped"
    assert running.part("redis")["pid"] is None
    assert fits("part_state", running.post("start", {"part": "redis"}))["state"] == "ready"


@pytest.mark.parametrize("part", ["edge-2", "pgbouncer", "postgres-standby", "s3", "ingress"])
def test_a_cut_link_lets_nobody_in_until_it_is_opened(running: Running, part: str) -> None:
    found = running.part(part)
    place = found["address"], found["port"]
    assert fits("link_answer", running.post("link", {"part": part, "mode": "partition"}))["sockets"] >= 1
    with pytest.raises(TimeoutError):
        socket.create_connection(place, 0.3)
    assert fits("link_answer", running.post("link", {"part": part, "mode": "open"}))["sockets"] >= 1
    socket.create_connection(place, 30).close()


def test_a_part_that_starts_has_an_open_link(running: Running) -> None:
    running.post("link", {"part": "edge-2", "mode": "partition"})
    running.post("restart", {"part": "edge-2"})
    found = running.part("edge-2")
    socket.create_connection((found["address"], found["port"]), 30).close()


def test_a_link_has_no_other_modes_and_leads_to_no_part_that_is_down(running: Running) -> None:
    assert running.ask("POST", "link", {"part": "edge-2", "mode": "jitter"}).status_code == 400
    running.post("stop", {"part": "edge-2"})
    refused = running.ask("POST", "link", {"part": "edge-2", "mode": "latency"})
    assert "there is no link into it" in fits("error", refused.json())["error"]
    assert fits("link_answer", running.post("link", {"part": "edge-2", "mode": "open"}))["sockets"] == 0
    running.post("start", {"part": "edge-2"})
