"""A bench with a platform of its own, of one port, and a fault that stops it."""

import contextlib
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

from tests.harness.bench import OPEN, Bench, Run
from tests.harness.tiny_platform import down
from tests.waiting import wait_for

PLATFORM = Path(__file__).with_name("tiny_platform.py")
FAULT = """
from seatrial import fault

@fault("port-stopped", kind="process", caught_by={"INF-TC-01": "closed"})
class PortStopped:
    '''The port's process is stopped.'''
    def strike(self, destroy): destroy.platform.stop("port")
    def in_effect(self, observe): return observe.platform.status().part("port").state == "stopped"
"""


def lasting_port() -> int:
    """Return a free port that no connection is given by chance while its part is stopped (ip_local_port_range begins at 32768)."""
    for port in random.sample(range(24000, 32000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port in a hundred")


class Tiny(Bench):
    """A bench with a platform of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, lasting_port())
        self.state = folder / "state"
        self.profile(
            'max_impact = "destroy"',
            f'[platform]\ncommand = ["python", "{PLATFORM}", "{self.state}", "{self.port}"]',
            f'socket = "{self.state}/control.sock"\nstate = "{self.state}"\ndisposable = true',
        )
        self.suite(OPEN)
        self.fault(FAULT)

    def fault(self, text: str, name: str = "infra/port.py") -> None:
        """Write a fault file."""
        file = self.folder / "faults" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def seatrial(self, *arguments: str) -> Run:
        """Run a command of the harness with the bench's profile."""
        return self.run("-m", "seatrial", *arguments, "--profile", "here.toml")

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start a command of the harness and go on."""
        return self._begin("seatrial", *arguments, "--profile", "here.toml")

    def start_pytest(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start raw pytest on the suites and go on."""
        return self._begin("pytest", *self.raw(), *arguments)

    def _begin(self, *arguments: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )

    def end(self) -> None:
        """Have the platform end."""
        assert down(self.state) == 0

    def is_open(self) -> bool:
        """Tell whether the part's port accepts."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def struck(tiny: Tiny) -> "subprocess.Popen[bytes]":
    """Start a prove that hangs in mid-strike, with the port down."""
    tiny.fault(
        FAULT.replace('.state == "stopped"', '.state == "never"').replace('"process",', '"process", takes_s=60,')
    )
    tiny.seatrial("up")
    process = tiny.start("prove", "--faults", "faults", "--suites", "suites")
    wait_for(lambda: (tiny.state / "undo.jsonl").exists() and not tiny.is_open(), what="the strike")
    return process
