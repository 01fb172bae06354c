"""What the workers found comes together, and becomes the verdict and the exit code."""

import json
import sys
from collections.abc import Generator
from typing import Any

import pytest
from rich.console import Console

from seatrial import answers, conclude, expected, plans, publishing
from seatrial.errors import SeatrialError
from seatrial.outcome import Outcome, Result
from seatrial.plugin import _trust
from seatrial.plugin._state import (
    NO_VERDICT,
    PROBLEMS,
    STATE,
    VERDICT,
    Given,
    Listing,
    State,
    is_parallel,
    open_state,
    plugin_of,
)
from seatrial.report import progress
from seatrial.scope import close_clients


class _Collector:
    """Keeps the results that the controller (or the only process) receives."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.told: dict[str, list[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if hasattr(self.config, "workerinput"):
            return
        told = self.told.setdefault(report.nodeid, [])
        told.append(report.outcome)
        if text := getattr(report, "seatrial", None):
            result, state = Result.from_json(json.loads(text)), open_state(self.config)
            if state.results.setdefault(result.id, result) is not result:
                state.problems.append(f"{result.id} ended twice")
            if result.outcome is Outcome.PASSED and (other := set(told) - {"passed"}):
                state.problems.append(f"{result.id} was told as PASSED, and pytest says {min(other)}")
            if state.results_file is not None:
                print(progress(result), flush=True)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take what a worker found wrong, and note one that did not end well: its checks are lost."""
        if (state := self.config.stash.get(STATE, None)) is None:  # the project's own tests
            return
        problems = state.problems
        problems += [each for each in getattr(node, "workeroutput", {}).get(PROBLEMS, ()) if each not in problems]
        if error:
            problems.append(f"worker {node.gateway.id} ended early: {error}")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Watch the reports of this session; open the environment where the workers collect and this process does not."""
    config = session.config
    config.pluginmanager.register(_Collector(config), "seatrial-collector")
    if is_parallel(config) and not hasattr(config, "workerinput") and _trust.is_trial(config):
        open_state(config)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
    """Leave the results to the caller, or rule on them and make the verdict the exit code."""
    config, state = session.config, session.config.stash.get(STATE, None)
    if state is None:
        return
    state.problems += [each for each in _trust.hooks(config) if each not in state.problems]
    if hasattr(config, "workerinput"):
        config.workeroutput[PROBLEMS] = state.problems  # type: ignore[attr-defined]  # xdist adds it
    elif state.rules:
        _rule(session, state, int(exitstatus))
    elif state.results_file is not None:
        lines = [json.dumps(result.to_json()) for result in state.results.values()]
        digest = state.environment.profile.digest
        end = {"end": int(exitstatus), "problems": state.problems, "profile": digest, "harness": state.harness}
        state.results_file.write_text("\n".join([*lines, json.dumps(end)]) + "\n")
        session.exitstatus = NO_VERDICT
    if given := plugin_of(config, Given):
        given.problems += state.problems
    else:
        close_clients(state.environment.clients)
    state.locks.close()


def _rule(session: pytest.Session, state: State, exitstatus: int) -> None:
    if exitstatus not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        return
    try:
        scope = _trust.scope_of_arguments(session.config)
    except SeatrialError as error:
        print(f"\nERROR: {error}", file=sys.stderr)
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
        return
    problems = [*state.problems, *_trust.filters(session.config)]
    if state.answering:
        scope = expected.Scope(f"{scope.label}, answered without a strike", (*scope.rows, *state.answering))
    try:
        verdict = conclude.conclude(
            state.environment, state.results.values(), scope, problems, began=state.began, waivers=state.accepted
        )
    except Exception as error:  # noqa: BLE001 - Python's own exit code for what nobody foresaw is 1, which says NO-GO
        print(f"\nERROR: no verdict: {type(error).__name__}: {error}", file=sys.stderr)
        session.exitstatus = pytest.ExitCode.INTERRUPTED
        return
    session.config.stash[VERDICT] = verdict
    session.exitstatus = {0: pytest.ExitCode.OK, 1: pytest.ExitCode.TESTS_FAILED}.get(
        verdict.ruling.exit_code, pytest.ExitCode.INTERRUPTED
    )


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    """Write the reports and make the verdict the last line; 0 is for GO alone, whatever pytest was asked for in its place."""
    code = yield
    verdict = config.stash.get(VERDICT, None)
    if verdict is None:
        inside = plugin_of(config, Given) or plugin_of(config, Listing)
        return pytest.ExitCode.INTERRUPTED if code == 0 and not inside and _trust.is_trial(config) else code
    state = config.stash[STATE]
    try:
        ended = [drill for drill in state.drills if drill.id in state.results]
        if answers.refused(ended, state.environment):
            plans.answers(ended, state.results, Console(highlight=False))
        publishing.publish(state.environment, verdict)
    except OSError as error:
        print(f"seatrial: the reports cannot be written: {error}", file=sys.stderr)
        return pytest.ExitCode.INTERRUPTED
    return pytest.ExitCode.INTERRUPTED if code == 0 and verdict.ruling.exit_code else code
