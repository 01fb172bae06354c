"""What a failing gate prints of causes, and that it never stands in the verdict's way."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial import publishing
from seatrial.errors import UsageError
from seatrial.outcome import Finding, Outcome, Result
from seatrial.proof import KNOWN, Knowledge, Proof, Record, likely, read
from seatrial.registry import Expected, Fault
from seatrial.secrecy.redaction import Redactor
from tests.proof.conftest import trial
from tests.report.conftest import verdict
from tests.results import result


def fault(name: str) -> Fault:
    strike: Any = SimpleNamespace()
    seen = {"INF-TC-01": Expected(Outcome.FAILED, "closed")}
    return Fault(name, "process", seen, 10, strike, f"Title of {name}.", Path("faults/infra/port.py"))


FAULTS = {name: fault(name) for name in ("closed", "silent", "slow")}


def ended(outcome: Outcome = Outcome.FAILED) -> Result:
    return result(
        "INF-TC-01",
        outcome,
        component="port",
        runbook="docs/r.md#x",
        findings=(Finding("open", "closed port", "port"),),
    )


@pytest.fixture
def file(record: Record, tmp_path: Path) -> Path:
    record.trials.append(trial("slow", struck=("edge",), said={"INF-TC-01": "slow port"}))
    record.trials = [each for each in record.trials if each.proof is not Proof.INVALID]
    path = tmp_path / "proof.json"
    path.write_text(json.dumps(Knowledge.of(record).to_json()))
    return path


def test_only_faults_that_were_caught_teach(record: Record) -> None:
    taught = Knowledge.of(record)

    assert [known.fault for known in taught.faults] == ["closed"]
    assert taught.faults[0].reds == {"INF-TC-01": "closed port", "SEC-TC-01": "no answer"}
    assert Knowledge.from_json(json.loads(json.dumps(taught.to_json()))) == taught


def test_the_file_is_a_record_to_join_another_to(record: Record, file: Path) -> None:
    again = read(file)

    assert not again.differs(record)
    assert [each.fault for each in again.trials] == ["closed", "silent", "slow"]
    assert again.known == record.known


def test_a_failure_is_told_its_likeliest_causes_with_the_runbook_and_how_far_to_trust_them(file: Path) -> None:
    first, second, trust = likely([ended()], file)

    assert first.endswith("port (process), like closed: Title of closed. docs/r.md#x")
    assert "edge (process), like slow" in second
    assert trust.startswith("by 2 faults that were caught on release r1; the part stood first for 0 of 2")


def test_a_red_check_that_no_known_fault_turned_red_is_named(file: Path) -> None:
    strange = replace(ended(), id="SEC-TC-77")

    assert any("ever turned SEC-TC-77 red: read its finding first" in line for line in likely([ended(), strange], file))
    assert not any("ever turned" in line for line in likely([ended()], file))


def test_nothing_is_said_where_nothing_failed_or_nothing_is_known(file: Path, tmp_path: Path) -> None:
    assert likely([ended(Outcome.PASSED), ended(Outcome.INVALID)], file) == []
    assert likely([ended()], tmp_path / "nowhere.json") == []


def test_the_verdict_is_printed_with_them(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (file.parent / "docs").mkdir()
    file.rename(file.parent / KNOWN)
    monkeypatch.chdir(file.parent)
    environment: Any = SimpleNamespace(redactor=Redactor(), signer=None, signs=False)

    publishing.publish(environment, verdict(ended()))

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == lines[-1] == "NO-GO  environment local  release 3f2a91c07b1d  scope all"
    at = next(place for place, line in enumerate(lines) if line.startswith("LIKELY"))
    assert "port (process), like closed: Title of closed. docs/r.md#x" in lines[at + 1]
    assert "among the first three" in lines[at + 3]


def test_a_spoilt_file_is_told_and_raises_nothing(file: Path) -> None:
    whole = json.loads(file.read_text())
    unknown = {**whole, "record": {**whole["record"], "known": {}}}
    for text in ("{", "[]", '{"record": {}, "accuracy": {}, "peer": {}}', '{"accuracy": []}', json.dumps(unknown)):
        file.write_text(text)
        assert likely([ended()], file)[0].startswith("nothing can be said of causes")
    with pytest.raises(UsageError, match="not written by seatrial proof"):
        Knowledge.from_json({})
