"""Try mutants: each is deployed as a code fault is, looked at by the checks that can see it, and taken back.

The checks run in the order of what they took on the healthy system, and end at the first red one. A kill holds when its check is
red once more, since it may be so by chance, and green again without the mutant: what a mutant leaves behind in the data must not
kill those that come after it. A check that is red on a release that differs by a comment, twice, kills nothing. A time-out holds when the same checks end in the same time without the mutant.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Protocol, cast

from seatrial.errors import EnvironmentFault, Failure, HarnessError, UsageError
from seatrial.impact import Destroy
from seatrial.mutation._checks import Checks, Seen
from seatrial.mutation._mutants import Mutant
from seatrial.mutation._plan import Plan, Service
from seatrial.mutation._tried import End, Tried
from seatrial.outcome import NOT_APPLICABLE, Outcome, Result
from seatrial.platform_answers import Patch
from seatrial.probes.text import one_line
from seatrial.prove import HEALED_WITHIN_S, Prover
from seatrial.registry import Fault, Strike, import_file, importable

IN_EFFECT_S = 10.0
# How long the checks may take on a mutant: thrice what they and their start took without it, and half a minute for those that wait.
_TIMES, _MORE_S = 3.0, 30.0


class Deploys(Strike, Protocol):
    """A fault that deploys a patched copy of the source."""

    patch: list[Patch]


class Trial:
    """Tries mutants on an armed environment, one after another.

    Args:
        prover: waits for releases to be in effect and gone, as it does for faults.
        services: those whose mutants are tried.
    """

    def __init__(self, prover: Prover, checks: Checks, plan: Plan, services: Iterable[Service]) -> None:
        self._prover, self._checks, self._plan = prover, checks, plan
        self._services = {service.name: service for service in services}
        self._release = _class_of(plan)
        self._took_s: dict[str, float] = {}
        self._start_s = 0.0

    def baseline(self) -> list[str]:
        """Run every check on the healthy system, and learn what each takes.

        Returns a line for each that cannot run here. Raises EnvironmentFault where one is not green, UsageError for a service
        that no check can see.
        """
        applicable = self._prover.environment.profile.expect.not_applicable
        named = dict.fromkeys(name for each in self._services.values() for name in self._named(each))
        began = time.monotonic()
        results = self._checks.run([name for name in named if name not in applicable]).results
        self._start_s = time.monotonic() - began - sum(each.duration_s for each in results.values())
        left_out = [f"{name}: {NOT_APPLICABLE}{applicable[name]}" for name in named if name in applicable]
        left_out += [f"{each.id}: {each.reason}" for each in results.values() if each.outcome is Outcome.NOT_RUN]
        red = [each for each in results.values() if each.outcome in {Outcome.FAILED, Outcome.INVALID}]
        if red:
            lines = "\n  ".join(f"{each.id} {each.outcome}: {said(each)}" for each in red)
            raise EnvironmentFault(f"not healthy without any mutant:\n  {lines}")
        self._took_s = {each.id: each.duration_s for each in results.values() if each.outcome is Outcome.PASSED}
        self._require_seen()
        return left_out

    def control(self) -> list[str]:
        """Deploy a release for each service that differs by a comment, and look as at a mutant: what is red there takes no part.

        Returns a line for each such check. Raises EnvironmentFault where such a release does not run or stays, UsageError for a
        service that no other check can see.
        """
        red: dict[str, Result] = {}
        for service in self._services.values():
            fault = self._fault(self._same(service))
            try:
                fault.strike.strike(Destroy(self._prover.environment, fault.id))
                self._prover.wait(fault, effect=True, within_s=fault.takes_s)
                red |= self._red_twice(self._applicable(service)[0])
            except Failure as failure:
                raise EnvironmentFault(f"{fault.id}: {failure}") from None
            finally:
                self._undone(fault)
        self._took_s = {name: took_s for name, took_s in self._took_s.items() if name not in red}
        self._require_seen()
        return [f"{name}: red on a release without any mutant: {said(result)}" for name, result in red.items()]

    def _same(self, service: Service) -> Mutant:
        """Return what is a mutant by its form alone: a comment behind a source of the service."""
        tree = self._prover.environment.profile.tree
        sources = {file: (tree / file).read_text() for file in self._plan.files(tree, service)}
        file, text = next((file, text) for file, text in sources.items() if text.strip())
        return Mutant(f"none-{service.name}", service.name, file, 1, "comment", text, f"{text}# No mutant.\n")

    def _red_twice(self, names: list[str]) -> dict[str, Result]:
        seen = self._checks.run(names).results
        once = [name for name in names if name in seen and seen[name].outcome is Outcome.FAILED]
        again = self._checks.run(once).results if once else {}
        return {name: again[name] for name in once if name in again and again[name].outcome is Outcome.FAILED}

    def _require_seen(self) -> None:
        for service in self._services.values():
            if not self._took_s.keys() & set(service.checks):
                raise UsageError(f"{self._plan.path}: {service.name}: no check that sees it can run here")

    def costs_s(self) -> dict[str, tuple[int, float]]:
        """Return how many checks see each service, and what they took together on the healthy system."""
        seen = {name: self._applicable(service)[0] for name, service in self._services.items()}
        return {name: (len(each), sum(self._took_s[check] for check in each)) for name, each in seen.items()}

    def try_one(self, mutant: Mutant) -> Tried:
        """Deploy a mutant, look, take it back, and look again at what was red; raises EnvironmentFault if it stays."""
        started = time.monotonic()
        fault = self._fault(mutant)
        tried = self._struck(mutant, fault)
        self._undone(fault)
        if tried.end is End.KILLED and not self._green_again(tried.by):
            tried = Tried(mutant.id, End.STAYED_RED, tried.by, tried.words)
        if tried.end is End.TIME_OUT and not self._in_time(mutant):
            tried = Tried(mutant.id, End.UNCLEAR, words=f"{tried.words}, nor did they without it")
        return Tried(tried.mutant, tried.end, tried.by, tried.words, time.monotonic() - started)

    def _fault(self, mutant: Mutant) -> Fault:
        strike = cast(Deploys, self._release())
        strike.patch = mutant.patch()
        return Fault(f"mutant-{mutant.id}", "code", {}, IN_EFFECT_S, strike, mutant.place, self._plan.path)

    def _struck(self, mutant: Mutant, fault: Fault) -> Tried:
        environment = self._prover.environment
        if (environment.profile.tree / mutant.file).read_text() != mutant.before:
            raise UsageError(f"{mutant.file} was changed while its mutants were tried: start anew")
        try:
            fault.strike.strike(Destroy(environment, fault.id))
        except EnvironmentFault as error:  # whether the platform refused the release, or is ill itself, the undo shows
            return Tried(mutant.id, End.NOT_STARTED, words=one_line(error))
        try:
            self._prover.wait(fault, effect=True, within_s=fault.takes_s)
        except Exception as error:  # noqa: BLE001 - what a mutant answers may be anything; its release was ready all the same
            return Tried(mutant.id, End.RELEASE_ONLY, words=one_line(f"not every instance names its release: {error}"))
        counted, others = self._applicable(self._services[mutant.service])
        limit_s = self._limit_s([*counted, *others])
        try:
            seen = self._checks.run([*counted, *others], limit_s=limit_s, to_the_first_red=True)
            if seen.out_of_time:
                return Tried(mutant.id, End.TIME_OUT, words=f"the checks did not end within {limit_s:.0f} s")
            tried = judge(mutant.id, seen, counted, others)
            if tried.end is End.KILLED:
                again = self._checks.run([tried.by], limit_s=limit_s)
                if not again.ended(Outcome.FAILED, [tried.by]):
                    return Tried(mutant.id, End.UNCLEAR, tried.by, f"red once, and not when asked again: {tried.words}")
        except HarnessError as error:
            return Tried(mutant.id, End.UNCLEAR, words=one_line(error))
        return tried

    def _limit_s(self, names: list[str]) -> float:
        return _MORE_S + _TIMES * (self._start_s + sum(self._took_s[name] for name in names))

    def _in_time(self, mutant: Mutant) -> bool:
        """Tell whether the checks of a mutant end in their time on the healthy system."""
        counted, others = self._applicable(self._services[mutant.service])
        names = [*counted, *others]
        with suppress(HarnessError):
            return not self._checks.run(names, limit_s=self._limit_s(names)).out_of_time
        return False

    def _undone(self, fault: Fault) -> None:
        self._prover.environment.undo_strikes()
        try:
            self._prover.wait(fault, effect=False, within_s=HEALED_WITHIN_S)
            self._prover.wait_steady(f"{fault.id} undone")
        except Failure as failure:
            raise EnvironmentFault(f"{fault.id} was undone, but: {failure}") from None

    def _green_again(self, name: str) -> bool:
        """Tell whether a check passes on the healthy system; asked twice, since what a mutant began may still be ending."""
        for _ in range(2):
            with suppress(HarnessError):
                if self._checks.run([name]).ended(Outcome.PASSED, [name]):
                    return True
        return False

    def _named(self, service: Service) -> tuple[str, ...]:
        return (*service.checks, *self._plan.not_counted)

    def _applicable(self, service: Service) -> tuple[list[str], list[str]]:
        """Return the checks that count, the cheapest first, and those that do not."""
        counted = sorted(
            (name for name in service.checks if name in self._took_s), key=lambda name: (self._took_s[name], name)
        )
        return counted, [name for name in self._plan.not_counted if name in self._took_s]


def judge(mutant: str, seen: Seen, counted: list[str], others: list[str]) -> Tried:
    """Say how a mutant ended from what the checks saw: those that count, and those that see any release."""
    if red := seen.ended(Outcome.FAILED, counted):
        return Tried(mutant, End.KILLED, red.id, said(red))
    if red := seen.ended(Outcome.FAILED, others):
        return Tried(mutant, End.RELEASE_ONLY, red.id, said(red))
    for name in (*counted, *others):
        result = seen.results.get(name)
        if result is None or result.outcome is not Outcome.PASSED:
            return Tried(mutant, End.UNCLEAR, name, said(result) if result else "did not run")
    return Tried(mutant, End.SURVIVED)


def said(result: Result) -> str:
    """Return what a check said, in a line."""
    for finding in result.findings:
        case = f"{finding.case}: " if finding.case else ""
        return one_line(f"{case}expected {finding.expected}; saw {finding.seen}")
    return one_line(result.reason)


def _class_of(plan: Plan) -> Callable[[], Any]:
    """Import the fault that the plan names; raises UsageError where there is none."""
    faults = plan.path.parent
    importable(faults)
    file, _, name = plan.release.partition(":")
    found: Callable[[], Any] | None = getattr(import_file(faults / file, faults), name, None)
    if found is None:
        raise UsageError(f"{plan.path}: release: {file} has no {name!r}")
    return found
