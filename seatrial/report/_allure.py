"""Allure results, written from the verdict itself so that no test runner stands between the two."""

import hashlib
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from seatrial import kept
from seatrial.outcome import Outcome, Result, Severity
from seatrial.report._files import Folder, printable
from seatrial.secrecy.redaction import Redactor
from seatrial.verdict import Verdict

_STATUS = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "failed",
    Outcome.INVALID: "broken",
    Outcome.NOT_RUN: "skipped",
}
_SEVERITY = {Severity.BLOCKER: "blocker", Severity.MAJOR: "critical", Severity.MINOR: "minor"}
_CATEGORIES = [
    {"name": "FAILED: measured and wrong", "matchedStatuses": ["failed"]},
    {"name": "INVALID: could not be measured", "matchedStatuses": ["broken"]},
    {"name": "NOT-RUN: not granted, not armed or not applicable", "matchedStatuses": ["skipped"]},
]


def write_results(verdict: Verdict, path: Path, redactor: Redactor) -> None:
    """Replace the folder by this verdict's results: one per check, one per missing check, problems as global errors."""
    if path.exists():
        shutil.rmtree(path)
    folder = Folder(path, redactor)
    for result in verdict.results:
        _write_result(folder, verdict, result)
    for name in verdict.missing:
        _write_missing(folder, verdict, name)
    if verdict.problems:
        errors = [{"message": printable(problem)} for problem in verdict.problems]
        folder.put_json(f"{_uuid(verdict, 'run')}-globals.json", {"attachments": [], "errors": errors})
    folder.put("environment.properties", _environment(verdict))
    folder.put_json("categories.json", _CATEGORIES)
    folder.put_json(
        "executor.json", {"name": "Seatrial", "type": "seatrial", "buildName": verdict.line, "reportName": verdict.line}
    )


def _write_result(folder: Folder, verdict: Verdict, result: Result) -> None:
    uuid = _uuid(verdict, result.id)
    attachments = []
    beside = folder.path.parent
    shown = {name: beside / file for name, file in kept.named(result.evidence) if (beside / file).is_file()}
    for name, file in shown.items():
        source = f"{_uuid(verdict, result.id, str(name))}-attachment{file.suffix}"
        folder.copy(source, file)
        kind = "image/png" if file.suffix == ".png" else "text/plain"
        attachments.append({"name": printable(str(name)), "type": kind, "source": source})
    for name, value in result.evidence.items():
        if name in shown:
            continue
        path = folder.put_json(f"{_uuid(verdict, result.id, str(name))}-attachment.json", value)
        attachments.append({"name": printable(str(name)), "type": "application/json", "source": path.name})
    if result.log:
        log = folder.put(f"{_uuid(verdict, result.id, '', 'log')}-attachment.txt", printable(result.log))
        attachments.append({"name": "log", "type": "text/plain", "source": log.name})
    start = round(datetime.fromisoformat(result.started_at).timestamp() * 1000)
    folder.put_json(
        f"{uuid}-result.json",
        {
            **_identity(verdict, result.id, f"{result.id} {result.title}", result.suite),
            "uuid": uuid,
            "status": _STATUS[result.outcome],
            "statusDetails": _details(result, verdict),
            "stage": "finished",
            "description": printable(_description(result)),
            "start": start,
            "stop": start + round(result.duration_s * 1000),
            "labels": _labels(result),
            "attachments": attachments,
            "steps": [
                {
                    "name": printable(finding.case or finding.where),
                    "status": _STATUS[result.outcome],
                    "statusDetails": {"message": printable(f"expected {finding.expected}; saw {finding.seen}")},
                    "stage": "finished",
                    "start": start,
                    "stop": start,
                }
                for finding in result.findings
            ],
        },
    )


def _write_missing(folder: Folder, verdict: Verdict, name: str) -> None:
    uuid, start = _uuid(verdict, name), round(datetime.fromisoformat(verdict.started_at).timestamp() * 1000)
    folder.put_json(
        f"{uuid}-result.json",
        {
            **_identity(verdict, name, f"{name} (missing)", "missing"),
            "uuid": uuid,
            "status": "broken",
            "statusDetails": {"message": "required, but there is no result"},
            "stage": "finished",
            "start": start,
            "stop": start,
            "labels": [{"name": "suite", "value": "missing"}, {"name": "outcome", "value": "missing"}],
        },
    )


def _identity(verdict: Verdict, name: str, title: str, suite: str) -> dict[str, Any]:
    # One history per environment: a check that fails in staging says nothing about its record in production.
    history = hashlib.sha256(f"{verdict.environment}\n{name}".encode()).hexdigest()
    case = hashlib.sha256(name.encode()).hexdigest()
    return {
        "name": printable(title),
        "fullName": f"{suite}.{name}",
        "historyId": history,
        "testCaseId": case,
        "titlePath": [suite],
    }


def _details(result: Result, verdict: Verdict) -> dict[str, Any]:
    found = [
        f"{f.case}: " * bool(f.case) + f"expected {f.expected}; saw {f.seen} (at {f.where})" for f in result.findings
    ]
    details: dict[str, Any] = {"message": printable(result.reason or "\n".join(found))}
    if result.outcome is not Outcome.PASSED:
        details["trace"] = printable(result.log)
    if len(result.findings) == 1:
        details |= {"expected": printable(result.findings[0].expected), "actual": printable(result.findings[0].seen)}
    return {**details, "flaky": "FLAKY" in result.marks, "known": result.id in verdict.waivers}


def _labels(result: Result) -> list[dict[str, str]]:
    values = {
        "severity": _SEVERITY[result.severity],
        "suite": result.suite,
        "parentSuite": "seatrial",
        "component": result.component,
        "level": str(result.level),
        "outcome": str(result.outcome),
        "framework": "seatrial",
    }
    labels = [{"name": name, "value": printable(value)} for name, value in values.items()]
    return labels + [{"name": "tag", "value": mark} for mark in result.marks]


def _description(result: Result) -> str:
    lines = [result.title]
    lines += [f"Repeat: `{result.repeat}`"] if result.repeat else []
    lines += [f"Runbook: {result.runbook}"] if result.runbook else []
    return "\n\n".join(lines)


def _environment(verdict: Verdict) -> str:
    facts = {
        "verdict": verdict.ruling,
        "environment": verdict.environment,
        "release": verdict.release,
        "scope": verdict.scope,
        "level": verdict.level,
        "harness": verdict.harness,
        "required": len(verdict.required),
    }
    return "".join(f"{name} = {_one_line(str(value))}\n" for name, value in facts.items())


def _one_line(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace("\r", " ").replace("\n", " ")


def _uuid(verdict: Verdict, *names: str) -> str:
    return str(uuid5(NAMESPACE_URL, "\n".join((verdict.environment, verdict.started_at, *names))))
