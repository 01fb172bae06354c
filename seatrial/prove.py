"""`seatrial prove`: replay every fault and demand that its checks turn red for the stated reason, and green again.

Per fault: strike, wait until another probe confirms the fault, run the checks that must notice, undo, wait until the probe
denies it and every instance is ready, run the checks again. A fault that is not in effect proves nothing: INVALID.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from seatrial.environment import Environment
from seatrial.errors import Failure, UsageError, require
from seatrial.eventually import eventually
from seatrial.expected import Row
from seatrial.impact import Destroy, Observe
from seatrial.outcome import Level, Outcome, Result
from seatrial.plugin import Given, run_here
from seatrial.proof import Proof, Proven, parts_struck, words
from seatrial.registry import Expected, Fault, importable

HEALED_WITHIN_S = 30.0
Tell = Callable[[Result], None]
# What the checks that are asked under every fault, for the matrix alone, may take together on the healthy environment.
BESIDE_S = 5.0


class Prover:
    """Runs faults against an armed environment, one after another, in this process."""

    def __init__(self, environment: Environment, suites: Path, rows: Iterable[Row]) -> None:
        self.environment = environment
        self.suites = suites
        self.rows = {row.id: row for row in rows}
        self.beside: tuple[str, ...] = ()
        importable(suites)

    def baseline(self, faults: Iterable[Fault], told: Tell | None = None) -> list[str]:
        """Run every check that the faults name on the healthy environment; return what is wrong before any strike.

        Args:
            told: hears of each result as it comes.
        """
        wanted = sorted({check for fault in faults for check in fault.caught_by})
        unknown = [check for check in wanted if check not in self.rows]
        if unknown:
            return [f"{check}: named by a fault, but not in expected.toml" for check in unknown]
        return _not_passed(wanted, self._run(wanted, told))

    def affordable(self, told: Tell | None = None) -> tuple[dict[str, float], dict[str, str]]:
        """Choose the checks that can be asked under every fault: the quickest, up to `BESIDE_S` together.

        Only those that observe are tried, each once, on the healthy environment: what one that writes could not remove again while
        a fault was in effect would stay, and turn others red long after.

        Returns check -> seconds of the chosen ones, and check -> reason of all others.
        """
        quiet = {row.id for row in self.rows.values() if row.level is Level.OBSERVE and not row.alone}
        unasked = dict.fromkeys(self.rows.keys() - quiet, "it writes, or wants the environment for itself")
        results = self._run(sorted(quiet), told)
        took = {name: results[name].duration_s for name in quiet & results.keys()}
        chosen: dict[str, float] = {}
        for name in sorted(quiet, key=lambda name: (took.get(name, 0.0), name)):
            if wrong := _not_passed([name], results):
                unasked[name] = f"not measured on the healthy environment: {wrong[0]}"
            elif sum(chosen.values()) + took[name] > BESIDE_S:
                unasked[name] = f"it takes {took[name]:.1f} s, too long to be asked under every fault"
            else:
                chosen[name] = round(took[name], 3)
        return chosen, dict(sorted(unasked.items()))

    def prove(self, fault: Fault) -> Proven:
        """Strike, confirm, run the checks, undo, confirm, run the checks again."""
        started = time.monotonic()
        try:
            proven = self._struck(fault)
        except UsageError as error:
            proven = Proven(fault.id, fault.kind, Proof.INVALID, str(error))
        try:
            self.environment.undo_strikes()
            proven = self._healed(fault, proven)
        except Exception as error:  # noqa: BLE001 - as above
            proven = _with(proven, Proof.INVALID, f"not seen undone: {type(error).__name__}: {error}")
        return replace(proven, duration_s=time.monotonic() - started)

    def _struck(self, fault: Fault) -> Proven:
        blank = Proven(fault.id, fault.kind, Proof.INVALID)
        strong = Destroy(self.environment, fault.id)
        try:
            fault.strike.strike(strong)
            strong.seal("the fault has struck")
            self.wait(fault, effect=True, within_s=fault.takes_s)
        except Failure:
            return _with(blank, Proof.INVALID, f"not in effect within {fault.takes_s:g} s of the strike")
        except Exception as error:  # noqa: BLE001 - a fault is foreign code: whatever it raises, nothing was proven
            return _with(blank, Proof.INVALID, f"the strike failed: {type(error).__name__}: {error}")
        struck = parts_struck(fault, self.environment.undo_log.pending())
        results = self._run(sorted(fault.caught_by))
        seen = {name: str(result.outcome) for name, result in results.items()}
        said = {name: words(result) for name, result in results.items()}
        problems = [
            problem
            for name, expected in fault.caught_by.items()
            if (problem := _judge(name, expected, results.get(name)))
        ]
        proof = Proof.MISSED if problems else Proof.CAUGHT
        proven = Proven(fault.id, fault.kind, proof, "; ".join(problems), seen, said, struck=struck)
        return self._with_beside(fault, proven)

    def _with_beside(self, fault: Fault, proven: Proven) -> Proven:
        """Ask the checks beside; if the fault is not in effect any more when they have ended, they have measured nothing."""
        names = [name for name in self.beside if name not in fault.caught_by]
        if not names:
            return proven
        results = self._run(names)
        if not self._still_in_effect(fault):
            return replace(proven, beside=dict.fromkeys(names, str(Outcome.INVALID)))
        beside = {name: str(results[name].outcome if name in results else Outcome.INVALID) for name in names}
        red = [name for name in names if beside[name] == Outcome.FAILED]
        return replace(proven, beside=beside, said={**proven.said, **{name: words(results[name]) for name in red}})

    def _still_in_effect(self, fault: Fault) -> bool:
        try:
            return bool(fault.strike.in_effect(Observe(self.environment, f"{fault.id} in effect")))
        except Exception:  # noqa: BLE001 - a fault is foreign code: what it cannot confirm is not in effect
            return False

    def _healed(self, fault: Fault, proven: Proven) -> Proven:
        try:
            self.wait(fault, effect=False, within_s=HEALED_WITHIN_S)
        except Failure:
            return _with(proven, Proof.INVALID, f"still in effect {HEALED_WITHIN_S:g} s after the undo")
        try:
            self.wait_steady(f"{fault.id} undone")
        except Failure as failure:
            return _with(proven, Proof.INVALID, f"no steady state after the undo: {failure.seen}")
        if proven.proof is not Proof.CAUGHT:
            return proven
        names = sorted(fault.caught_by)
        if wrong := _not_passed(names, self._run(names)):
            return _with(proven, Proof.MISSED, f"not green after the undo: {'; '.join(wrong)}")
        return self._green_beside(proven)

    def _green_beside(self, proven: Proven) -> Proven:
        """Run again what turned red beside: what stays red was not this fault's doing, and is no measurement."""
        if not proven.collateral:
            return proven
        results = self._run(list(proven.collateral))
        stayed = [name for name in proven.collateral if _not_passed([name], results)]
        return replace(proven, beside={**proven.beside, **dict.fromkeys(stayed, str(Outcome.INVALID))})

    def wait(self, fault: Fault, *, effect: bool, within_s: float) -> None:
        """Wait until the fault's own probe says that it is in effect, or that it is gone; raises Failure."""
        handle = Observe(self.environment, f"{fault.id} in effect")
        eventually(
            lambda: bool(fault.strike.in_effect(handle)) is effect,
            within_s=within_s,
            what=f"{fault.id} {'in effect' if effect else 'gone'}",
            every_s=0.2,
        )

    def wait_steady(self, check: str) -> None:
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

    def _run(self, names: list[str], told: Tell | None = None) -> Mapping[str, Result]:
        """Run checks, and return their results; raises UsageError where the suites let nothing be concluded from any."""
        if not names:  # pytest without a place collects what lies in the working directory
            return {}
        given = Given(self.environment, told)
        nodes = [f"{self.suites / self.rows[name].file}::{self.rows[name].test}" for name in names]
        code = run_here([*nodes, "-p", "no:terminal"], given)
        if code == pytest.ExitCode.INTERRUPTED:
            raise KeyboardInterrupt
        if wrong := [*given.uncollected, *given.problems]:
            raise UsageError("; ".join(wrong))
        if code not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
            raise UsageError(f"{self.suites} cannot be run: pytest ended with {code}, the lines above say why")
        return given.results


def _with(proven: Proven, proof: Proof, reason: str) -> Proven:
    joined = "; ".join(part for part in (proven.reason, reason) if part)
    return replace(proven, proof=proof, reason=joined)


def _judge(name: str, expected: Expected, result: Result | None) -> str:
    if result is None:
        return f"{name} did not run"
    if result.outcome is not expected.outcome:
        return f"{name} was {result.outcome}, not {expected.outcome}" + (f" ({result.reason})" if result.reason else "")
    if expected.words.lower() not in words(result).lower():
        return (
            f"{name} was {result.outcome} for another reason: {words(result)[:300]!r} does not say {expected.words!r}"
        )
    return ""


def _not_passed(names: Iterable[str], results: Mapping[str, Result]) -> list[str]:
    wrong = []
    for name in names:
        result = results.get(name)
        if result is None:
            wrong.append(f"{name} did not run")
        elif result.outcome is not Outcome.PASSED:
            wrong.append(f"{name} {result.outcome}: {words(result)[:300]}")
    return wrong


def show(proven: Proven, console: Console) -> None:
    """Print the line of one trial."""
    colour = {Proof.CAUGHT: "green", Proof.MISSED: "red", Proof.INVALID: "yellow"}[proven.proof]
    beside = f"; also red: {', '.join(proven.collateral)}" if proven.collateral else ""
    seen = f"{', '.join(sorted(proven.seen))}{beside}"
    console.print(f"[{colour}]{proven.proof:8}[/] {proven.fault:34} {proven.duration_s:6.1f} s  {seen}", soft_wrap=True)
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
