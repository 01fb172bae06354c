"""A series of rounds on one release, as a file of lines: what all have in common, how each one ended, and how often which check was not PASSED."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from seatrial.basis import digests
from seatrial.conclude import harness
from seatrial.errors import UsageError
from seatrial.outcome import Outcome
from seatrial.profile import Profile
from seatrial.statistics import Bounds, proportion_bounds
from seatrial.verdict import Ruling, Verdict

CONFIDENCE = 0.95
GATE = "the gate"
NO_VERDICT = "NO VERDICT"


@dataclass(frozen=True)
class Common:
    """What must be the same in every round: else the share of false alarms would be nobody's.

    Attributes:
        harness: version and digest of the harness.
        profile: digest of the profile.
        suites: digest of the suites, with the lists of what must run and what is waived.
        noise: what kinds of it.
        load: digest of the load with its objective; empty where there is none.
    """

    environment: str
    release: str
    harness: str
    profile: str
    suites: str
    scope: str
    armed: str
    noise: tuple[str, ...]
    load: str = ""

    def differences(self, other: "Common") -> list[str]:
        """Say what is not the same."""
        mine, theirs = asdict(self), asdict(other)
        return [f"{name} is {theirs[name]}, was {mine[name]}" for name in mine if mine[name] != theirs[name]]


@dataclass(frozen=True)
class Round:
    """How one run of the gate ended.

    Attributes:
        seed: of the cases that checks make up, and of the order where that is shuffled.
        checks: id -> outcome, of all that ran or had to.
        wrong: id -> outcome, marks and reason, of those that did not pass.
        problems: why the run as a whole could not be trusted.
        noise: kind -> what it came to, by the kernel's account.
        kept: folder of its verdict, below the reports; empty where it was GO.
    """

    number: int
    seed: int
    at: str
    verdict: str
    duration_s: float
    checks: dict[str, str]
    wrong: dict[str, str]
    problems: tuple[str, ...] = ()
    noise: dict[str, dict[str, float]] = field(default_factory=dict)
    kept: str = ""

    @property
    def is_go(self) -> bool:
        """Whether the gate said GO."""
        return self.verdict == Ruling.GO

    @property
    def told(self) -> str:
        """Why it was not GO, on one line."""
        return "; ".join([*(f"{name} {why}" for name, why in self.wrong.items()), *self.problems])


@dataclass(frozen=True)
class Rate:
    """How often the gate, or a check, raised an alarm."""

    name: str
    rounds: tuple[Round, ...]
    alarms: tuple[Round, ...]

    @property
    def at_most(self) -> float:
        """What the true share is not above, with `CONFIDENCE`: one side of an interval that leaves as much doubt on the other."""
        return proportion_bounds(len(self.alarms), len(self.rounds), 2 * CONFIDENCE - 1).high

    @property
    def between(self) -> Bounds:
        """Where the true share lies, with `CONFIDENCE`."""
        return proportion_bounds(len(self.alarms), len(self.rounds), CONFIDENCE)

    @property
    def told(self) -> str:
        """The share in words."""
        counts = f"{len(self.alarms)} of {len(self.rounds)}"
        if not self.alarms:
            return f"{counts}: at most {self.at_most:.1%} with {CONFIDENCE:.0%} confidence"
        low, high = self.between.low, self.between.high
        share = len(self.alarms) / len(self.rounds)
        return f"{counts}: {share:.1%}, between {low:.1%} and {high:.1%} with {CONFIDENCE:.0%} confidence"


def common(release: str, profile: Profile, suites: Path, **rest: Any) -> Common:
    """Return what the rounds to come have in common; `rest` are scope, armed and noise."""
    files = {name: digest[:12] for name, digest in digests(profile, suites).items()}
    of = files["profile"], files["suites"]
    return Common(profile.name, release, harness(), *of, **rest, load=files.get("load", ""))


def round_of(verdict: Verdict, number: int, seed: int, noise: dict[str, dict[str, float]]) -> Round:
    """Return what is kept of a verdict. What did not run and need not is no part of it; any mark is an alarm."""
    needed = set(verdict.required)
    counted = [each for each in verdict.results if each.outcome is not Outcome.NOT_RUN or each.id in needed]
    checks = {each.id: str(each.outcome) for each in counted} | dict.fromkeys(verdict.missing, "MISSING")
    wrong = {
        each.id: " ".join([str(each.outcome), *each.marks])
        + ": "
        + (each.reason or "; ".join(f"expected {found.expected}, saw {found.seen}" for found in each.findings))
        for each in counted
        if each.outcome is not Outcome.PASSED or each.marks
    } | dict.fromkeys(verdict.missing, "MISSING")
    return Round(
        number,
        seed,
        verdict.started_at,
        str(verdict.ruling),
        round(verdict.duration_s, 1),
        checks,
        wrong,
        verdict.problems,
        noise,
    )


def rates(rounds: Sequence[Round]) -> list[Rate]:
    """Return the gate's rate, and that of each check among the rounds that it was in, the worst first."""
    gate = Rate(GATE, tuple(rounds), tuple(each for each in rounds if not each.is_go))
    names = sorted({name for each in rounds for name in each.checks})
    checks = []
    for name in names:
        those = tuple(each for each in rounds if name in each.checks)
        checks.append(Rate(name, those, tuple(each for each in those if name in each.wrong)))
    checks.sort(key=lambda rate: -len(rate.alarms) / len(rate.rounds))
    return [gate, *checks]


def read(file: Path) -> tuple[str, Common, list[Round]] | None:
    """Return the name, the common ground and the rounds of the last series in a file; None where there is none.

    A last line that was cut short belongs to a round that had not ended. Any other that cannot be read is a UsageError.
    """
    text = file.read_text() if file.is_file() else ""
    rows = []
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if line.endswith("\n"):
            try:
                row = json.loads(line)
                of = Common(**{**row["of"], "noise": tuple(row["of"]["noise"])})
                rows.append((row["series"], of, Round(**{**row["round"], "problems": tuple(row["round"]["problems"])})))
            except (ValueError, KeyError, TypeError) as error:
                raise UsageError(f"{file}:{number}: no round of a series: {error}") from None
    if not rows:
        return None
    name, of, _ = rows[-1]
    return name, of, [each for series, _, each in rows if series == name]


def append(file: Path, name: str, of: Common, ended: Round) -> None:
    """Add a round, on disk before this returns; what was cut short before it is taken away."""
    file.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"series": name, "of": asdict(of), "round": asdict(ended)}) + "\n"
    with file.open("a+b") as kept:
        kept.seek(0)
        kept.truncate(kept.read().rfind(b"\n") + 1)
        kept.write(line.encode())
        kept.flush()
        os.fsync(kept.fileno())
