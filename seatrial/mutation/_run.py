"""One run: draw, try, write down after each, report."""

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

import seatrial
from seatrial import hosting
from seatrial.conclude import ready
from seatrial.environment import Environment
from seatrial.errors import EnvironmentFault
from seatrial.expected import Row
from seatrial.mutation import _equivalent, _plan, _report
from seatrial.mutation._checks import Checks
from seatrial.mutation._journal import NAME, Journal, digest
from seatrial.mutation._mutants import Mutant, of_services
from seatrial.mutation._sample import draw
from seatrial.mutation._trial import Trial
from seatrial.mutation._tried import End, Tried
from seatrial.prove import Prover
from seatrial.report._files import Folder
from seatrial.scope import close_clients


@dataclass(frozen=True)
class Drawn:
    """A sample of a tree's mutants, and what it is of."""

    plan: _plan.Plan
    services: tuple[_plan.Service, ...]
    mutants: dict[str, list[Mutant]]
    sample: list[Mutant]
    equivalent: dict[str, _equivalent.Equivalent]
    seed: int


def drawn(tree: Path, faults: Path, rows: Iterable[Row], services: Iterable[str], *, size: int, seed: int) -> Drawn:
    """Draw a sample of so many mutants of the services, all of them where none is named."""
    plan = _plan.read(faults, rows)
    chosen = _plan.choose(plan, services)
    mutants = of_services(plan, tree, chosen)
    equivalent = _equivalent.read(faults, mutants)
    return Drawn(plan, chosen, mutants, draw(mutants, size, seed), equivalent, seed)


def tell(sample: Drawn, console: Console) -> None:
    """Print how many mutants there are, and the diffs of the sample."""
    _report.population(sample.mutants, console)
    for number, mutant in enumerate(sample.sample, 1):
        known = f", equivalent: {sample.equivalent[mutant.id].reason}" if mutant.id in sample.equivalent else ""
        title = f"{number}/{len(sample.sample)} {mutant.place} {mutant.operator} ({mutant.service}, {mutant.id}{known})"
        console.print(f"{title}\n{mutant.diff}\n", markup=False, soft_wrap=True)


class Run:
    """Tries a sample on an environment that is armed.

    Args:
        out: takes the journal and the reports.
    """

    def __init__(
        self, environment: Environment, suites: Path, rows: list[Row], sample: Drawn, out: Path, console: Console
    ) -> None:
        self._environment, self._sample, self._out, self._console = environment, sample, out, console
        self._suites, self._rows = suites, rows
        profile = environment.profile
        product = {
            file.split("/")[0] for each in sample.plan.services for file in sample.plan.files(profile.tree, each)
        }
        folders = [*(profile.tree / name for name in sorted(product)), suites, Path(seatrial.__file__).parent]
        locks = [*profile.tree.glob("*.lock"), *profile.tree.glob("package-lock.json")]
        self._facts = {
            "environment": profile.name,
            "seed": str(sample.seed),
            "tree": digest([*folders, *locks, sample.plan.path, profile.path]),
        }
        bound = {**self._facts, "mutants": len(sample.sample), "services": [each.name for each in sample.services]}
        self._journal = Journal(out / NAME, bound)
        self._tried = {name: Tried(name, End.EQUIVALENT, words=each.reason) for name, each in sample.equivalent.items()}
        self._left_out: list[str] = []

    def go(self, *, resume: bool) -> None:
        """Try what is left of the sample, with a healthy system before and after it; Ctrl-C undoes and keeps what was tried."""
        before = self._journal.before(resume=resume)
        self._tried |= {each.mutant: each for each in before}
        left = [mutant for mutant in self._sample.sample if mutant.id not in self._tried]
        environment = self._environment
        held = hosting.booted(environment.profile, alone=environment.armed)
        with held as boot, contextlib.ExitStack() as ending:
            ending.callback(close_clients, environment.clients)
            ready(environment)
            checks = Checks(environment.profile, self._suites, self._rows, boot.lock)
            prover = Prover(environment, self._suites, self._rows)
            trial = Trial(prover, checks, self._sample.plan, self._sample.services)
            environment.check_secrets()
            self._journal.begin(before)
            self._console.print(
                f"{len(left)} mutants to try; first their checks on the healthy system, and on it as a fresh release"
            )
            self._left_out = [*trial.baseline(), *trial.control()]
            for text in self._left_out:
                self._console.print(f"takes no part: {text}", markup=False, soft_wrap=True)
            for service, (seen_by, seconds) in trial.costs_s().items():
                self._console.print(f"{service}: {seen_by} checks, which take {seconds:.0f} s where nothing is wrong")
            ending.callback(self._write)
            ending.callback(environment.undo_strikes)  # first of these, however the run ends
            self._try_all(trial, left)
            self._journal.finish()
            trial.baseline()

    def _try_all(self, trial: Trial, left: list[Mutant]) -> None:
        began, stayed = time.monotonic(), 0
        for number, mutant in enumerate(left, 1):
            try:
                tried = trial.try_one(mutant)
            except EnvironmentFault as fault:  # or the next attempt would end there again
                self._keep(Tried(mutant.id, End.UNCLEAR, words=f"the run ended here: {fault}"))
                raise
            self._keep(tried)
            left_s = (time.monotonic() - began) / number * (len(left) - number)
            text = _report.line(number, len(left), mutant, self._tried[mutant.id], left_s)
            self._console.print(text, markup=False, soft_wrap=True)
            stayed = stayed + 1 if tried.end is End.STAYED_RED else 0
            if stayed == 2:  # once may be the mutant's own; twice in turn, and the system is ill
                raise EnvironmentFault(
                    f"{tried.by} is not green any more, with or without a mutant: see to the system first"
                )

    def _keep(self, tried: Tried) -> None:
        cleaned = self._environment.redactor.clean(tried.to_json())
        self._tried[tried.mutant] = Tried.from_json(cleaned)
        self._journal.add(cleaned)

    def _write(self) -> None:
        sizes = {name: len(each) for name, each in self._sample.mutants.items()}
        mine = {mutant.id: self._tried[mutant.id] for mutant in self._sample.sample if mutant.id in self._tried}
        report = _report.Report(self._sample.sample, mine, sizes, self._facts, self._left_out)
        page = _report.write(report, Folder(self._out, self._environment.redactor))
        _report.tables(report, self._console)
        whole = (
            f"{len(mine)} of {len(self._sample.sample)} tried" if len(mine) < len(self._sample.sample) else "all tried"
        )
        self._console.print(f"{whole}; noticed {report.score}; {page}", markup=False, soft_wrap=True)
