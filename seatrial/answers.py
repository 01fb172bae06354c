"""What a run can say of drills that it may not strike: the checks that answer for them, collected beside them."""

from collections.abc import Collection, Iterable

import pytest

from seatrial import expected
from seatrial.environment import Environment
from seatrial.errors import UsageError
from seatrial.plans import Planned
from seatrial.session import check_of


def refused(drills: Iterable[Planned], environment: Environment) -> list[Planned]:
    """Return the drills that the environment has, and that may not be struck as it is granted and armed."""
    elsewhere = environment.profile.expect.not_applicable
    return [drill for drill in drills if drill.id not in elsewhere and environment.refuses(drill.level)]


def rows_for(drills: Iterable[Planned], suites: Iterable[expected.Row], there: Collection[str]) -> list[expected.Row]:
    """Return the checks that answer for these drills and are not there already; raises UsageError for an unknown one."""
    wanted = {name: drill.id for drill in drills for name in drill.plan.answered_by if name not in there}
    known = {row.id: row for row in suites}
    for name, drill_id in wanted.items():
        if name not in known:
            raise UsageError(f"{drill_id} is answered by {name}, which is not in {expected.NAME}")
    return [known[name] for name in wanted]


def collect(session: pytest.Session, drill: pytest.Item, rows: Iterable[expected.Row]) -> list[pytest.Item]:
    """Collect these checks from their own files, which stand in the same suites as the drill."""
    root, found = expected.root_of(drill.path), []
    tests = {(root / row.file, row.test) for row in rows}
    for file in sorted({file for file, _ in tests}):
        module = pytest.Module.from_parent(session, path=file)
        found += [item for item in session.genitems(module) if check_of(item) and (file, item.name) in tests]
    return found
