"""What a deployer demands of a verdict that is genuinely signed: signed is also yesterday's, another environment's, and a NO-GO."""

import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seatrial import expected, waivers
from seatrial.attest._statement import REPORT, Statement, Trial
from seatrial.basis import digests, places
from seatrial.errors import UsageError
from seatrial.outcome import Level, Outcome
from seatrial.profile import Profile
from seatrial.verdict import Ruling

CLOCKS_APART = dt.timedelta(seconds=60)
"""How far the clock of who signed may be ahead of ours."""


@dataclass(frozen=True)
class Demands:
    """What must hold for a deploy.

    Attributes:
        profile: the environment that must have been tried, described by this very file.
        suites: the folder whose checks must have passed; what lies there, and the load of the profile's tree, is what must have
            been run.
        releases: exactly these, "sha256:..." or ids.
        scope: suites and ids that it must cover; all of them when empty.
        level: checks up to it are demanded.
        max_age: how long ago the trial may have ended.
        version: of the harness, with what its files come to.
    """

    profile: Profile
    suites: Path
    releases: frozenset[str]
    scope: tuple[str, ...]
    level: Level
    max_age: dt.timedelta
    version: str

    def unmet(self, statement: Statement, now: dt.datetime, report: Path) -> list[str]:
        """Name all that a statement does not show, one line each.

        Args:
            report: where verdict.json would lie beside it; one that is not there proves and spoils nothing.
        """
        trial = statement.trial
        return [
            *([f"the verdict is {trial.verdict}"] if trial.verdict is not Ruling.GO else []),
            *self._of_another(statement),
            *self._too_little(trial),
            *self._at_another_time(trial, now),
            *self._excused(trial, now.date()),
            *_another_report(statement, report),
        ]

    def _of_another(self, statement: Statement) -> Iterator[str]:
        trial = statement.trial
        if trial.environment != self.profile.name:
            yield f"it is of the environment {trial.environment}, not of {self.profile.name}"
        here = digests(self.profile, self.suites)
        for name, path in places(self.profile, self.suites).items():
            if statement.files.get(name) != here.get(name):
                yield f"it was made with another state of {path}"
        if statement.releases != self.releases:
            yield f"it is of the release {_listed(statement.releases)}, not of {_listed(self.releases)}"
        if trial.version != self.version:
            yield f"it was made by seatrial {trial.version}, and this is {self.version}"

    def _too_little(self, trial: Trial) -> Iterator[str]:
        chosen = expected.select(expected.read(self.suites), list(self.scope))
        demanded = expected.required(chosen, self.level, self.profile.expect.not_applicable)
        if not demanded:
            raise UsageError(f"no check of {chosen.label} is required at {self.level}: nothing would be demanded")
        if not self.scope and trial.scope != chosen.label:
            yield f"its scope is {trial.scope!r}, and all is demanded"
        if Level.parse(trial.level) < self.level:
            yield f"its level is {trial.level}, and {self.level} is demanded"
        if absent := [name for name in demanded if name not in trial.outcomes]:
            yield f"{len(absent)} of {len(demanded)} demanded checks are not in it: {_listed(absent)}"
        short = [
            f"{name} {trial.outcomes[name]}"
            for name in demanded
            if trial.outcomes.get(name, Outcome.PASSED) is not Outcome.PASSED and name not in trial.waivers
        ]
        if short:
            yield f"{len(short)} of {len(demanded)} demanded checks did not pass: {_listed(short)}"

    def _at_another_time(self, trial: Trial, now: dt.datetime) -> Iterator[str]:
        age = now - trial.finished
        if age > self.max_age:
            yield f"it is too old: the trial ended at {trial.finished.isoformat()}, and {self.max_age} are allowed"
        if age < -CLOCKS_APART:
            yield f"it is from the future: the trial ended at {trial.finished.isoformat()}, and now is {now.isoformat(timespec='seconds')}"

    def _excused(self, trial: Trial, today: dt.date) -> Iterator[str]:
        """Hold the waivers that were used against today, and against the list of today."""
        accepted = waivers.read(self.suites)
        valid = {
            each.check
            for each in accepted.rows
            if each.profile == self.profile.name and not accepted.wrong(each, today)
        }
        for check, excuse in trial.waivers.items():
            if excuse.expires < today:
                yield f"the waiver of {check} that it used ended on {excuse.expires}"
            elif check not in valid:
                yield f"the waiver of {check} that it used does not stand in {self.suites / waivers.NAME} any more"


def _another_report(statement: Statement, report: Path) -> list[str]:
    if report.is_file() and statement.files.get(REPORT) != _sha256(report):
        return [f"{report} is not the report that it was made of"]
    return []


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _listed(names: "frozenset[str] | set[str] | list[str]") -> str:
    shown = sorted(names)
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
