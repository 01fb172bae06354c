"""Which checks a run is about: opened, held against each other, in the order of their stages."""

import random

import pytest
from rich.console import Console

from seatrial import answers, expected, plans, publishing
from seatrial.errors import SeatrialError
from seatrial.outcome import Outcome
from seatrial.plugin import _handles
from seatrial.plugin._state import STATE, Listing, State, is_parallel, is_serial, open_state, planned, plugin_of
from seatrial.session import LEVELS, check_of, level_of


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Open the environment if there are checks, refuse what cannot be trusted, and order by stage."""
    checks = [item for item in items if check_of(item)]
    if not checks:
        return
    if listing := plugin_of(config, Listing):
        listing.items = checks
        items[:] = []
        return
    if others := [item.nodeid for item in items if not check_of(item)]:
        raise pytest.UsageError(f"tests without @check beside checks: {', '.join(others[:5])}")
    state = open_state(config)
    for item in checks:
        register(state, item)
    if state.rules and not is_parallel(config):
        items += _answers(session, state)
    if (order := config.getoption("--seatrial-order")) is not None:
        # Every worker collects the same, and must end with the same order. Levels stay in theirs: no gate strikes first.
        random.Random(order).shuffle(items)  # noqa: S311 - to be repeated, not to be secret
    wanted = {"all": (False, True), "parallel": (False,), "serial": (True,)}[state.stage]
    items[:] = sorted(
        (item for item in items if is_serial(item) in wanted), key=lambda item: (is_serial(item), level_of(item) or 0)
    )


def _answers(session: pytest.Session, state: State) -> list[pytest.Item]:
    """Let the checks that answer for drills which may not be struck join the run, and its scope."""
    drills = {drill: item for item in state.collected.values() if (drill := planned(item))}
    state.drills = [*drills]
    if not (refused := answers.refused(drills, state.environment)):
        return []
    first = drills[refused[0]]
    try:
        state.answering = answers.rows_for(refused, expected.read(expected.root_of(first.path)), state.collected)
    except SeatrialError as error:
        raise pytest.UsageError(str(error)) from None
    items = answers.collect(session, first, state.answering)
    for item in items:
        register(state, item)
    return items


def pytest_collection_finish(session: pytest.Session) -> None:
    """Before drills of a raw call: say which are rehearsed here, and why the others are not."""
    state = session.config.stash.get(STATE, None)
    if state is not None and state.drills:
        environment = state.environment
        earlier = publishing.earlier(environment)
        told = [row for row in earlier if isinstance(row.get("duration_s"), int | float)]
        took_s = {row["id"]: row["duration_s"] for row in told if row["outcome"] != Outcome.NOT_RUN}
        not_applicable = environment.profile.expect.not_applicable
        plans.table(state.drills, environment.refuses, not_applicable, took_s, Console(highlight=False))


def register(state: State, item: pytest.Item) -> None:
    check, level = check_of(item), level_of(item)
    assert check is not None  # noqa: S101 - the caller passes checks only
    if level is None:
        raise pytest.UsageError(
            f"{item.nodeid}: a check takes one of observe, exercise, disrupt, destroy in its signature"
        )
    if hasattr(item, "callspec"):
        raise pytest.UsageError(
            f"{item.nodeid}: a check is one pytest item: collect its cases inside, not by parametrize"
        )
    if twin := state.collected.get(check.id):
        raise pytest.UsageError(f"check id {check.id} stands twice: {twin.nodeid} and {item.nodeid}")
    _refuse_other_handles(item)
    item.add_marker(pytest.mark.impact(str(level)))
    state.collected[check.id] = item


def _refuse_other_handles(item: pytest.Item) -> None:
    """Refuse a level's fixture that a suite defines anew: it would answer in the place of the environment."""
    defined = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}  # noqa: SLF001 - there is no other way
    for name in LEVELS:
        for definition in defined.get(name, ()):
            if definition.func.__module__ != _handles.__name__:
                place = definition.baseid or definition.func.__module__
                raise pytest.UsageError(f"{item.nodeid}: the fixture {name} is not the harness's own, but of {place}")
