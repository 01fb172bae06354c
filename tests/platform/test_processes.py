"""Process tree, listeners, children and keepers, with real processes."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from system.platforms.local import processes
from system.platforms.local.addresses import DEFAULT_BASE_PORT, Endpoint
from system.platforms.local.children import Child, Children, Command
from system.platforms.local.errors import PartFailed
from system.platforms.local.keeper import Keeper, State
from system.platforms.local.layout import PROJECT, Layout
from system.platforms.local.listeners import Listener, listeners
from system.platforms.local.part import Part
from system.platforms.local.programs import Programs
from tests.lacking import lacking

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
NOTHING: dict[str, Any] = {each.name: Path("/nonexistent") for each in fields(Programs)}
NOWHERE = Programs(**NOTHING)


def test_a_subreaper_kills_even_what_has_left_its_session() -> None:
    code = textwrap.dedent("""
        import os, subprocess
        from system.platforms.local.processes import become_subreaper, descendants, kill_descendants
        become_subreaper()
        subprocess.run(["sh", "-c", "setsid sh -c 'sleep 60 & sleep 60' & sleep 0"], check=True)
        while len(descendants(os.getpid())) < 3:
            pass
        left = [each.pid for each in descendants(os.getpid())]
        kill_descendants()
        print(sum(os.path.exists(f"/proc/{pid}") for pid in left))
    """)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == "0\n"


def test_the_table_shows_commands_and_knows_who_is_not_there() -> None:
    assert "python" in processes.table()[os.getpid()].command
    assert processes.find(0) is None


def test_a_listener_is_found_with_its_owner() -> None:
    with socket.create_server(("127.0.0.9", 0)) as server:
        port = server.getsockname()[1]
        (ours,) = [each for each in listeners() if (each.address, each.port) == ("127.0.0.9", port)]
        assert ours.pid == os.getpid()
    assert not [each for each in listeners() if (each.address, each.port) == ("127.0.0.9", port)]


@pytest.mark.parametrize(
    ("listening", "asked", "refused"),
    [
        ("127.0.0.9", ("127.0.0.9", 80), True),
        ("127.0.0.9", ("127.0.0.8", 80), False),
        ("127.0.0.9", ("127.0.0.9", 81), False),
        ("0.0.0.0", ("127.0.0.9", 80), True),  # noqa: S104 - compared, not bound
        ("::", ("127.0.0.9", 80), True),
    ],
)
def test_a_listener_keeps_others_from_its_port_at_its_address(
    listening: str, asked: tuple[str, int], refused: bool
) -> None:
    assert Listener(listening, 80, None).covers(*asked) is refused


def test_an_ipv6_listener_is_decoded() -> None:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError as error:
        lacking("ipv6", str(error))
    with server:
        assert ("::1", server.getsockname()[1]) in [(each.address, each.port) for each in listeners()]


class Shell(Part):
    """A part that runs a line of shell; ready when its file is there."""

    stop_grace_s = 0.3
    ready_deadline_s = 5.0

    def __init__(self, directory: Path, script: str) -> None:
        super().__init__(Layout.of(directory, DEFAULT_BASE_PORT), NOWHERE, "shell", "shell", Endpoint("127.0.0.1", 1))
        self.directory = directory
        self.script = script
        self.flag = directory / "ready"
        self.layout.logs.mkdir()

    async def prepare(self) -> None:
        self.flag.unlink(missing_ok=True)

    def command(self) -> Command:
        return Command(["sh", "-c", self.script], ENVIRONMENT, self.directory)

    async def probe(self) -> str:
        return "" if self.flag.exists() else "no flag yet"

    def config(self) -> dict[str, str]:
        return {}


def keeping(part: Shell, work: Callable[[Keeper], Awaitable[None]]) -> list[str]:
    """Run a keeper in a loop of its own; give what it told."""
    told: list[str] = []

    async def main() -> None:
        keeper = Keeper(part, Children(), told.append)
        keeper.start()
        try:
            await work(keeper)
        finally:
            await keeper.stop()
            asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)

    asyncio.run(main())
    return told


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for is in the kernel
            await asyncio.sleep(0.01)


def test_a_part_that_ends_is_started_again_and_counted(tmp_path: Path) -> None:
    async def work(keeper: Keeper) -> None:
        await keeper.wait_ready()
        keeper.kill(signal.SIGKILL, None)
        await until(lambda: keeper.restarts == 1 and keeper.state is State.READY)

    told = keeping(Shell(tmp_path, "touch ready; exec sleep 60"), work)
    assert told == ["shell: killed by SIGKILL; restarting"]


def test_a_part_that_never_becomes_ready_fails_with_its_last_line(tmp_path: Path) -> None:
    async def work(keeper: Keeper) -> None:
        with pytest.raises(PartFailed, match="shell: ended with exit code 7: no such luck"):
            await keeper.wait_ready()
        await until(lambda: keeper.restarts > 0)
        assert keeper.state is State.STARTING

    keeping(Shell(tmp_path, "echo no such luck; exit 7"), work)


def test_a_part_that_stays_unready_fails_at_its_deadline(tmp_path: Path) -> None:
    part = Shell(tmp_path, "exec sleep 60")
    part.ready_deadline_s = 0.2

    async def work(keeper: Keeper) -> None:
        with pytest.raises(PartFailed, match=r"not ready after 0.2 s: no flag yet"):
            await keeper.wait_ready()

    keeping(part, work)


def test_a_part_that_ignores_its_signal_is_killed_after_its_grace(tmp_path: Path) -> None:
    pids: list[int | None] = []

    async def work(keeper: Keeper) -> None:
        await keeper.wait_ready()
        pids.append(keeper.pid)

    keeping(Shell(tmp_path, "trap '' TERM; touch ready; while :; do sleep 1; done"), work)
    assert pids[0] is not None
    assert processes.find(pids[0]) is None


def test_a_paused_part_is_frozen_with_all_below_it_and_can_be_stopped(tmp_path: Path) -> None:
    async def work(keeper: Keeper) -> None:
        await keeper.wait_ready()
        keeper.pause()
        assert keeper.pid is not None
        tree = [keeper.pid, *(each.pid for each in processes.descendants(keeper.pid))]
        assert len(tree) == 2
        await until(lambda: all(process.state == "T" for pid in tree if (process := processes.find(pid))))
        with pytest.raises(PartFailed, match="only a ready part can be paused"):
            keeper.pause()

    keeping(Shell(tmp_path, "sleep 60 & touch ready; wait"), work)


def test_a_program_that_cannot_be_started_is_a_failure_of_its_part(tmp_path: Path) -> None:
    part = Shell(tmp_path, "")
    part.command = lambda: Command(["/nonexistent/program"], ENVIRONMENT, tmp_path)  # type: ignore[method-assign]

    async def work(keeper: Keeper) -> None:
        with pytest.raises(PartFailed, match="nonexistent"):
            await keeper.wait_ready()

    keeping(part, work)


def running(tmp_path: Path, script: str, deadline_s: float = 30.0) -> str:
    """Run a script to its end; give what it printed."""

    async def main() -> str:
        children = Children()
        try:
            return await children.run(
                "job", Command(["sh", "-c", script], ENVIRONMENT, tmp_path), tmp_path / "log", deadline_s=deadline_s
            )
        finally:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)

    return asyncio.run(main())


def test_a_run_gives_what_this_run_printed(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before\n")
    assert running(tmp_path, "echo now") == "now\n"


def test_a_failing_run_names_code_and_last_line(tmp_path: Path) -> None:
    with pytest.raises(PartFailed, match="job: exit code 3: the reason"):
        running(tmp_path, "echo first; echo the reason; exit 3")


def test_a_run_beyond_its_deadline_is_killed(tmp_path: Path) -> None:
    with pytest.raises(PartFailed, match=r"job: not finished after 0.1 s"):
        running(tmp_path, "exec sleep 60", deadline_s=0.1)


def test_a_run_that_is_cancelled_as_it_ends_does_not_go_on(tmp_path: Path) -> None:
    class Seen(Children):
        def spawn(self, *arguments: Any, **options: Any) -> Child:
            self.last = super().spawn(*arguments, **options)
            return self.last

    async def main() -> bool:
        children = Seen()
        command = Command(["sleep", "60"], ENVIRONMENT, tmp_path)
        job = asyncio.create_task(children.run("job", command, tmp_path / "job.log"))
        await until(lambda: hasattr(children, "last"))
        os.kill(children.last.pid, signal.SIGKILL)
        children.last.exited.set_result(0)  # as on a SIGCHLD
        await asyncio.sleep(0)
        job.cancel()
        await asyncio.wait({job})
        await until(lambda: processes.find(children.last.pid) is None)
        return job.cancelled()

    assert asyncio.run(main())
