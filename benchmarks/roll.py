"""Roll out under load: what clients see of it, beside the same traffic while nothing is deployed, in one run.

Boots a system of its own. Short requests of every kind fall due on schedule (reads and writes of the API, ranges of a preview,
pages, versions), beside slow writes, downloads and uploads with their jobs; whatever became of one, the next is made. Then come a
first stretch at rest, the rolls of all four services, one bad release, and a rollback. A roll is clean when no request failed,
no download broke off, and every acknowledged upload is there once with one job that is done. "late" is the share of requests that
this generator began more than half a second after they were due: where it is not near 0, the machine was too busy to say anything.

    python benchmarks/roll.py [--rolls 10] [--per-s 200]
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from seatrial import Disrupt
from seatrial.cases import CaseFailures
from seatrial.environment import Arming, Environment
from seatrial.errors import EnvironmentFault
from seatrial.profile import load
from suites.deploy._rolling import Rolling
from tests.platform.bench import booted, free_layout, profile

REST_S = 20.0
LATE_S = 0.5
NOWHERE = {"frontend": {"API_INTERNAL_URL": "http://127.0.0.1:1"}}


@dataclass(frozen=True)
class Stretch:
    """What one stretch of traffic gave; `seconds` is what the platform was busy for."""

    name: str
    seconds: float
    requests: dict[str, int]
    failures: tuple[str, ...]
    p99_s: float
    late: float
    wrong: str

    @property
    def clean(self) -> bool:
        """Whether nobody can have noticed."""
        return not self.failures and not self.wrong

    def line(self) -> str:
        """Say it in one line."""
        counts = ", ".join(f"{count} {name}" for name, count in self.requests.items())
        per_s = sum(self.requests.values()) / self.seconds
        said = "clean" if self.clean else f"{len(self.failures)} failed: {'; '.join(self.failures[:3])} {self.wrong}"
        return (
            f"{self.name:<12} {self.seconds:6.1f} s  {per_s:5.0f}/s  {counts}  p99 {self.p99_s * 1000:5.0f} ms  "
            f"late {self.late:.2%}  {said}"
        )


def stretch(environment: Environment, name: str, per_s: float, act: Callable[[Disrupt], object]) -> Stretch:
    """Have the platform do something under traffic, and judge what became of every request and job."""
    with closing(Disrupt(environment, name)) as disrupt:
        with Rolling(disrupt, jobs=True, short_per_s=per_s) as rolling:
            rolling.flow(1)
            began_s = time.monotonic()
            act(disrupt)
            rolling.flow(1)
            seconds = time.monotonic() - began_s
        wrong = ""
        try:
            with disrupt.cases(at_least=2) as cases:
                rolling.judge_jobs(cases)
        except CaseFailures as found:
            wrong = str(found)
    counted = {sort: [shot for shot in every if shot.ended_s >= began_s] for sort, every in rolling.shots.items()}
    shots = [shot for every in counted.values() for shot in every]
    took = sorted(shot.ended_s - shot.due_s for shot in counted["short"])
    late = sum(shot.began_s - shot.due_s > LATE_S for shot in shots) / len(shots)
    failures = tuple(shot.answer.failure for shot in shots if shot.answer.failure)
    counts = {sort: len(every) for sort, every in counted.items()}
    return Stretch(name, seconds, counts, failures, took[int(0.99 * len(took))], late, wrong)


def rest(_: Disrupt) -> None:
    """Deploy nothing for a while."""
    time.sleep(REST_S)


def deployed(disrupt: Disrupt) -> None:
    """Deploy another release than the one in force, to which the end of each stretch goes back."""
    done = disrupt.platform.deploy(settings={"frontend": {"LOG_LEVEL": "WARNING"}})
    if done.release == done.previous:
        sys.exit("nothing was deployed: the release is the one that was in force")


def refused(disrupt: Disrupt) -> None:
    """Deploy what is never ready; the platform must go back by itself."""
    try:
        disrupt.platform.deploy(settings=NOWHERE)
    except EnvironmentFault:
        change = disrupt.platform.releases()[0]
        if change.outcome != "rolled back":
            raise
    else:
        sys.exit("the bad release came into force")


def there_and_back(disrupt: Disrupt) -> None:
    """Deploy, and roll back; print how long the way back took."""
    before = disrupt.platform.status().release
    disrupt.platform.deploy(settings={"frontend": {"LOG_LEVEL": "ERROR"}})
    disrupt.platform.rollback(before)
    print(f"rollback     {disrupt.platform.releases()[0].seconds:6.1f} s")


def main() -> None:
    """Run all stretches and print them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rolls", type=int, default=10)
    parser.add_argument("--per-s", type=float, default=200.0, help="short requests a second (default 200)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seatrial-") as folder, booted(free_layout(Path(folder) / "state")) as up:
        declared = load(profile(up.layout, Path(folder) / "local.toml"))
        environment = Environment(declared, Arming.parse([f"disrupt={declared.name}"], declared))
        with environment.lock():
            at_rest = stretch(environment, "at rest", options.per_s, rest)
            print(at_rest.line(), flush=True)
            rolls = []
            for number in range(1, options.rolls + 1):
                rolls.append(stretch(environment, f"roll {number}", options.per_s, deployed))
                print(rolls[-1].line(), flush=True)
            print(stretch(environment, "bad release", options.per_s, refused).line(), flush=True)
            print(stretch(environment, "and back", options.per_s, there_and_back).line(), flush=True)
    clean = sum(each.clean for each in rolls)
    worst_s = max(each.p99_s for each in rolls)
    print(
        f"{clean} of {len(rolls)} rolls clean; the worst p99 of a roll is {worst_s / at_rest.p99_s:.2f} x that at rest"
    )


if __name__ == "__main__":
    main()
