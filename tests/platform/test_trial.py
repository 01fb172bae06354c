"""The harness against a running system: what observe leaves alone, and what wrong input is told."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from seatrial.profile import load
from system.platforms.local.ca import Authority
from system.platforms.local.layout import PROJECT
from tests.platform.bench import Running, connect, profile, redis_client
from tests.waiting import wait_for

pytestmark = pytest.mark.alone
# The system's own bookkeeping, listed in docs/observe.md.
BOOKKEEPING = ("worker:", "rate:", "progress:")


def secret(running: Running, name: str) -> str:
    return (running.layout.state / "secrets" / name).read_text().strip()


def rows(running: Running) -> dict[str, str]:
    """Digest every table of the product."""
    with connect(running, "admin") as connection:
        tables = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        return {
            name: hashlib.sha256(
                str(connection.execute(f"select t::text from public.{name} t order by 1").fetchall()).encode()  # noqa: S608 - names from the catalogue
            ).hexdigest()
            for (name,) in tables
        }


def keys(running: Running) -> dict[str, str]:
    """Digest every Redis key but the bookkeeping."""
    with redis_client(running, "redis", decode_responses=False) as client:
        names = sorted(name.decode() for name in client.scan_iter())
        return {name: str(client.dump(name)) for name in names if not name.startswith(BOOKKEEPING)}


def objects(running: Running) -> dict[str, list[tuple[str, str, str]]]:
    """List every version of every object, without the backups: the database archives its log whenever a segment ends."""
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.77.0.30:{running.layout.addresses.base_port + 3}",
        region_name="us-east-1",
        aws_access_key_id=secret(running, "s3-admin.access"),
        aws_secret_access_key=secret(running, "s3-admin.secret"),
    )
    return {
        bucket["Name"]: [
            (version["Key"], version["VersionId"], version["ETag"])
            for version in client.list_object_versions(Bucket=bucket["Name"]).get("Versions", [])
        ]
        for bucket in client.list_buckets()["Buckets"]
        if bucket["Name"] != "backups"
    }


def gate(file: Path, folder: Path, *arguments: str) -> tuple[int, str, dict[str, Any] | None]:
    """Run the gate in a folder of its own, so that its reports stand there."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "seatrial",
            "gate",
            "--profile",
            str(file),
            "--suites",
            str(PROJECT / "suites"),
            *arguments,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    verdict = folder / "reports/out/verdict.json"
    return done.returncode, done.stdout + done.stderr, json.loads(verdict.read_text()) if verdict.exists() else None


def test_a_profile_that_grants_observe_changes_no_row_key_or_object(running: Running, tmp_path: Path) -> None:
    file = profile(running.layout, tmp_path / "observe.toml", "observe")
    before = rows(running), keys(running), objects(running)

    code, output, verdict = gate(file, tmp_path)

    assert (rows(running), keys(running), objects(running)) == before
    assert code == 0, output
    assert verdict
    left_out = load(file).expect.not_applicable
    observed = [row for row in verdict["results"] if row["level"] == "observe" and row["id"] not in left_out]
    assert {row["outcome"] for row in observed} == {"PASSED"}
    assert {row["outcome"] for row in verdict["results"] if row["level"] != "observe"} == {"NOT-RUN"}
    assert sum(row["footprint"]["writes"] for row in verdict["results"]) == 0


def test_backups_are_still_good_after_the_database_crashed_and_forgot_what_it_archived(
    running: Running, tmp_path: Path
) -> None:
    before = running.part("postgres")
    running.post("kill", {"part": "postgres"})
    wait_for(lambda: running.ready_again("postgres", before["restarts"]), 60)

    code, output, verdict = gate(profile(running.layout, tmp_path / "local.toml"), tmp_path, "INF-PG-07")

    assert code == 0, output
    assert verdict
    assert [row["outcome"] for row in verdict["results"] if row["id"] == "INF-PG-07"] == ["PASSED"]


def missing_secret(running: Running, file: Path) -> None:
    file.write_text(file.read_text().replace("secrets/redis-observer", "secrets/redis-nobody"))


def missing_ca(running: Running, file: Path) -> None:
    file.write_text(file.read_text().replace("ca/root.crt", "ca/nowhere.crt"))


def unset_variable(running: Running, file: Path) -> None:
    file.write_text(file.read_text().replace(f"file:{running.layout.state}/secrets/account-1", "env:NOT_SET_ANYWHERE"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (missing_secret, "redis-nobody is missing: No such file"),
        (missing_ca, "nowhere.crt: no such file"),
        (unset_variable, "set the environment variable NOT_SET_ANYWHERE"),
    ],
)
def test_a_profile_that_cannot_work_is_told_before_any_check(
    running: Running, tmp_path: Path, spoil: Callable[[Running, Path], None], message: str
) -> None:
    file = profile(running.layout, tmp_path / "here.toml")
    spoil(running, file)

    code, output, verdict = gate(file, tmp_path)

    assert (code, verdict) == (3, None), output
    assert message in output


def test_the_wrong_ca_fails_the_checks_of_every_endpoint_it_vouches_for(running: Running, tmp_path: Path) -> None:
    file = profile(running.layout, tmp_path / "here.toml")
    folder = tmp_path / "stranger"
    folder.mkdir(mode=0o700)
    stranger = Authority(folder)
    stranger.ensure_root()
    ours = str(running.layout.state / "ca/root.crt")
    assert ours in file.read_text()
    file.write_text(file.read_text().replace(ours, str(stranger.root_certificate)))

    code, output, verdict = gate(file, tmp_path, "INF-PG-02", "SEC-TLS-01")

    assert code == 1, output
    assert verdict
    assert {row["outcome"] for row in verdict["results"]} == {"FAILED"}


def test_a_host_that_is_not_there_fails_its_checks_by_name(running: Running, tmp_path: Path) -> None:
    file = profile(running.layout, tmp_path / "here.toml")
    file.write_text(file.read_text().replace('address = "127.77.0.10"', 'address = "127.77.0.99"'))

    code, output, _ = gate(file, tmp_path, "INF-PG-01")

    assert code == 1, output
    assert "refused" in output


STRUCK = """
from seatrial import fault

@fault("struck-for-long", kind="configuration", takes_s=60, caught_by={"INF-RD-03": "noeviction"})
class StruckForLong:
    '''Eviction is on, and nobody can tell.'''
    def strike(self, destroy): destroy.redis.config_set("maxmemory-policy", "allkeys-lru")
    def in_effect(self, observe): return False
"""
NOTHING = """
from seatrial import fault

@fault("strikes-nothing", kind="configuration", takes_s=1, caught_by={"INF-RD-03": "noeviction"})
class StrikesNothing:
    '''A strike that was forgotten.'''
    def strike(self, destroy): pass
    def in_effect(self, observe):
        return observe.redis.config("maxmemory-policy")["maxmemory-policy"] == "allkeys-lru"
"""


def policy(running: Running) -> str:
    with redis_client(running, "redis") as client:
        return str(client.config_get("maxmemory-policy")["maxmemory-policy"])


def seatrial(folder: Path, file: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Start a command of the harness in a folder of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "seatrial", *arguments, "--profile", str(file)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def proving(folder: Path, file: Path, text: str) -> "subprocess.Popen[str]":
    """Start to prove a fault written here."""
    faults = folder / "faults"
    faults.mkdir()
    (faults / "redis.py").write_text(text)
    return seatrial(folder, file, "prove", "--suites", str(PROJECT / "suites"), "--faults", str(faults))


def test_a_strike_that_does_nothing_proves_nothing(running: Running, tmp_path: Path) -> None:
    with proving(tmp_path, profile(running.layout, tmp_path / "here.toml"), NOTHING) as process:
        output = process.communicate(timeout=120)[0]

    assert process.returncode == 1, output
    assert "INVALID  strikes-nothing" in output
    assert "not in effect within 1 s" in output


def test_a_killed_prove_is_healed_and_the_next_gate_is_go(running: Running, tmp_path: Path) -> None:
    file = profile(running.layout, tmp_path / "here.toml")
    with proving(tmp_path, file, STRUCK) as process:
        wait_for(lambda: policy(running) == "allkeys-lru", 60)
        process.kill()

    refused = gate(file, tmp_path, "INF-RD-03")
    with seatrial(tmp_path, file, "heal") as healing:
        healed = healing.communicate(timeout=60)[0]

    assert refused[0] == 3, refused[1]
    assert healing.returncode == 0, healed
    assert "undone #" in healed
    assert policy(running) == "noeviction"
    assert gate(file, tmp_path, "INF-RD-03")[0] == 0
