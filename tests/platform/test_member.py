"""A member's first process: the server that its manager lets go of ends with it. The manager is a stand-in here."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from system.platforms.local.layout import PROJECT
from tests.waiting import wait_for

SERVER = """
import os, pathlib, signal, sys
data = pathlib.Path(sys.argv[1])
def stop(*_):
    (data / "stopped").touch()
    sys.exit(0)
signal.signal(signal.SIGINT, stop)
(data / "half").write_text(str(os.getpid()))
(data / "half").rename(data / "postmaster.pid")
signal.pause()
"""
LETS_GO = """
    import os, pathlib, subprocess, sys, time
    def patroni_main(orders):
        server = [sys.executable, "-c", {server!r}, orders]
        subprocess.run([sys.executable, "-c", "import subprocess, sys; subprocess.Popen(sys.argv[1:])", *server])
        while not pathlib.Path(orders, "postmaster.pid").exists():
            time.sleep(0.01)
"""
IS_TOLD = """
    import pathlib, signal, sys
    def patroni_main(orders):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
        pathlib.Path(orders, "ready").touch()
        signal.pause()
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def member(folder: Path, data: Path, manager: str) -> "subprocess.Popen[bytes]":
    (folder / "patroni").mkdir()
    (folder / "patroni/__init__.py").touch()
    (folder / "patroni/__main__.py").write_text(textwrap.dedent(manager))
    line = [sys.executable, "-m", "system.platforms.local.member", f"--data={data}", f"--tools={folder}", str(data)]
    return subprocess.Popen(line, env={"PATH": os.defpath, "PYTHONPATH": f"{folder}:{PROJECT}"})


def test_a_server_that_was_let_go_of_is_stopped_in_order(tmp_path: Path, data: Path) -> None:
    with member(tmp_path, data, LETS_GO.format(server=SERVER)) as process:
        assert process.wait(30) == 0
    server = int((data / "postmaster.pid").read_text())
    assert (data / "stopped").exists()
    assert not Path(f"/proc/{server}").exists()


def test_who_is_asked_to_end_is_the_manager_and_its_word_counts(tmp_path: Path, data: Path) -> None:
    with member(tmp_path, data, IS_TOLD) as process:
        wait_for((data / "ready").exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 3
