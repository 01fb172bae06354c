"""`seatrial prove`: replay every fault and demand that its checks turn red for the stated reason, and green again.

Per fault: strike, wait until another probe confirms the fault, run the checks that must notice, undo, wait until the probe
denies it and every instance is ready, run the checks again. A fault that is not in effect proves nothing: INVALID.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from seatrial.environment import Environment
from seatrial.errors import Failure, require
from seatrial.eventually import eventually
from seatrial.expected import Row
from seatrial.impact import Destroy, Observe
from seatrial.outcome import Outcome, Result
from seatrial.plugin import OWN_CONFIGURATION, Given
from seatrial.registry import Expected, Fault, importable

HEALED_WITHIN_S = 30.0


class Proof(StrEnum):
    """How the trial of one fault ends."""

    CAUGHT = "CAUGHT"
    MISSED = "MISSED"
    INVALID = "INVALID"


@dataclass(frozen=True)
class Proven:
    """One fault's trial.

    Attributes:
        seen: check id -> its outcome while the fault was in effect.
        reason: what went wrong, for MISSED and INVALID.
    """

    fault: str
    kind: str
    proof: Proof
    reason: str = ""
    seen: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    duration_s: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "fault": self.fault,
            "kind": self.kind,
            "proof": str(self.proof),
            "reason": self.reason,
            "seen": self.seen,
            "said": self.said,
            "duration_s": round(self.duration_s, 3),
        }


class Prover:
    """Runs faults against an armed environment, one after another, in this process."""

    def __init__(self, environment: Environment, suites: Path, rows: Iterable[Row]) -> None:
        self.environment = environment
        self.suites = suites
        self.rows = {row.id: row for row in rows}
        importable(suites)

    def baseline(self, faults: Iterable[Fault]) -> list[str]:
        """Run every check that the faults name on the healthy environment; return what is wrong before any strike."""
        wanted = sorted({check for fault in faults for check in fault.caught_by})
        unknown = [check for check in wanted if check not in self.rows]
        if unknown:
            return [f"{check}: named by a fault, but not in expected.toml" for check in unknown]
        results = self._run(wanted)
        return _not_passed(wanted, results)

    def prove(self, fault: Fault) -> Proven:
        """Strike, confirm, run the checks, undo, confirm, run the checks again."""
        started = time.monotonic()
        proven = self._struck(fault)
        try:
            self.environment.undo_strikes()
            if proven.proof is Proof.CAUGHT:
                proven = self._healed(fault, proven)
        except Exception as error:  # noqa: BLE001 - as above
            proven = _with(proven, Proof.INVALID, f"not undone: {type(error).__name__}: {error}")
        return Proven(
            fault.id, fault.kind, proven.proof, proven.reason, proven.seen, proven.said, time.monotonic() - started
        )

    def _struck(self, fault: Fault) -> Proven:
        blank = Proven(fault.id, fault.kind, Proof.INVALID)
        strong = Destroy(self.environment, fault.id)
        try:
            fault.strike.strike(strong)
            strong.seal("the fault has struck")
            self._wait(fault, effect=True, within_s=fault.takes_s)
        except Failure:
            return _with(blank, Proof.INVALID, f"not in effect within {fault.takes_s:g} s of the strike")
        except Exception as error:  # noqa: BLE001 - a fault is foreign code: whatever it raises, nothing was proven
            return _with(blank, Proof.INVALID, f"the strike failed: {type(error).__name__}: {error}")
        results = self._run(sorted(fault.caught_by))
        seen = {name: str(result.outcome) for name, result in results.items()}
        said = {name: _words(result) for name, result in results.items()}
        problems = [
            problem
            for name, expected in fault.caught_by.items()
            if (problem := _judge(name, expected, results.get(name)))
        ]
        proof = Proof.MISSED if problems else Proof.CAUGHT
        return Proven(fault.id, fault.kind, proof, "; ".join(problems), seen, said)

    def _healed(self, fault: Fault, proven: Proven) -> Proven:
        try:
            self._wait(fault, effect=False, within_s=HEALED_WITHIN_S)
        except Failure:
            return _with(proven, Proof.INVALID, f"still in effect {HEALED_WITHIN_S:g} s after the undo")
        try:
            self._wait_steady(f"{fault.id} undone")
        except Failure as failure:
            return _with(proven, Proof.INVALID, f"no steady state after the undo: {failure.seen}")
        names = sorted(fault.caught_by)
        if wrong := _not_passed(names, self._run(names)):
            return _with(proven, Proof.MISSED, f"not green after the undo: {'; '.join(wrong)}")
        return proven

    def _wait(self, fault: Fault, *, effect: bool, within_s: float) -> None:
        handle = Observe(self.environment, f"{fault.id} in effect")
        eventually(
            lambda: bool(fault.strike.in_effect(handle)) is effect,
            within_s=within_s,
            what=f"{fault.id} {'in effect' if effect else 'gone'}",
            every_s=0.2,
        )

    def _wait_steady(self, check: str) -> None:
        """Wait until every declared instance is ready: a part that came back is ready before its clients have found it."""
        handle = Observe(self.environment, check)
        anywhere = next(iter(self.environment.profile.urls), "")
        instances = [
            (via, f"{anywhere}:{service.ready}")
            for service in self.environment.profile.services.values()
            for via in service.instances.values()
        ]

        def all_ready() -> bool:
            answers = [handle.http.get(url, via=via) for via, url in instances]
            require(all(answer.status == 200 for answer in answers), "every instance ready", [*map(str, answers)])
            return True

        eventually(all_ready, within_s=HEALED_WITHIN_S, what="every instance ready")

    def _run(self, names: list[str]) -> Mapping[str, Result]:
        given = Given(self.environment)
        nodes = [f"{self.suites / self.rows[name].file}::{self.rows[name].test}" for name in names]
        code = pytest.main([*OWN_CONFIGURATION, *nodes, "-p", "no:terminal"], plugins=[given])
        if code == pytest.ExitCode.INTERRUPTED:
            raise KeyboardInterrupt
        return given.results


def _with(proven: Proven, proof: Proof, reason: str) -> Proven:
    joined = "; ".join(part for part in (proven.reason, reason) if part)
    return Proven(proven.fault, proven.kind, proof, joined, proven.seen, proven.said, proven.duration_s)


def _words(result: Result) -> str:
    parts = [
        result.reason,
        *(f"{finding.case} {finding.expected} {finding.seen} {finding.where}" for finding in result.findings),
    ]
    return " | ".join(part for part in parts if part)


def _judge(name: str, expected: Expected, result: Result | None) -> str:
    if result is None:
        return f"{name} did not run"
    if result.outcome is not expected.outcome:
        return f"{name} was {result.outcome}, not {expected.outcome}" + (f" ({result.reason})" if result.reason else "")
    if expected.words.lower() not in _words(result).lower():
        return (
            f"{name} was {result.outcome} for another reason: {_words(result)[:300]!r} does not say {expected.words!r}"
        )
    return ""


def _not_passed(names: Iterable[str], results: Mapping[str, Result]) -> list[str]:
    wrong = []
    for name in names:
        result = results.get(name)
        if result is None:
            wrong.append(f"{name} did not run")
        elif result.outcome is not Outcome.PASSED:
            wrong.append(f"{name} {result.outcome}: {_words(result)[:300]}")
    return wrong


def show(proofs: list[Proven], console: Console) -> None:
    """Print one line per fault and the totals."""
    for proven in proofs:
        colour = {Proof.CAUGHT: "green", Proof.MISSED: "red", Proof.INVALID: "yellow"}[proven.proof]
        console.print(
            f"[{colour}]{proven.proof:8}[/] {proven.fault:34} {proven.duration_s:6.1f} s  {', '.join(sorted(proven.seen))}"
        )
        if proven.reason:
            console.print(f"         {proven.reason}", markup=False)


def matrix(proofs: list[Proven], rows: Mapping[str, Row], console: Console) -> None:
    """Print the detection matrix, a table per suite: the letter is the check's outcome while the fault was in effect."""
    for suite in sorted({row.suite for row in rows.values()}):
        checks = sorted({name for proven in proofs for name in proven.seen if rows[name].suite == suite})
        if not checks:
            continue
        table = Table(suite, *(Column(name.replace("-", "\n"), justify="center") for name in checks), box=SIMPLE)
        for proven in proofs:
            if not proven.seen.keys().isdisjoint(checks):
                table.add_row(proven.fault, *(proven.seen.get(name, "·")[0] for name in checks))
        console.print(table)
    console.print("F failed, I invalid, P passed, N not run, · not asked", style="dim")
