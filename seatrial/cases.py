"""Many cases of one check: each is counted, and one report names all that failed."""

from collections.abc import Iterator
from contextlib import contextmanager

from seatrial.errors import Failure
from seatrial.outcome import Finding


class Cases:
    """Collect the failures of many cases, so that one report names all of them."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.findings: list[Finding] = []

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Count one case; a failure inside is kept and the next case goes on."""
        self.names.append(name)
        try:
            yield
        except Failure as failure:
            self.findings.append(Finding(failure.expected, str(failure.seen), failure.where or "", name))
        except AssertionError as failure:
            self.findings.append(Finding(name, str(failure), "", name))


class CaseFailures(Failure):
    """Several cases of one check failed."""

    def __init__(self, findings: list[Finding], cases: int) -> None:
        self.findings = tuple(findings)
        first = findings[0]
        super().__init__(
            first.expected, f"{len(findings)} of {cases} cases failed, the first ({first.case}): {first.seen}"
        )
