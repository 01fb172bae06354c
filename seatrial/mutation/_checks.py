"""Run checks on whatever release is in force, in a process of their own: nothing that a mutant answered outlives it."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seatrial import conclude, gate
from seatrial.errors import HarnessError
from seatrial.expected import Row
from seatrial.outcome import Outcome, Result
from seatrial.profile import Profile

_FIRST_RED = ("-p", "seatrial.mutation.first_red")
_TAIL = 2000


@dataclass(frozen=True)
class Seen:
    """What checks saw: their results by id, and whether they were ended because their time was over."""

    results: Mapping[str, Result] = field(default_factory=dict)
    out_of_time: bool = False

    def ended(self, outcome: Outcome, among: Iterable[str]) -> Result | None:
        """Return the first of these checks that ended so."""
        found = (self.results[name] for name in among if name in self.results)
        return next((result for result in found if result.outcome is outcome), None)


class Checks:
    """Runs checks of a folder of suites against an environment.

    Args:
        lock: a descriptor of the environment's lock, which we hold.
    """

    def __init__(self, profile: Profile, suites: Path, rows: Iterable[Row], lock: int | None) -> None:
        self._profile, self._suites, self._lock = profile, suites, lock
        self._harness = conclude.harness()
        self._rows = {row.id: row for row in rows}

    def run(self, names: Sequence[str], *, limit_s: float | None = None, to_the_first_red: bool = False) -> Seen:
        """Run the checks of these ids, in this order; raises HarnessError where pytest itself did not end as it should."""
        nodes = [f"{self._suites / self._rows[name].file}::{self._rows[name].test}" for name in names]
        with tempfile.TemporaryDirectory(prefix="seatrial-") as folder:
            file = Path(folder) / "results.jsonl"
            options = ["--profile", str(self._profile.path), "--seatrial-results", str(file)]
            options += [] if self._lock is None else ["--seatrial-lock", str(self._lock)]
            with (Path(folder) / "output").open("w+") as output:
                arguments = [*nodes, *options, *(_FIRST_RED if to_the_first_red else ())]
                code = gate.run_pytest(arguments, self._suites, lock=self._lock, output=output, limit_s=limit_s)
                if code is None:
                    return Seen(out_of_time=True)
                results, problems = gate.read_results(file, code, "checks", self._profile, self._harness)
                if problems:
                    output.seek(0)
                    raise HarnessError("; ".join(problems) + "\n" + output.read()[-_TAIL:])
        return Seen({result.id: result for result in results})
