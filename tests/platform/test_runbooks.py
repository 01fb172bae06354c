"""The commands of the runbooks, tried on a running system: those that only read are run, the others are understood and no more."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
import redis

from seatrial import cli
from seatrial.errors import SeatrialError
from system.platforms.local.layout import PROJECT
from tests.platform.bench import Running, connect, profile, redis_client, run
from tests.platform.stored import tool
from tests.runbooks.commands import Kind, of_kind

# What of our own command line only reads; gate and drill do more, and take minutes.
READS = ("status", "logs")
PATRONI_READS = ("list", "show-config")
# Servers that a restore or a rebuild makes, and their logs: tests/platform/test_restore.py reads the former, while there is one. And
# what watches, which the tests' platforms do without.
BESIDE = re.compile(r"(scratch-\d+|rebuilt)(-fetch)?|alertmanager|prometheus")
# Places in what COMMAND INFO says of a command.
ARITY, SUBCOMMANDS = 1, 9
# A select that calls any other function may change something, and is prepared only.
HARMLESS = {"count", "now", "pg_is_in_recovery"}
# Commands of Redis that only read, by their first words.
REDIS_READS = (
    "acl getuser",
    "acl log",
    "client list",
    "config get",
    "info",
    "object idletime",
    "sentinel ckquorum",
    "sentinel masters",
    "time",
    "type",
    "xinfo",
    "xlen",
    "xpending",
    "xrange",
)


@pytest.fixture
def here(running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(PROJECT)
    return profile(running.layout, tmp_path / "here.toml")


def test_what_reads_of_our_own_commands_works(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    offenders, ran = [], 0
    for words in distinct(Kind.SEATRIAL):
        if len(words) < 2 or words[1] not in READS or BESIDE.fullmatch(words[-1]):
            continue
        options = cli._parser().parse_args(words[1:])
        options.profile = str(here)
        ran += 1
        try:
            code = options.run(options)
        except SeatrialError as error:
            offenders.append(f"{words}: {error}")
            continue
        if code or not "".join(capfd.readouterr()).strip():
            offenders.append(f"{words}: exit {code}, or not a word")
    assert offenders == []
    assert ran > 10


def test_what_reads_of_the_platforms_commands_works(running: Running) -> None:
    offenders, ran = [], 0
    for words in distinct(Kind.MODULE):
        module, verb, *rest = words[2:]
        if (module, verb) == ("system.platforms.local.barman", "backup-list"):
            done = tool(running.layout, verb, *rest)
        elif module == "system.platforms.local" and (verb == "releases" or "--dry-run" in rest):
            done = run(verb, running.layout, *rest)
        else:
            continue
        ran += 1
        offenders += [f"{words}: exit {done.returncode}: {done.stderr}"] if done.returncode else []
    assert offenders == []
    assert ran >= 3


def test_what_reads_of_the_orders_to_patroni_works(running: Running) -> None:
    configuration = running.layout.run / "postgres.patroni.json"
    asked = [words for words in distinct(Kind.PATRONI) if words[1] in PATRONI_READS]

    for _, *order in asked:
        program = Path(sys.executable).with_name("patronictl")
        done = subprocess.run([program, "-c", configuration, *order], capture_output=True, text=True, check=False)
        assert (done.returncode, bool(done.stdout)) == (0, True), f"{order}: {done.stderr}"
    assert asked


def test_every_statement_is_one_of_this_database(running: Running) -> None:
    offenders, ran = [], 0
    with connect(running, "admin") as connection:
        for command in of_kind(Kind.SQL):
            for statement in command.filled.split(";"):
                try:
                    ran += ask(connection, statement.strip())
                except psycopg.Error as error:
                    offenders.append(f"{command}: {error}")
                connection.rollback()
    assert offenders == []
    assert ran > 5


def ask(connection: "psycopg.Connection[Any]", statement: str) -> bool:
    """Have the server run a statement if it only reads, else only understand it; say whether it was run."""
    connection.read_only = True
    if not statement.startswith(("select", "update")):  # what cannot be prepared is parsed where it is never reached
        connection.execute(f"do $body$ begin if false then {statement}; end if; end $body$")
        return False
    connection.execute(f"prepare asked as {statement}")
    connection.execute("deallocate asked")
    if statement.startswith("update") or not set(re.findall(r"(\w+)\(", statement)) <= HARMLESS:
        return False
    connection.execute(statement)
    return True


def test_every_command_of_redis_is_one_of_this_server(running: Running) -> None:
    offenders, ran = [], 0
    with redis_client(running, "redis") as primary, redis_client(running, "sentinel-1") as sentinel:
        for words in distinct(Kind.REDIS):
            client = sentinel if words[0].lower() == "sentinel" else primary
            try:
                require_known(client, words)
                if " ".join(words).lower().startswith(REDIS_READS):
                    client.execute_command(*words)
                    ran += 1
            except (redis.RedisError, AssertionError) as error:
                offenders.append(f"{' '.join(words)}: {error}")
    assert offenders == []
    assert ran > 10


def require_known(client: Any, words: tuple[str, ...]) -> None:
    """Demand that a server knows a command, and that it takes so many words."""
    whole, first = client.execute_command("COMMAND INFO", "|".join(words[:2]), words[0])
    known = whole or (first if first and not first[SUBCOMMANDS] else None)
    assert known, "no such command"
    arity = known[ARITY]
    assert len(words) == arity if arity >= 0 else len(words) >= -arity, f"takes {arity} words"


def test_a_request_to_a_service_is_answered(running: Running) -> None:
    address = running.layout.addresses.endpoint("api-1")
    asked = [each.words[-1] for each in of_kind(Kind.CURL) if "127.0.0.1:1/" in each.words[-1]]

    for url in asked:
        assert httpx2.get(url.replace("127.0.0.1:1", str(address))).status_code == 200, url
    assert asked


def distinct(kind: Kind) -> Iterator[tuple[str, ...]]:
    yield from dict.fromkeys(tuple(command.words) for command in of_kind(kind))
