"""One check's way from its pytest phases to a `Result`."""

import shlex
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from seatrial.cases import CaseFailures
from seatrial.errors import Failure, SeatrialError
from seatrial.impact import Observe
from seatrial.outcome import Finding, Footprint, Level, Outcome, Result
from seatrial.profile import near
from seatrial.registry import CHECK_ATTRIBUTE, Check
from seatrial.secrecy.redaction import Redactor

LEVELS = {str(level): level for level in Level}


class NotRun(SeatrialError):  # noqa: N818 - the outcome's name
    """The check may not run here; the message is the reason."""


def check_of(item: pytest.Item) -> Check | None:
    """Return the check that a pytest item stands for, if it is one."""
    found = getattr(getattr(item, "function", None), CHECK_ATTRIBUTE, None)
    return found if isinstance(found, Check) else None


def level_of(item: pytest.Item) -> Level | None:
    """Return the highest level in the item's whole fixture closure, so that a helper fixture cannot hide one."""
    names = getattr(item, "fixturenames", ())
    return max((LEVELS[name] for name in names if name in LEVELS), default=None)


def suite_of(item: pytest.Item) -> str:
    """Return the suite an item belongs to: the folder its file stands in."""
    return item.path.parent.name


def title_of(item: pytest.Item) -> str:
    """Return the first line of the check's docstring."""
    text = getattr(getattr(item, "function", None), "__doc__", None) or ""
    return text.strip().split("\n")[0].strip()


@dataclass
class Trial:
    """What is known of one running check."""

    check: Check
    level: Level
    suite: str
    title: str
    command: str
    handles: list[Observe] = field(default_factory=list)
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    outcome: Outcome = Outcome.PASSED
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    log: str = ""
    duration_s: float = 0.0

    @classmethod
    def of(cls, item: pytest.Item, check: Check, level: Level, options: str) -> "Trial":
        """Start the record of an item."""
        command = f"pytest {shlex.quote(f'{near(item.path)}::{item.name}')} {options}".strip()
        return cls(check, level, suite_of(item), title_of(item), command)

    @property
    def repeat(self) -> str:
        """The command line that runs this check again, with the same cases."""
        return self.command + next((handle.repeat_options for handle in self.handles if handle.repeat_options), "")

    def note(self, when: str, error: BaseException | None, redactor: Redactor) -> None:
        """Take in how one phase (setup, call, teardown) ended; the first bad end stands, a later one is told beside it."""
        if error is None:
            return
        if self.outcome is not Outcome.PASSED:
            self.reason = "; ".join(filter(None, (self.reason, f"then {when}: {_named(error)}")))
            self.log += _trace(error, redactor)
            return
        if isinstance(error, NotRun) and when == "setup":
            self.outcome, self.reason = Outcome.NOT_RUN, str(error)
        elif isinstance(error, CaseFailures):
            self.outcome, self.findings = Outcome.FAILED, tuple(self._placed(finding) for finding in error.findings)
        elif isinstance(error, Failure):
            self.outcome = Outcome.FAILED
            self.findings = (self._placed(Finding(error.expected, str(error.seen), error.where or "")),)
        elif isinstance(error, AssertionError):
            self.outcome = Outcome.FAILED
            self.findings = (Finding("the assertion holds", str(error) or _where(error), self.check.component),)
            self.log = _trace(error, redactor)
        else:
            self.outcome, self.log = Outcome.INVALID, _trace(error, redactor)
            self.reason = _named(error)
            if when != "call":
                self.reason = f"{when}: {self.reason}"

    def _placed(self, finding: Finding) -> Finding:
        return Finding(finding.expected, finding.seen, finding.where or self.check.component, finding.case)

    def result(self, redactor: Redactor) -> Result:
        """Close the record. A check that passed without touching anything has measured nothing: INVALID."""
        footprint = self._footprint()
        evidence = {name: value for handle in self.handles for name, value in handle._evidence.items()}  # noqa: SLF001 - ours
        if self.outcome is Outcome.PASSED and footprint == Footprint() and not evidence:
            self.outcome, self.reason = (
                Outcome.INVALID,
                "nothing was measured: no probe was used and no evidence was kept",
            )
        runbook = f"docs/runbooks/{self.suite}.md#{self.check.id.lower()}"
        result = Result(
            id=self.check.id,
            suite=self.suite,
            title=self.title,
            severity=self.check.severity,
            level=self.level,
            component=self.check.component,
            outcome=self.outcome,
            duration_s=round(self.duration_s, 3),
            started_at=self.started_at,
            reason=self.reason,
            findings=self.findings,
            evidence=evidence,
            footprint=footprint,
            repeat=self.repeat,
            runbook=runbook,
            log=self.log,
        )
        return Result.from_json(redactor.clean(result.to_json()))

    def _footprint(self) -> Footprint:
        prints = [handle._meter.footprint() for handle in self.handles]  # noqa: SLF001 - ours
        return Footprint(
            requests=sum(part.requests for part in prints),
            connections=sum(part.connections for part in prints),
            bytes_sent=sum(part.bytes_sent for part in prints),
            bytes_received=sum(part.bytes_received for part in prints),
            writes=sum(part.writes for part in prints),
        )


def _named(error: BaseException) -> str:
    what = str(error) or type(error).__name__
    return what if isinstance(error, SeatrialError | Failure) else f"{type(error).__name__}: {what}"


def _where(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1:]
    return f"{frame[0].filename}:{frame[0].lineno}: {frame[0].line}" if frame else type(error).__name__


def _trace(error: BaseException, redactor: Redactor) -> str:
    if isinstance(error, SeatrialError):
        return ""
    # What is cut afterwards cannot leave a part of a secret, which nobody would know again.
    return redactor.text("".join(traceback.format_exception(error)[-12:]))[-4000:]
