"""Errors that say whose fault it is.

SeatrialError
 ├─ UsageError        the caller's: command line, environment variable, suite or fault file
 ├─ ProfileError      the profile's: every problem at once, with file and line
 ├─ EnvironmentFault  the environment's: it could not be reached or did not answer as its contract says
 ├─ HarnessError      ours: a rule of the harness was broken by a check, a fault or the harness itself
 └─ Invalid           nobody's yet: a measurement did not happen, so nothing may be concluded
"""


class SeatrialError(Exception):
    """Base of every error that Seatrial raises on purpose."""


class UsageError(SeatrialError):
    """The call was wrong; exit code 3."""


class ProfileError(UsageError):
    """The profile is wrong; the message lists every problem with file, line and a suggestion."""


class EnvironmentFault(SeatrialError):  # noqa: N818 - whose fault it is
    """The environment did not answer as its contract says, outside of a measurement."""


class HarnessError(SeatrialError):
    """A rule of the harness was broken; a check that raises it is INVALID."""


class Invalid(SeatrialError):  # noqa: N818 - the outcome's name
    """The measurement did not happen; the check ends INVALID with this reason."""


class Failure(AssertionError):  # noqa: N818 - the outcome's name, as in Schemathesis
    """Something was measured and is wrong.

    Args:
        expected: what should have been seen, one sentence.
        seen: what was seen instead; any value, shortened and redacted in reports.
        where: the component at fault ("postgres", "edge-2"); the check's own component when left out.
    """

    def __init__(self, expected: str, seen: object, where: str | None = None) -> None:
        self.expected, self.seen, self.where = expected, seen, where
        super().__init__(f"expected {expected}; saw {seen}" + (f" (at {where})" if where else ""))


class Unanswered(Failure):
    """The thing under test did not answer a probe: measured, and wrong.

    Args:
        error: one line, what happened instead of an answer ("connection refused").
        where: the component that was asked.
    """

    def __init__(self, error: str, where: str) -> None:
        super().__init__(f"an answer from {where}", f"the thing under test did not answer: {error}", where)


def require(condition: object, expected: str, seen: object, where: str | None = None) -> None:
    """Raise `Failure` unless the condition holds."""
    if not condition:
        raise Failure(expected, seen, where)
