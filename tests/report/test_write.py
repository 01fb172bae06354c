"""The files that `write` leaves behind."""

import json
import math
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from seatrial.outcome import Finding, Outcome, Result
from seatrial.report import previous, write
from seatrial.secrecy.redaction import MARK, Redactor
from seatrial.verdict import Ruling, Verdict
from tests.harness.bench import SCHEMA, VALIDATOR


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def junit(out: Path) -> ET.Element:
    return ET.fromstring((out / "junit.xml").read_text(encoding="utf-8"))  # noqa: S314 - our own file


def test_schema_is_a_valid_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_verdict_json_has_the_shape_of_its_schema(no_go: Verdict, tmp_path: Path) -> None:
    write(no_go, tmp_path)
    data = read(tmp_path / "verdict.json")
    VALIDATOR.validate(data)
    assert data["verdict"] == "NO-GO"
    assert {result["outcome"] for result in data["results"]} == {"PASSED", "FAILED", "INVALID", "NOT-RUN"}
    assert [Result.from_json(result) for result in data["results"]] == list(no_go.results)


def test_a_waiver_that_is_not_needed_makes_a_no_go_of_that_shape(go: Verdict, tmp_path: Path) -> None:
    write(replace(go, ruling=Ruling.NO_GO, problems=("waivers.toml: INF-PG-01: it passed",)), tmp_path)
    data = read(tmp_path / "verdict.json")
    VALIDATOR.validate(data)
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(data | {"problems": []})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("verdict", "MAYBE"),
        ("missing", ["INF-PG-01"]),
        ("problems", ["filtered by -k"]),
        ("required", []),
        ("duration_s", -1),
        ("started_at", "yesterday"),
        ("extra", 1),
    ],
)
def test_schema_refuses_what_no_go_verdict_can_be(go: Verdict, tmp_path: Path, key: str, value: object) -> None:
    write(go, tmp_path)
    data = read(tmp_path / "verdict.json")
    VALIDATOR.validate(data)
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({**data, key: value})


@pytest.mark.parametrize(
    "change",
    [{"outcome": "INVALID"}, {"outcome": "FAILED"}, {"reason": "but"}, {"level": "root"}, {"id": "inf-pg-01"}],
)
def test_schema_refuses_a_result_that_contradicts_itself(go: Verdict, tmp_path: Path, change: dict[str, str]) -> None:
    write(go, tmp_path)
    data = read(tmp_path / "verdict.json")
    data["results"][0].update(change)
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(data)


def test_evidence_that_json_cannot_hold_becomes_text(make: Any, make_result: Any, tmp_path: Path) -> None:
    odd = {"nan": math.nan, "path": Path("/x"), "lone": "\udc80", "nul": "\x00", 7: {"set": {1}}}
    write(make(make_result("INF-PG-01", evidence=odd)), tmp_path)
    (result,) = read(tmp_path / "verdict.json")["results"]
    assert result["evidence"] == {"nan": "nan", "path": "/x", "lone": "\udc80", "nul": "\x00", "7": {"set": [1]}}
    assert junit(tmp_path).get("tests") == "1"


def test_junit_counts_each_outcome_as_ci_knows_it(no_go: Verdict, tmp_path: Path) -> None:
    write(no_go, tmp_path)
    root = junit(tmp_path)
    # Beside the seven results: one required check without any, and one problem of the run.
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "9",
        "failures": "3",
        "errors": "3",
        "skipped": "2",
    }
    (failure,) = root.findall(
        ".//testcase[@name='INF-RD-03 Redis refuses new writes rather than dropping queued work.']/failure"
    )
    assert "expected maxmemory-policy noeviction; saw allkeys-lru (at redis)" in str(failure.text)
    assert "repeat: pytest suites/infra/test_redis.py" in str(failure.text)
    assert [str(node.get("message")) for node in root.iter("skipped")] == [
        "not armed: --arm destroy=local",
        "not applicable: no GPU here",
    ]


def test_junit_of_an_inconclusive_run_is_never_green(make: Any, make_result: Any, tmp_path: Path) -> None:
    write(make(make_result("INF-PG-01"), required=("INF-PG-01", "INF-PG-02")), tmp_path)
    root = junit(tmp_path)
    assert root.get("errors") == "1"
    assert [str(node.get("message")) for node in root.iter("error")] == ["required, but there is no result"]


def test_secrets_reach_no_file_in_any_encoding(no_go: Verdict, tmp_path: Path) -> None:
    secret = "p&ss<\"w'ord\\/ünï"
    redactor = Redactor([secret])
    leaky = replace(
        no_go.results[1],
        evidence={secret: {"nested": [secret]}},
        findings=(Finding(f"no {secret}", secret, "redis"),),
        log=f"Authorization: {secret}",
    )
    write(replace(no_go, results=(leaky,), problems=(secret,)), tmp_path, redactor=redactor)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 8
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert redactor.text(text) == text, path
        assert "ord\\" not in text, path
    assert MARK in (tmp_path / "verdict.html").read_text()
    assert MARK in (tmp_path / "junit.xml").read_text()
    read(tmp_path / "verdict.json")


def test_last_verdict_is_kept_for_its_environment_only(go: Verdict, tmp_path: Path) -> None:
    assert previous(tmp_path, "local") is None
    write(go, tmp_path)
    assert previous(tmp_path, "local") == read(tmp_path / "verdict.json")
    assert previous(tmp_path, "staging") is None


def test_environment_name_cannot_leave_the_history(go: Verdict, tmp_path: Path) -> None:
    write(replace(go, environment="../../x"), tmp_path / "out")
    assert previous(tmp_path / "out", "../../x") is not None
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"results": [1]}', "\x00"])
def test_a_garbled_history_costs_no_verdict_and_is_named(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "local.json").write_text(text)
    assert previous(tmp_path, "local") is None
    assert "history/local.json is no verdict" in caplog.text


def test_writing_again_leaves_nothing_of_the_last_run(no_go: Verdict, go: Verdict, tmp_path: Path) -> None:
    write(no_go, tmp_path)
    write(go, tmp_path)
    assert len(list((tmp_path / "allure-results").glob("*-result.json"))) == 1
    assert not list(tmp_path.rglob("*.partial"))
    assert read(tmp_path / "verdict.json")["verdict"] == "GO"


def test_passed_counts_the_same_in_every_format(no_go: Verdict, tmp_path: Path) -> None:
    write(no_go, tmp_path)
    passed = sum(result.outcome is Outcome.PASSED for result in no_go.results)
    cases = list(junit(tmp_path).iter("testcase"))
    clean = [case for case in cases if not {child.tag for child in case} & {"failure", "error", "skipped"}]
    statuses = [read(path)["status"] for path in (tmp_path / "allure-results").glob("*-result.json")]
    assert (len(clean), statuses.count("passed")) == (passed, passed)
