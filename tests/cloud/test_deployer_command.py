"""The deployer's command line as CI calls it, with the real gate behind it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from system.platforms.digitalocean.command_line import main
from system.platforms.digitalocean.ending import Ending
from system.platforms.digitalocean.gate import Verdict, gate
from tests.cloud.checking import READER
from tests.cloud.conftest import section
from tests.cloud.stand_in import StandIn
from tests.cloud.test_deployer import NAME, SECRETS, TEMPLATE, release
from tests.cloud.test_drift import describe, released
from tests.harness.bench import RUN_LIMIT_S, Bench
from tests.probes.conftest import Authority

ROOT = Path.cwd()
SPEC = ROOT / "system/platforms/digitalocean/app.yaml"
TOKEN_CHECK = """
import os
@check("DEP-XX-01", severity=BLOCKER, component="gate")
def test_no_token(observe: Observe) -> None:
    '''Hold nothing that deploys.'''
    observe.evidence("variables", len(os.environ))
    require("DIGITALOCEAN_TOKEN" not in os.environ, "no token", "a token")
"""


@pytest.fixture
def called(tmp_path: Path, cloud: StandIn, authority: Authority) -> list[str]:
    """The arguments that reach the stand-in without waiting."""
    (tmp_path / "release.json").write_text(json.dumps({"release": "r2", "images": dict(release("r2").images)}))
    return ["--endpoint", cloud.endpoint, "--ca", str(authority.ca), "--every", "0"]


def deploy(tmp_path: Path, *more: str) -> list[str]:
    return ["deploy", "--spec", str(SPEC), "--release", str(tmp_path / "release.json"), *more]


@pytest.mark.slow
def test_a_release_that_the_real_gate_refuses_is_taken_back(
    tmp_path: Path, cloud: StandIn, authority: Authority, called: list[str]
) -> None:
    cloud.apps.put(released(TEMPLATE))
    cloud.apps.settle()
    bench = Bench(tmp_path, 1)
    describe(bench, section(cloud, authority.ca), READER)
    declared = tmp_path / "app.yaml"
    declared.write_text(declared.read_text().replace('value: "unreleased"', 'value: "r1"'))
    to_gate = ["--profile", "here.toml", "--suites", str(ROOT / "suites"), "DEP-SPEC-02"]

    ended = subprocess.run(
        [sys.executable, "-m", "system.platforms.digitalocean", *deploy(tmp_path), *called, "--", *to_gate],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "DIGITALOCEAN_TOKEN": "deployer"},
        capture_output=True,
        text=True,
        timeout=2 * RUN_LIMIT_S,
        check=False,
    )

    assert ended.returncode == Ending.REFUSED, ended.stdout + ended.stderr
    assert cloud.apps.active
    assert cloud.apps.active["cause"] == "rollback"
    assert cloud.apps.pinned == ""
    verdicts = [line.split()[0] for line in ended.stdout.splitlines() if line.startswith(("GO ", "NO-GO "))]
    assert (verdicts[0], verdicts[-1]) == ("NO-GO", "GO"), ended.stdout
    assert "deployer" not in ended.stdout + ended.stderr


def test_the_gate_holds_no_token_that_deploys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, 1)
    bench.suite(TOKEN_CHECK)
    monkeypatch.chdir(tmp_path)
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "DIGITALOCEAN_TOKEN": "deployer"}

    assert gate(["--profile", "here.toml", "--suites", "suites"], variables) is Verdict.GO
    assert gate(["--profile", "nowhere.toml"], variables) is Verdict.UNKNOWN


def test_a_first_release_takes_its_secrets_from_stdin(
    tmp_path: Path,
    cloud: StandIn,
    called: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "secrets.yaml"
    file.write_text(yaml.safe_dump(SECRETS))
    with file.open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        code = main([*deploy(tmp_path, "--dry-run", "--secrets", "-"), *called], {"DIGITALOCEAN_TOKEN": "deployer"})

    said = capsys.readouterr()
    assert code == Ending.DONE, said.err
    assert "create an app" in said.out
    assert "value of" not in said.out + said.err
    assert [each for each in cloud.asked if each == "POST /v2/apps"] == []


@pytest.mark.parametrize(
    ("arguments", "token", "words"),
    [
        (["status", NAME], "", "no DIGITALOCEAN_TOKEN"),
        (["deploy", "--spec", str(SPEC), "--release", "r.json"], "deployer", "-- --profile NAME"),
        (["rollback", "nobody", "--dry-run"], "deployer", "no app named nobody"),
        (["commit", NAME], "deployer", "nothing to commit"),
        (["deploy", "--spec", "nowhere.yaml", "--release", "r.json", "--dry-run"], "deployer", "nowhere.yaml: no spec"),
    ],
    ids=["token", "profile", "app", "not pinned", "file"],
)
def test_a_wrong_call_says_what_to_do(
    cloud: StandIn,
    called: list[str],
    arguments: list[str],
    token: str,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cloud.apps.put(released(TEMPLATE))
    cloud.apps.settle()

    assert main([*arguments, *called], {"DIGITALOCEAN_TOKEN": token}) == Ending.WRONG_CALL

    assert words in capsys.readouterr().err


def test_arguments_that_are_none_exit_as_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["deplyo"], {})

    assert raised.value.code == Ending.WRONG_CALL
    assert "deplyo" in capsys.readouterr().err


@pytest.mark.parametrize(("health", "code"), [("HEALTHY", 0), ("UNHEALTHY", 1)])
def test_status_shows_what_is_deployed(
    cloud: StandIn, called: list[str], health: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.apps.put(released(TEMPLATE))
    cloud.apps.settle()
    cloud.apps.health = health

    assert main(["status", NAME, *called], {"DIGITALOCEAN_TOKEN": "deployer"}) == code

    said = capsys.readouterr().out
    assert "(release r1, ACTIVE" in said
    assert f"{health}, 2 of 2 ready" in said
    assert "app.example.com: ACTIVE" in said


def test_a_token_that_the_vendor_refuses_is_not_told(
    cloud: StandIn, called: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", NAME, *called], {"DIGITALOCEAN_TOKEN": "dop_v1_stranger"}) == Ending.UNREACHABLE

    said = capsys.readouterr()
    assert "401" in said.err
    assert "dop_v1_stranger" not in said.out + said.err
