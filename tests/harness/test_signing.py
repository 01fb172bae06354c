"""Who signs and when, what is said where nobody does, and where the key never is."""

import base64
import fcntl
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial import cli, dsse, publishing
from seatrial.environment import Environment
from seatrial.errors import ProfileError
from seatrial.profile import load
from seatrial.secrecy.redaction import MARK
from seatrial.verbs.common import USAGE_ERROR
from tests.harness.bench import Bench
from tests.harness.desk import API, SEED, Desk

VARIABLE = "SEATRIAL_TEST_KEY"
LOOKS_FOR_THE_KEY = f"""
import os

@check("INF-TC-02", severity=BLOCKER, component="port")
def test_key(observe):
    '''No key is in this process.'''
    observe.evidence("variables", len(os.environ))
    require("{VARIABLE}" not in os.environ, "no key", "a key")
"""


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv(VARIABLE, SEED)
    made = Desk(tmp_path, capsys)
    made.profile.write_text(f'{made.profile.read_text()}\n[verdict]\nkey = "env:{VARIABLE}"\n')
    return made


def published(desk: Desk, *, sign: bool = True, environment: Environment | None = None, **values: object) -> str:
    """Publish a GO in the desk's folder, and give the reason that it is not signed, or the key's id."""
    environment = environment or Environment(load(desk.profile), signs=sign)
    publishing.publish(environment, desk.verdict(**values), desk.folder)
    signature: str = json.loads(desk.report.read_text())["signature"]
    for place in (desk.folder / "verdict.html", desk.folder / "junit.xml", desk.report):
        assert SEED not in place.read_text()
    assert signature in (desk.folder / "verdict.html").read_text()
    assert desk.file.exists() == signature.startswith("signed with key ")
    return signature


def test_what_is_published_is_verified(desk: Desk) -> None:
    assert published(desk) == f"signed with key {desk.signer.public.id}"
    assert desk.verify() == (0, "")


def test_no_other_trial_writes_its_reports_until_a_verdict_is_signed_rendered_and_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_out = list[str]()

    def watch(place: object, name: str) -> None:
        called = getattr(place, name)

        def watched(*given: Any, **named: Any) -> Any:
            other = os.open(desk.folder, os.O_RDONLY)
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                kept_out.append(name)
            os.close(other)
            return called(*given, **named)

        monkeypatch.setattr(place, name, watched)

    watch(dsse.Signer, "sign")
    watch(publishing, "site")
    watch(publishing, "summary")
    publishing.publish(Environment(load(desk.profile), signs=True), desk.verdict(), desk.folder, with_site=True)

    assert kept_out == ["sign", "site", "summary"]


def test_without_a_key_it_says_so_and_takes_the_old_attestation_away(desk: Desk) -> None:
    desk.profile.write_text(desk.profile.read_text().split("[verdict]")[0])

    assert published(desk) == "not signed: the profile names no key"


def test_raw_pytest_signs_nothing(desk: Desk) -> None:
    assert published(desk, sign=False) == "not signed: only `seatrial gate` and `seatrial drill` sign"


def test_a_release_that_nobody_tells_is_not_signed_for(desk: Desk) -> None:
    unknown = replace(desk.verdict().basis, unknown="no answer")

    assert published(desk, basis=unknown) == "not signed: nobody tells which release this is: no answer"


def test_a_process_that_does_not_sign_keeps_no_key(desk: Desk) -> None:
    environment = Environment(load(desk.profile))

    assert VARIABLE not in os.environ
    assert environment.signer is None
    assert [name for name, value in vars(environment).items() if value == SEED] == []
    assert environment.redactor.text(SEED) == SEED


def test_the_key_leaves_the_variables_and_is_known_to_the_redactor(desk: Desk) -> None:
    environment = Environment(load(desk.profile), signs=True)

    assert VARIABLE not in os.environ
    assert SEED not in repr(environment)
    assert environment.redactor.text(f"key={SEED}") == f"key={MARK}"
    assert published(desk, environment=environment).startswith("signed")


def test_a_variable_that_is_not_set_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)

    with pytest.raises(ProfileError, match=f"set the environment variable {VARIABLE}"):
        _ = Environment(load(desk.profile), signs=True).signer


def test_no_check_is_given_the_key(desk: Desk) -> None:
    environment = Environment(load(desk.profile))

    assert environment.held() == {}
    assert [str(each) for each in load(desk.profile).every_reference] == [f"env:{VARIABLE}"]


def test_what_a_waiver_says_is_redacted_before_it_is_signed(desk: Desk) -> None:
    environment = Environment(load(desk.profile), signs=True)
    environment.redactor.register("a-password-of-somebody")
    used = {"INF-PG-01": {"owner": "somebody", "reason": "a-password-of-somebody", "expires": "2026-12-24"}}
    published(desk, environment=environment, waivers=used)

    payload = base64.b64decode(json.loads(desk.file.read_text())["payload"]).decode()
    assert "a-password-of-somebody" not in payload
    assert MARK in payload


def test_a_gate_signs_and_the_next_trial_takes_it_away(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.profile('max_impact = "exercise"', f'[expect]\nrelease = "{API}"\n[verdict]\nkey = "env:{VARIABLE}"')
    bench.suite(LOOKS_FOR_THE_KEY)
    signer, key = dsse.Signer(SEED), bench.folder / "key.pub"
    key.write_text(signer.public.pem)
    given = ["-m", "seatrial", "gate", "--profile", "here.toml", "--suites", "suites"]
    run = bench.run(*given, env={VARIABLE: SEED})
    file = bench.folder / "reports/out" / publishing.ATTESTATION
    options = ["--key", key, "--profile", bench.folder / "here.toml", "--suites", bench.folder / "suites"]
    verify = ["verdict", "verify", str(file), *map(str, options), "--release", API]

    assert (run.code, run.outcome("INF-TC-02")) == (0, "PASSED"), run.output
    assert f"\nsigned with key {signer.public.id}\n" in run.output
    assert cli.main(verify) == 0
    written = [path for path in bench.folder.rglob("*") if path.is_file()]
    assert [path for path in written if SEED.encode() in path.read_bytes()] == []

    monkeypatch.chdir(bench.folder)
    monkeypatch.setenv(VARIABLE, "no key")
    assert cli.main(given[2:]) == USAGE_ERROR
    assert cli.main(verify) == 1
    said = capsys.readouterr().err
    assert f"verdict.key: env:{VARIABLE} is not 32 random bytes" in said
    assert "No such file" in said
