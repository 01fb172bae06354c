"""The fixtures that are the levels: a check names one, and is handed what it offers."""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from seatrial.errors import HarnessError
from seatrial.impact import HANDLES, Disrupt, Observe
from seatrial.outcome import NOT_APPLICABLE, Level, Outcome
from seatrial.platform import PlatformClient
from seatrial.plugin._state import TRIAL, is_parallel, open_state
from seatrial.registry import Check
from seatrial.session import NotRun, check_of, level_of
from seatrial.strikes import interruptible


def _running(handle: Observe, check: Check) -> set[str]:
    """Return the parts that the platform runs, where a check needs any and there is a platform."""
    platform = handle.profile.platform  # asked past the handle: what the check itself measures is counted there
    return set(PlatformClient(platform.socket).status().parts) if check.needs and platform else set()


def _closed(handle: Observe, session: pytest.Session) -> AbstractContextManager[object]:
    """Close a handle at the end; have Ctrl-C end its strikes and the run, even where the check catches it."""
    if not isinstance(handle, Disrupt):
        return contextlib.closing(handle)

    def stop() -> None:
        handle.seal("the run was interrupted")
        session.shouldstop = "interrupted"

    return interruptible(stop, handle.close)


def _handle(request: pytest.FixtureRequest, level: Level) -> Iterator[Observe]:
    item, config = request.node, request.config
    check = check_of(item)
    if check is None:
        raise HarnessError(f"{item.nodeid} asks for {level} without @check")
    if level > (level_of(item) or Level.OBSERVE):
        raise HarnessError(f"{level} asked for at run time: name it in the signature")
    state = open_state(config)
    not_applicable = state.environment.profile.expect.not_applicable
    if check.id in not_applicable:
        raise NotRun(f"{NOT_APPLICABLE}{not_applicable[check.id]}")
    if reason := state.environment.refuses(level):
        raise NotRun(reason)
    if check.alone and is_parallel(config):
        raise NotRun("alone: it disturbs others or is disturbed; run it without -n, or by seatrial gate")
    worker = int(getattr(config, "workerinput", {}).get("workerid", "gw0").removeprefix("gw"))
    handle = HANDLES[level](state.environment, check.id, worker)
    item.stash[TRIAL].handles.append(handle)
    with _closed(handle, request.session):
        if absent := sorted(set(check.needs) - _running(handle, check)):
            where = "`seatrial logs platform` says why" if handle.profile.platform else "the profile names no platform"
            raise NotRun(f"nothing runs {', '.join(absent)} here: {where}")
        yield handle
    if handle.stopped and item.stash[TRIAL].outcome is Outcome.PASSED:
        raise handle.stopped


@pytest.fixture
def observe(request: pytest.FixtureRequest) -> Iterator[Observe]:
    """Read-only handle."""
    yield from _handle(request, Level.OBSERVE)


@pytest.fixture
def exercise(request: pytest.FixtureRequest) -> Iterator[Observe]:
    """Handle that may create its own marked data."""
    yield from _handle(request, Level.EXERCISE)


@pytest.fixture
def disrupt(request: pytest.FixtureRequest) -> Iterator[Observe]:
    """Handle that may restart, deploy and fail over."""
    yield from _handle(request, Level.DISRUPT)


@pytest.fixture
def destroy(request: pytest.FixtureRequest) -> Iterator[Observe]:
    """Handle that may lose data and instances."""
    yield from _handle(request, Level.DESTROY)
