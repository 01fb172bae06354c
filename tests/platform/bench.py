"""A running instance, driven from outside: the command line and the control socket."""

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx2
import jsonschema
import psycopg
import redis

from seatrial.platform_socket import CHANGE_TIMEOUT_S
from system.platforms.local import http_probe, lock, processes
from system.platforms.local.addresses import INSTANCES, Addresses
from system.platforms.local.errors import PlatformError
from system.platforms.local.layout import PROJECT, Layout
from system.platforms.local.preflight import check_ports
from tests.waiting import wait_for

_FIRST_BASE, _LAST_BASE, _STEP = 10250, 21750, 500


def free_layout(state: Path) -> Layout:
    """Find a base port whose ports are all free, in turns with the other workers, who are looking at the same time."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    for base in range(_FIRST_BASE + number * _STEP, _LAST_BASE, workers * _STEP):
        layout = Layout(state, Addresses(base))
        try:
            check_ports(layout)
        except PlatformError:
            continue
        return layout
    raise PlatformError("no free block of ports for the tests")


def command(name: str, layout: Layout, *options: str, watched: bool = False) -> list[str]:
    """Give the command line of one platform command; by default nothing watches, which would take from what is tested."""
    of_up = [f"--base-port={layout.addresses.base_port}", *([] if watched else ["--unwatched"])]
    own = of_up if name == "up" else []
    return [sys.executable, "-m", "system.platforms.local", name, f"--state={layout.state}", *own, *options]


def run(
    name: str, layout: Layout, *options: str, watched: bool = False, pass_fds: tuple[int, ...] = ()
) -> "subprocess.CompletedProcess[str]":
    """Run one platform command to its end."""
    return subprocess.run(
        command(name, layout, *options, watched=watched),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=CHANGE_TIMEOUT_S,
        pass_fds=pass_fds,
    )


def end(layout: Layout) -> None:
    """Take an instance down, if there is one; fails the test when it does not end."""
    done = run("down", layout)
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass(frozen=True)
class Running:
    """An instance that is up.

    Attributes:
        layout: its directories and addresses.
    """

    layout: Layout

    def ask(self, method: str, call: str, body: dict[str, Any] | None = None) -> httpx2.Response:
        """Make one control call."""
        transport = httpx2.HTTPTransport(uds=str(self.layout.control_socket))
        with httpx2.Client(transport=transport, timeout=CHANGE_TIMEOUT_S, trust_env=False) as client:
            return client.request(method, f"http://platform/v1/{call}", json=body)

    def get(self, call: str) -> dict[str, Any]:
        """Make one reading call that succeeds."""
        return dict(self.ask("GET", call).raise_for_status().json())

    def post(self, call: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make one changing call that succeeds."""
        answer = self.ask("POST", call, body or {})
        assert answer.is_success, answer.text
        return dict(answer.json())

    def part(self, name: str) -> dict[str, Any]:
        """Give one part of the status."""
        return next(part for part in self.get("status")["parts"] if part["name"] == name)

    def unready(self) -> list[str]:
        """List the services' instances that do not answer ready."""
        return [name for name in INSTANCES if not self._answers_ready(name)]

    def _answers_ready(self, name: str) -> bool:
        try:
            return asyncio.run(http_probe.status(self.layout.addresses.endpoint(name), "/readyz")) == 200
        except OSError:
            return False

    def ready_again(self, name: str, restarts: int) -> bool:
        """Say whether a part is ready after having been restarted more than `restarts` times."""
        part = self.part(name)
        return bool(part["state"] == "ready" and part["restarts"] > restarts)


def alive(pids: list[int]) -> list[str]:
    """Give the commands of those that still run; zombies do not."""
    table = processes.table()
    return [table[pid].command for pid in pids if pid in table and table[pid].state != "Z"]


def assert_all_gone(layout: Layout, pids: list[int]) -> None:
    """Check that an instance has left no process, no listener and no lock."""
    assert lock.wait_free(layout.lock_file, 30), "the instance's lock is still held"
    wait_for(lambda: not alive(pids), 5)
    check_ports(layout)


@contextmanager
def upping(layout: Layout, until: str, *options: str, **popen: Any) -> Iterator["subprocess.Popen[str]"]:
    """Run `up` until a line starts with `until`; it is ended afterwards, with all that it started."""
    process = subprocess.Popen(
        command("up", layout, *options),
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **popen,
    )
    assert process.stdout is not None
    try:
        _read_until(process, process.stdout, until)
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        end(layout)


def _read_until(process: "subprocess.Popen[str]", said: IO[str], until: str) -> None:
    limit, seen = threading.Timer(CHANGE_TIMEOUT_S, process.kill), []
    limit.start()
    try:
        for line in said:
            seen.append(line)
            if line.startswith(until):
                return
    finally:
        limit.cancel()
    raise AssertionError(f"`up` ended before {until!r}, or took {CHANGE_TIMEOUT_S:g} s:\n{''.join(seen)}")


def pids(running: Running, text: str = "") -> list[int]:
    """List the processes whose command holds a text."""
    return [each["pid"] for each in running.get("processes")["processes"] if text in each["command"]]


@contextmanager
def booted(layout: Layout, *, watched: bool = False) -> Iterator[Running]:
    """Boot an instance that ends with us, however we end."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb"):
        try:
            done = run("up", layout, f"--lifeline={reading}", watched=watched, pass_fds=(reading,))
            assert done.returncode == 0, done.stdout + done.stderr
            yield Running(layout)
        finally:
            os.close(reading)
            end(layout)


def schema() -> dict[str, Any]:
    """Read the protocol's schema."""
    return dict(json.loads((PROJECT / "seatrial/platform.schema.json").read_text()))


def profile(layout: Layout, file: Path, max_impact: str = "destroy") -> Path:
    """Write the shipped profile for another instance; a lower ceiling drops the credentials above it."""
    data = (PROJECT / "profiles/local.toml").read_text()
    text = re.sub(r"\b18(\d{3})\b", lambda found: str(layout.addresses.base_port + int(found[1])), data)
    text = text.replace("../.state/local", str(layout.state)).replace('tree = ".."', f'tree = "{PROJECT}"')
    start = f'command = ["python", "-m", "system.platforms.local", "--state", "{layout.state}"'
    text = text.replace(
        'command = ["python", "-m", "system.platforms.local"', f'{start}, "--base-port", "{layout.addresses.base_port}"'
    )
    text = text.replace('max_impact = "destroy"', f'max_impact = "{max_impact}"')
    unwatched = "\n".join(f'{name} = "nothing watches the tests\' system"' for name in ("MON-08", "MON-09"))
    text = text.replace("[expect.not_applicable]", f"[expect.not_applicable]\n{unwatched}")
    if max_impact == "observe":
        text = re.sub(r"\[credentials\.(exercise|disrupt|destroy)\]\n(.+\n)+", "", text)
        text = re.sub(r"\[external\.[\w-]+\]\n(.+\n)+", "", text)  # their keys were among them
        text = re.sub(r"\[\[accounts\]\]\n(.+\n)+", "", text)
        text = text.replace('level = "exercise"', 'level = "observe"')
    file.write_text(text)
    return file


def fits(definition: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer that is as the protocol's schema defines it; raises for any other."""
    jsonschema.validate(answer, {**schema(), "$ref": f"#/$defs/{definition}"})
    return answer


def connect(running: Running, user: str, part: str = "postgres", **how: str) -> "psycopg.Connection[Any]":
    """Sign in to a PostgreSQL server, or to the pooler, as clients do, with this user's password."""
    endpoint = running.layout.addresses.endpoint(part)
    parameters = {
        "host": f"{'pgbouncer' if part == 'pgbouncer' else 'pg'}.seatrial.internal",
        "hostaddr": endpoint.address,
        "port": str(endpoint.port),
        "dbname": "seatrial",
        "user": user,
        "password": (running.layout.secrets / f"postgres-{user}").read_text(),
        "sslmode": "verify-full",
        "sslrootcert": str(running.layout.ca / "root.crt"),
        **how,
    }
    return psycopg.connect(psycopg.conninfo.make_conninfo("", **parameters))


def redis_client(running: Running, part: str, user: str = "admin", **how: Any) -> "redis.Redis":
    """Sign in to one of Redis' servers."""
    endpoint = running.layout.addresses.endpoint(part)
    parameters = {
        "host": endpoint.address,
        "port": endpoint.port,
        "ssl": True,
        "ssl_ca_certs": str(running.layout.ca / "root.crt"),
        "username": user,
        "password": (running.layout.secrets / f"redis-{user}").read_text(),
        "decode_responses": True,
        **how,
    }
    return redis.Redis(**parameters)
