"""A small environment to try the harness on: one open port, one profile, suites written by the test."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import jsonschema

import seatrial
from seatrial import expected
from seatrial.outcome import Level, Severity

SCHEMA = json.loads((Path(seatrial.__path__[0]) / "verdict.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
CHECK = re.compile(r"@check\(['\"]([A-Z0-9-]+)['\"], severity=(\w+)(.*)\)\n(?:@.*\n)*def (\w+)\((.*)\)")
WORDS = re.compile("observe|exercise|disrupt|destroy")
RUN_LIMIT_S = 120
HEAD = "from seatrial import *\nfrom seatrial import BLOCKER, MINOR\nimport pytest\n"

OPEN = """
@check("INF-TC-01", severity=BLOCKER, component="port")
def test_open(observe):
    '''The port is open.'''
    require(observe.tcp.connect("127.0.0.1", observe.target("port")) == "open", "open", "closed")
"""
CLOSED = """
@check("INF-TC-02", severity=BLOCKER, component="port")
def test_closed(observe):
    '''The port is closed.'''
    seen = observe.tcp.connect("127.0.0.1", observe.target("port"))
    require(seen == "refused", "the port refuses", seen)
"""


@dataclass(frozen=True)
class Run:
    """How a command ended."""

    code: int
    output: str
    verdict: dict[str, Any] | None

    def outcome(self, check: str) -> str:
        """Return a check's outcome from verdict.json."""
        assert self.verdict, self.output
        return next((row["outcome"] for row in self.verdict["results"] if row["id"] == check), "MISSING")

    def reason(self, check: str) -> str:
        """Return why a check was INVALID or NOT-RUN."""
        assert self.verdict, self.output
        return next(str(row["reason"]) for row in self.verdict["results"] if row["id"] == check)


def output_of(file: TextIO) -> str:
    """Return all that was written so far."""
    file.seek(0)
    return file.read()


class Bench:
    """Writes suites and runs the gate or pytest on them, from outside."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.profile('max_impact = "exercise"')

    def profile(self, *lines: str) -> None:
        """Write the profile."""
        body = "\n".join(lines)
        (self.folder / "here.toml").write_text(f'name = "here"\n{body}\n[urls]\n[targets]\nport = {self.port}\n')

    def suite(self, body: str, name: str = "infra/test_port.py", *, expect: bool = True) -> None:
        """Write a suite file, and the expected list from what stands there now."""
        file = self.folder / "suites" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(HEAD + body)
        if expect:
            self.expect()

    def expect(self) -> None:
        """Write expected.toml from the texts of the suites."""
        root, rows = self.folder / "suites", []
        for file in sorted(root.rglob("*.py")):
            for name, severity, rest, test, fixtures in CHECK.findall(file.read_text()):
                level = max((Level.parse(word) for word in WORDS.findall(fixtures)), default=Level.OBSERVE)
                place = str(file.relative_to(root))
                marks = ("alone=True" in rest, "plan=" in rest)
                rows.append(expected.Row(name, place, test, Severity(severity.lower()), level, *marks))
        expected.write(root, rows)

    def gate(self, *arguments: str) -> Run:
        """Run `seatrial gate`."""
        return self.run("-m", "seatrial", "gate", "--profile", "here.toml", "--suites", "suites", *arguments)

    def pytest(self, *arguments: str, env: dict[str, str] | None = None) -> Run:
        """Run raw pytest on the suites."""
        return self.run("-m", "pytest", *self.raw(), *(arguments or ("suites",)), env=env)

    def raw(self) -> tuple[str, ...]:
        """Return the options that raw pytest is given."""
        configuration = str(Path("pyproject.toml").resolve())
        return ("-c", configuration, "--rootdir", str(self.folder), "--profile", "here.toml")

    def run(self, *arguments: str, env: dict[str, str] | None = None) -> Run:
        """Run Python with the arguments in the bench's folder."""
        verdict = self.folder / "reports/out/verdict.json"
        verdict.unlink(missing_ok=True)
        with (self.folder / "output.txt").open("w+") as output:
            # A file, not a pipe: a pipe that a forgotten grandchild holds open would keep us waiting for ever.
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(Path.cwd()), **(env or {})},
            )
            try:
                process.wait(RUN_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise AssertionError(f"no end within {RUN_LIMIT_S} s:\n{output_of(output)}") from None
            text = output_of(output)
        data = json.loads(verdict.read_text()) if verdict.exists() else None
        if data is not None:
            VALIDATOR.validate(data)
        return Run(process.returncode, text, data)
