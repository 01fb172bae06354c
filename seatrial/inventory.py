"""What there is: the checks that a folder of suites holds, with their pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.errors import UsageError
from seatrial.expected import Row
from seatrial.outcome import Level
from seatrial.plans import Planned
from seatrial.registry import Fault, Plan, importable
from seatrial.report.pages import CheckPage, FaultLine, write_pages

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True)
class Listed:
    """One collected check."""

    expected: Row
    title: str
    docstring: str
    component: str
    plan: Plan | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        row = self.expected
        return {
            "id": row.id,
            "suite": row.suite,
            "title": self.title,
            "severity": str(row.severity),
            "level": str(row.level),
            "component": self.component,
            "alone": row.alone,
            "file": row.file,
        }


def collect(suites: Path) -> list[Listed]:
    """Collect the checks under a folder without running any; raises UsageError if the folder cannot be collected."""
    import pytest  # noqa: PLC0415 - pytest is needed by a few commands only

    from seatrial.plugin import Listing, run_here  # noqa: PLC0415 - as pytest

    if not suites.is_dir():
        raise UsageError(f"no folder of suites at {suites}")
    importable(suites)
    listing = Listing()
    code = run_here([str(suites), "--collect-only", "-q", "-q", "--no-header"], listing)
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        raise UsageError(f"{suites} cannot be collected; the lines above say why")
    return sorted(
        (_listed(item, suites.resolve()) for item in listing.items),
        key=lambda row: (row.expected.suite, row.expected.id),
    )


def planned(suites: Path) -> list[Planned]:
    """Return the drills under a folder: the checks that come with a plan."""
    rows = collect(suites)
    return [Planned(row.expected.id, row.title, row.expected.level, row.plan) for row in rows if row.plan]


def _listed(item: "pytest.Item", root: Path) -> Listed:
    from seatrial.session import check_of, level_of, title_of  # noqa: PLC0415 - as pytest

    check, level = check_of(item), level_of(item)
    if check is None or level is None:
        raise UsageError(f"{item.nodeid}: a check takes one of {', '.join(map(str, Level))} in its signature")
    row = Row(
        check.id,
        str(item.path.resolve().relative_to(root)),
        item.name,
        check.severity,
        level,
        check.alone,
        check.plan is not None,
    )
    return Listed(row, title_of(item), getattr(item, "function").__doc__ or "", check.component, check.plan)  # noqa: B009 - not on Item


def pages(rows: list[Listed], faults: Mapping[str, Fault], suites: Path) -> list[CheckPage]:
    """Return what each check's page is made of."""
    made = []
    for row in rows:
        proofs = tuple(
            FaultLine(
                fault.id,
                fault.title,
                fault.kind,
                str(fault.caught_by[row.expected.id].outcome),
                fault.caught_by[row.expected.id].words,
            )
            for fault in faults.values()
            if row.expected.id in fault.caught_by
        )
        made.append(
            CheckPage(
                id=row.expected.id,
                suite=row.expected.suite,
                severity=str(row.expected.severity),
                level=str(row.expected.level),
                component=row.component,
                docstring=row.docstring,
                faults=proofs,
                source=f"{suites}/{row.expected.file}",
                repeat=_repeat(row.expected),
                runbook=f"docs/runbooks/{row.expected.suite}.md#{row.expected.id.lower()}",
            )
        )
    return made


def _repeat(row: Row) -> str:
    return f"seatrial gate {row.id}" + (f" --arm {row.level}=ENVIRONMENT" if row.level >= Level.DISRUPT else "")


def write(rows: list[Listed], faults: Mapping[str, Fault], suites: Path, folder: Path) -> int:
    """Write one page per check and return how many there are."""
    write_pages(pages(rows, faults, suites), folder)
    return len(rows)
