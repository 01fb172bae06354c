"""Up and down for real, and every way to die: nothing may be left behind."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from system.platforms.local.layout import PROJECT, Layout
from tests.platform.bench import Running, assert_all_gone, command, pids, run, upping
from tests.waiting import wait_for


def test_up_is_said_to_be_up_already(running: Running) -> None:
    again = run("up", running.layout)
    assert again.returncode == 0
    assert "already up" in again.stdout


def test_up_on_other_ports_names_the_instance_that_holds_the_state(running: Running) -> None:
    other = Layout.of(running.layout.state, running.layout.addresses.base_port + 1)
    again = run("up", other)
    assert again.returncode == 1
    assert "runs on other ports" in again.stderr


def test_status_lists_the_parts(running: Running) -> None:
    shown = run("status", running.layout)
    assert shown.returncode == 0
    assert "frontend-1" in shown.stdout
    assert shown.stdout.splitlines()[-1].startswith("ready, release ")


def test_status_and_down_without_an_instance(layout: Layout) -> None:
    shown = run("status", layout)
    assert (shown.returncode, shown.stdout.split()[0]) == (1, "down")
    stopped = run("down", layout)
    assert (stopped.returncode, "nothing is running" in stopped.stdout) == (0, True)


def test_down_waits_until_all_is_gone_and_state_survives(used: Layout) -> None:
    instance = Running(used)
    done = run("up", used)
    assert done.returncode == 0, done.stdout + done.stderr
    everything = pids(instance)
    path = Path(instance.post("account", {"email": "kept@example.test"})["password_file"])
    password, root = path.read_text(), (used.ca / "root.crt").read_bytes()
    assert instance.post("restart", {"part": "redis", "settings": {"timeout": "60"}})["ready"]
    assert instance.post("switchover", {"to": "redis-replica"})["previous"] == "redis"
    stopped = run("down", used)
    assert stopped.returncode == 0, stopped.stderr
    assert_all_gone(used, everything)
    with upping(used, "up: everything"):
        assert (path.read_text(), (used.ca / "root.crt").read_bytes()) == (password, root)
        assert instance.part("redis")["settings"] == {}
        assert [instance.part(name)["role"] for name in ("redis", "redis-replica")] == ["primary", "replica"]


@pytest.mark.parametrize("victim", ["guardian", "supervisor"])
def test_killing_one_of_the_two_ends_everything(used: Layout, victim: str) -> None:
    with upping(used, "migrations"):
        instance = Running(used)
        everything = pids(instance)
        assert any("checkpointer" in each["command"] for each in instance.get("processes")["processes"])
        (target,) = pids(instance, f"-m system.platforms.local.{victim} ")
        os.kill(target, signal.SIGKILL)
        assert_all_gone(used, everything)


def test_a_closed_lifeline_ends_everything(used: Layout) -> None:
    owner = textwrap.dedent(f"""
        import os, subprocess
        reading, writing = os.pipe()
        subprocess.run({command("up", used)!r} + [f"--lifeline={{reading}}"], pass_fds=[reading], check=True)
        print("owner: up", flush=True)
        input()
    """)
    line = [sys.executable, "-c", owner]
    with subprocess.Popen(line, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert "owner: up\n" in iter(process.stdout.readline, "")
            everything = pids(Running(used))
        finally:
            process.kill()
        assert_all_gone(used, everything)


def test_killing_a_foreground_up_ends_everything(used: Layout) -> None:
    with upping(used, "redis", "--foreground") as process:
        everything = pids(Running(used))
        process.kill()
        assert_all_gone(used, everything)


def test_killing_up_before_it_is_ready_ends_everything(used: Layout) -> None:
    with upping(used, "redis") as process:
        everything = pids(Running(used))
        process.kill()
        assert_all_gone(used, everything)


def test_interrupting_up_tears_everything_down(used: Layout) -> None:
    with upping(used, "redis") as process:
        everything = pids(Running(used))
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert_all_gone(used, everything)


def test_a_part_that_does_not_come_up_fails_up_with_its_last_lines(layout: Layout) -> None:
    layout.make()
    (layout.data / "redis").mkdir()
    (layout.data / "redis" / "appendonlydir").write_text("a file where the directory should be")
    done = run("up", layout)
    assert done.returncode == 1
    assert "up: redis failed: " in done.stderr
    assert "appendonly" in done.stderr
    assert_all_gone(layout, [])


def test_a_taken_port_is_named_with_its_owner(layout: Layout) -> None:
    endpoint = layout.addresses.endpoint("api-2")
    with socket.create_server((endpoint.address, endpoint.port)):
        done = run("up", layout)
    assert done.returncode == 1
    line = f"up: port {endpoint.port} for api-2 is taken on {endpoint.address} by pid {os.getpid()} "
    assert done.stderr.startswith(line)
    assert not (layout.data / "postgres").exists()


def test_two_ups_at_once_start_one_instance(used: Layout) -> None:
    with upping(used, "redis"):
        second = run("up", used)
        assert second.returncode == 1
        assert "runs but is not ready" in second.stderr


def test_a_killed_part_leaves_no_orphans(running: Running) -> None:
    before = running.part("postgres")
    children = [each["pid"] for each in running.get("processes")["processes"] if each["ppid"] == before["pid"]]
    assert children
    running.post("kill", {"part": "postgres"})
    wait_for(lambda: running.ready_again("postgres", before["restarts"]), 60)
    assert not {each["pid"] for each in running.get("processes")["processes"]} & set(children)
