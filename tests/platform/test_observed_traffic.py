"""What a gate at observe sends, as those record it who receive it: nothing that could change anything.

Recorded are the ingress (every public host, the object store among them), the services themselves, PostgreSQL's statements of the
role that observes, Redis' counts of commands, and the control socket. Not recorded: what the system itself does meanwhile in
PostgreSQL, for which a server's counters do not tell whose it was; test_trial compares rows, keys and objects instead.
"""

import json
import re
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingUnixStreamServer
from typing import Any

import pytest

from system.platforms.local.addresses import INSTANCES
from tests.platform.bench import Running, connect, profile, redis_client
from tests.platform.test_trial import gate
from tests.serving import serving
from tests.waiting import wait_for

pytestmark = pytest.mark.alone
ARCHIVE = "/backups/postgres/seatrial/wals/"  # the server sends its log there, whoever looks on
READING = {"GET", "HEAD", "OPTIONS"}
# What the system writes to Redis with nobody there: heartbeats, waiting for jobs, looking for abandoned ones, its limits.
AT_REST = {"set", "xreadgroup", "xautoclaim", "xgroup|create", "xgroup|delconsumer"}
QUERIES = ("select", "show", "with", "begin", "start", "commit", "rollback", "set", "values", "table", "deallocate")
WRITING = re.compile(
    r"\b(insert|update|delete|truncate|merge|create|alter|drop|grant|revoke|copy|call)\b", re.IGNORECASE
)
STATEMENT = re.compile(r" (\w+)@\w+ LOG:  (?:statement|execute [^:]*): (.*)")
LOG_TO = "(common) {{\n\tlog {{\n\t\toutput file {file}\n\t\tformat json\n\t}}"


class Relay(ThreadingUnixStreamServer):
    """Stands before the control socket and notes the first line of every call."""

    daemon_threads = True

    def __init__(self, path: Path, behind: Path) -> None:
        self.behind, self.calls = behind, list[str]()
        super().__init__(str(path), Relayed)


class Relayed(BaseRequestHandler):
    """One connection: one call, or somebody who only looks whether there is a door."""

    server: Relay

    def handle(self) -> None:
        first = self.request.recv(65536)
        if not first:
            return
        self.server.calls.append(first.split(b" HTTP/", 1)[0].decode())
        with socket.socket(socket.AF_UNIX) as behind, suppress(OSError):
            behind.connect(str(self.server.behind))
            behind.sendall(first)
            back = threading.Thread(target=self.pass_on, args=(behind, self.request))
            back.start()
            self.pass_on(self.request, behind)
            back.join()

    @staticmethod
    def pass_on(source: socket.socket, to: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                to.sendall(data)
        with suppress(OSError):
            to.shutdown(socket.SHUT_WR)


@contextmanager
def relayed(path: Path, behind: Path) -> Iterator[list[str]]:
    with serving(Relay(path, behind)) as server:
        yield server.calls


@contextmanager
def ingress_logging(running: Running, file: Path) -> Iterator[None]:
    """Have the ingress write a line for every request to a public host."""
    edit = {"find": "(common) {", "replace": LOG_TO.format(file=file)}
    try:
        assert running.post("restart", {"part": "ingress", "settings": {"patch": [edit]}})["ready"]
        wait_for(lambda: not running.unready(), 30)
        yield
    finally:
        running.post("restart", {"part": "ingress", "settings": {}})


@contextmanager
def statements_logged(running: Running) -> Iterator[None]:
    """Have the primary write every statement to its log."""
    with connect(running, "admin") as connection:
        connection.autocommit = True
        try:
            connection.execute("alter system set log_statement = 'all'")
            connection.execute("select pg_reload_conf()")
            yield
        finally:
            connection.execute("alter system reset log_statement")
            connection.execute("select pg_reload_conf()")


def counts(client: Any) -> dict[str, int]:
    return {name.removeprefix("cmdstat_"): row["calls"] for name, row in client.info("commandstats").items()}


def grown(file: Path, size: int) -> str:
    """Return the whole lines that came since the file was so long."""
    with file.open("rb") as opened:
        opened.seek(size)
        return opened.read().decode(errors="replace").rpartition("\n")[0]


def statements(log: str) -> list[tuple[str, str]]:
    """Return user and statement, without comments and what stands in quotes; the server sets further lines of one in by a tab."""
    whole = re.sub(r"--[^\n]*", "", log).replace("\n\t", " ")
    found = [match.groups() for line in whole.splitlines() if (match := STATEMENT.search(line))]
    return [(user, re.sub(r"'[^']*'", "''", text).strip(" (")) for user, text in found]


def methods_of(log: str) -> list[str]:
    """Return the methods of the requests that a service logged."""
    rows = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [row["method"] for row in rows if row.get("message") == "request"]


def test_a_gate_at_observe_sends_nothing_that_could_change_anything(running: Running, tmp_path: Path) -> None:
    access = tmp_path / "access.jsonl"
    file = profile(running.layout, tmp_path / "observe.toml", "observe")
    logs = {name: running.layout.log(name) for name in (*INSTANCES, "postgres")}

    with (
        tempfile.TemporaryDirectory(prefix="seatrial-") as short,  # a socket's path may be no longer
        redis_client(running, "redis") as client,
        ingress_logging(running, access),
        statements_logged(running),
        relayed(Path(short, "c.sock"), running.layout.control_socket) as calls,
    ):
        own = f'socket = "{running.layout.control_socket}"'
        assert own in file.read_text()
        file.write_text(file.read_text().replace(own, f'socket = "{short}/c.sock"'))
        client.acl_log_reset()
        sizes = {name: log.stat().st_size for name, log in logs.items()}
        before = counts(client)
        code, output, verdict = gate(file, tmp_path)
        after = counts(client)
        denied = [(row["reason"], row["object"]) for row in client.acl_log() if row["username"] == "observer"]
        writes = {str(name) for name in client.execute_command("COMMAND LIST", "FILTERBY", "ACLCAT", "write")}

    assert verdict, output
    assert code == 0, output
    came = [json.loads(line)["request"] for line in access.read_text().splitlines()]
    seen = [row for row in came if not (row["method"] == "PUT" and row["uri"].startswith(ARCHIVE))]
    assert {row["host"].split(":")[0].split(".")[0] for row in seen} >= {"app", "api", "play", "s3"}
    assert {row["method"] for row in seen} <= READING
    by_service = {name: methods_of(grown(logs[name], sizes[name])) for name in INSTANCES}
    assert any(by_service.values())
    assert {method for methods in by_service.values() for method in methods} <= READING
    asked = [text for user, text in statements(grown(logs["postgres"], sizes["postgres"])) if user == "observer"]
    assert asked, "no statement of the observer was logged"
    assert [text for text in asked if not text.lower().startswith(QUERIES)] == []
    assert [text for text in asked if text.lower().startswith("with") and WRITING.search(text)] == []
    assert denied == [("auth", "AUTH")]  # INF-RD-02 tries a wrong password, once
    assert {name for name in writes if after.get(name, 0) > before.get(name, 0)} <= AT_REST
    assert calls
    assert [call for call in calls if not call.startswith("GET ") and call != "POST /v1/scan"] == []


def test_redis_lets_the_observer_run_no_command_that_writes(running: Running) -> None:
    with redis_client(running, "redis") as client:
        names = [str(name) for name in client.execute_command("COMMAND LIST", "FILTERBY", "ACLCAT", "write")]
        allowed = []
        for name in names:
            (told,) = client.execute_command("COMMAND INFO", name)
            words = name.split("|")
            given = ["1"] * max(0, abs(told[1]) - len(words))
            said = str(client.execute_command("ACL DRYRUN", "observer", *words, *given))
            if "no permissions" not in said:
                allowed.append(f"{name}: {said}")

    assert len(names) > 50
    assert allowed == []


def test_a_statement_that_writes_is_seen_in_the_log() -> None:
    log = (
        "2026-01-01 00:00:00.000 UTC [7] observer@seatrial LOG:  statement: \n\t-- all of them\n\tselect 'drop', 1\n"
        "2026-01-01 00:00:00.001 UTC [7] observer@seatrial LOG:  execute <unnamed>: with x as (\n\tdelete from jobs) select 1\n"
        "2026-01-01 00:00:00.002 UTC [8] LOG:  checkpoint starting: time\n"
    )

    reading, writing = statements(log)

    assert reading == ("observer", "select '', 1")
    assert writing[1].startswith(QUERIES)
    assert WRITING.search(writing[1])
