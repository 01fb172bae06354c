"""A checklist answers each line from a result, and calls nothing a yes that was not measured."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial import proof
from seatrial.cli import main
from seatrial.outcome import NOT_APPLICABLE
from seatrial.proof import Proof, Proven
from seatrial.report import checklist
from seatrial.secrecy.redaction import Redactor
from seatrial.verbs.common import USAGE_ERROR


def row(name: str, outcome: str, reason: str = "", seen: str = "") -> dict[str, Any]:
    findings = [{"expected": "closed", "seen": seen, "where": "here", "case": ""}] if seen else []
    return {
        "id": name,
        "suite": "security",
        "title": "The door | is shut.",
        "severity": "blocker",
        "level": "observe",
        "component": "door",
        "outcome": outcome,
        "duration_s": 1.25,
        "started_at": "2026-01-01T00:00:00+00:00",
        "reason": reason,
        "findings": findings,
        "footprint": {},
        "marks": [],
    }


def verdict(*rows: dict[str, Any]) -> dict[str, Any]:
    return {
        "verdict": "NO-GO",
        "environment": "here",
        "release": "r1",
        "scope": "all",
        "level": "observe",
        "signature": "not signed: the profile names no key",
        "started_at": "2026-01-01T00:00:00+00:00",
        "missing": ["SEC-TC-99"],
        "results": list(rows),
    }


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (row("SEC-TC-01", "PASSED"), "| yes | The door \\| is shut. | [SEC-TC-01](checks/SEC-TC-01.md) | blocker |"),
        (row("SEC-TC-01", "FAILED", seen="open"), "[expected closed, seen open](../verdict.html#SEC-TC-01) |"),
        (row("SEC-TC-01", "FAILED", seen="open"), "| **no** |"),
        (row("SEC-TC-01", "INVALID", "no door"), "| **unknown** |"),
        (row("SEC-TC-01", "NOT-RUN", "not armed"), "| **not asked** |"),
        (row("SEC-TC-01", "NOT-RUN", f"{NOT_APPLICABLE}no house"), "| not applicable |"),
        (row("SEC-TC-01", "NOT-RUN", f"{NOT_APPLICABLE}no house"), "[no house]("),
    ],
)
def test_each_outcome_has_an_answer_of_its_own(given: dict[str, Any], line: str) -> None:
    text = made(given)

    assert line in text
    assert unlinked(text) == []


def test_each_row_that_is_published_links_its_check() -> None:
    assert unlinked(Path("docs/security-checklist.md").read_text()) == []


def test_the_faults_that_were_tried_are_counted_per_check() -> None:
    proofs = [
        {"proof": "CAUGHT", "seen": {"SEC-TC-01": "FAILED"}},
        {"proof": "MISSED", "seen": {"SEC-TC-01": "PASSED", "SEC-TC-02": "PASSED"}},
    ]

    text = made(row("SEC-TC-01", "PASSED"), row("SEC-TC-03", "PASSED"), proofs=proofs)

    assert "| blocker | 1 of 2 |" in text
    assert "| blocker | not tried |" in text


def test_a_proof_counts_for_a_verdict_of_its_environment_and_older_trials_are_told(out: Path) -> None:
    (out / "verdict.json").write_text(json.dumps({**verdict(row("SEC-TC-01", "PASSED")), "environment": "local"}))
    caught = Proven("door-open", "process", Proof.CAUGHT, seen={"SEC-TC-01": "FAILED"}, tree="t2")
    missed = Proven("door-ajar", "process", Proof.MISSED, seen={"SEC-TC-01": "PASSED"}, tree="t2")
    trials = [caught, missed, replace(missed, proof=Proof.CAUGHT), caught]
    titles = {"door-open": "Open.", "door-ajar": "Ajar."}
    right = proof.Record("local", "r1", "t2", "2026-01-01T00:00:00+00:00", known=titles, trials=trials)

    def told(record: proof.Record) -> str:
        record.save(out, Redactor())
        assert written(out, out / "list.md") == 0
        return (out / "list.md").read_text()

    assert "| blocker | 1 of 2 |" in told(right)
    assert "earlier state" not in told(right)
    older = told(replace(right, trials=[replace(caught, tree="t1"), missed]))
    assert "| blocker | 1 of 2 |" in older
    assert "Of 2 faults that were tried, 1 were on an earlier state of the tree." in older
    assert "Of 2 faults that were tried, 2 were on an earlier state of the tree." in told(replace(right, release="r0"))
    foreign = told(replace(right, environment="staging"))
    assert "No fault counts as tried: the last `seatrial prove` was of environment staging." in foreign
    assert "| blocker | not tried |" in foreign


def test_a_required_check_without_result_is_named() -> None:
    assert "**SEC-TC-99** is required and has no result." in made(row("SEC-TC-01", "PASSED"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder of reports with a verdict on one suite."""
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "verdict.json").write_text(json.dumps(verdict(row("SEC-TC-01", "PASSED"))))
    return folder


def test_evidence_is_a_link_only_where_the_reports_go_along(out: Path, tmp_path: Path) -> None:
    beside, published = out / "list.md", tmp_path / "list.md"

    assert [written(out, file) for file in (beside, published)] == [0, 0]

    assert "[measured in 1.25 s](verdict.html#SEC-TC-01) |" in beside.read_text()
    assert "| measured in 1.25 s |" in published.read_text()
    assert "verdict.html" not in published.read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--suite", "securty"), "no check of a suite 'securty' in the last verdict (there are: security)"),
        (("--rows", "docs/go-live.toml", "--suite", "security"), "leave out --suite and --title"),
        (("--rows", "docs/go-live.toml", "--title", "Doors"), "leave out --suite and --title"),
    ],
)
def test_options_that_would_be_ignored_are_wrong_usage(
    out: Path, options: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert written(out, out / "list.md", *options) == USAGE_ERROR

    assert words in capsys.readouterr().err
    assert not (out / "list.md").exists()


@pytest.mark.parametrize("name", ["signature", "missing", "results"])
def test_half_a_verdict_is_none(out: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    half = {key: value for key, value in verdict().items() if key != name}
    (out / "verdict.json").write_text(json.dumps(half))

    assert written(out, out / "list.md") == USAGE_ERROR
    assert f"verdict.json is no verdict: it lacks {name}" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "value"), [("results", {"SEC-TC-01": "PASSED"}), ("missing", None), ("scope", 3)])
def test_a_verdict_of_other_kinds_of_values_is_none(
    out: Path, name: str, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    (out / "verdict.json").write_text(json.dumps({**verdict(), name: value}))

    assert written(out, out / "list.md") == USAGE_ERROR
    assert f"verdict.json is no verdict: it lacks {name}" in capsys.readouterr().err


@pytest.mark.parametrize("half", [{}, "SEC-TC-01", {"level": 3, "severity": "blocker"}])
def test_a_verdict_whose_results_are_none_is_none(out: Path, half: object, capsys: pytest.CaptureFixture[str]) -> None:
    (out / "verdict.json").write_text(json.dumps(verdict() | {"results": [half]}))

    assert written(out, out / "list.md") == USAGE_ERROR
    assert "verdict.json is no verdict: a result of it cannot be read" in capsys.readouterr().err


def unlinked(text: str) -> list[str]:
    """Return the rows that say what must hold without a link to the check in their third cell."""
    rows = [line for line in text.splitlines() if line.startswith("|") and not re.match(r"\| holds|\|---", line)]
    assert rows
    return [
        line
        for line in rows
        if not re.fullmatch(r" \[([A-Z0-9-]+)\]\(checks/\1\.md\) ", re.split(r"(?<!\\)\|", line)[3])
    ]


def written(out: Path, file: Path, *options: str) -> int:
    return main(["checklist", "--out", str(out), "--write", str(file), *options])


def made(*rows: dict[str, Any], proofs: list[dict[str, Any]] | None = None) -> str:
    return checklist("Doors", verdict(*rows), proofs or [], checks="checks", report="../verdict.html")
