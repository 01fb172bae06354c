"""The pytest plugin: fixtures that are the levels, outcomes, and the verdict as the exit code.

Everything here is inert for items that are no checks, so that the project's own tests run under the same configuration.
"""

import contextlib
import json
import random
import shlex
import sys
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from rich.console import Console

from seatrial import answers, conclude, expected, plans, waivers
from seatrial.environment import Arming, Environment
from seatrial.errors import HarnessError, Invalid, SeatrialError, UsageError
from seatrial.impact import HANDLES, Disrupt, Observe
from seatrial.outcome import NOT_APPLICABLE, Level, Outcome, Result
from seatrial.plans import Planned
from seatrial.profile import find, load
from seatrial.registry import Check
from seatrial.report import progress
from seatrial.scope import close_clients
from seatrial.session import LEVELS, NotRun, Trial, check_of, level_of, near, title_of
from seatrial.strikes import interruptible
from seatrial.verdict import Verdict

P = TypeVar("P")
PROBLEMS = "seatrial problems"  # what a worker found wrong with the run as a whole
NO_VERDICT = 7  # exit code of a stage: its results are in a file, and nobody may take it for a GO
OWN_CONFIGURATION = ("-c", str(Path(__file__).with_name("pytest.toml")), "--rootdir", ".")
TRIAL = pytest.StashKey[Trial]()
STATE = pytest.StashKey["State"]()
VERDICT = pytest.StashKey[Verdict]()


class State:
    """What one pytest process knows: the environment, the collected checks and their results."""

    def __init__(self, environment: Environment, *, stage: str, quiet: bool, results: Path | None) -> None:
        self.environment = environment
        self.began = conclude.Moment.now()
        self.rules = not quiet and results is None
        self.stage = stage
        self.results_file = results
        self.collected: dict[str, pytest.Item] = {}
        self.accepted = waivers.Waivers()
        self.results: dict[str, Result] = {}
        self.drills: list[Planned] = []
        self.answering: list[expected.Row] = []
        self.problems: list[str] = []
        self.locks = contextlib.ExitStack()


class Given:
    """Hands an already open environment to a pytest session in the same process, as `seatrial prove` does."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.results: dict[str, Result] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep each result."""
        if text := getattr(report, "seatrial", None):
            result = Result.from_json(json.loads(text))
            self.results[result.id] = result


class Listing:
    """Asks a pytest session for its checks only: nothing is opened and nothing runs."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []


def _plugin(config: pytest.Config, kind: type[P]) -> P | None:
    return next((plugin for plugin in config.pluginmanager.get_plugins() if isinstance(plugin, kind)), None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options of the harness."""
    group = parser.getgroup("seatrial")
    group.addoption("--profile", help="profile name or file (default: SEATRIAL_PROFILE, else local)")
    group.addoption("--arm", action="append", default=[], metavar="LEVEL=ENVIRONMENT", help="allow disrupt or destroy")
    group.addoption(
        "--seatrial-seed", type=int, metavar="N", help="try the cases of an earlier run again (its repeat line says N)"
    )
    group.addoption("--seatrial-order", type=int, metavar="N", help="shuffle the checks of each level, by N")
    group.addoption(
        "--seatrial-stage", choices=("all", "parallel", "serial"), default="all", help="part of the checks to run"
    )
    group.addoption(
        "--seatrial-results",
        type=Path,
        metavar="FILE",
        help="write results as JSON lines and leave the verdict to the caller",
    )
    group.addoption("--seatrial-lock", type=int, metavar="FD", help="the environment's lock, as the caller holds it")


def pytest_configure(config: pytest.Config) -> None:
    """Register marks that tools may select by."""
    config.addinivalue_line("markers", "impact(level): what a check may do; set by its fixtures")
    if config.getoption("--arm") and _is_parallel(config):
        raise pytest.UsageError("an armed run strikes: leave out -n")


def _open(config: pytest.Config) -> State:
    if STATE in config.stash:
        return config.stash[STATE]
    given, results = _plugin(config, Given), config.getoption("--seatrial-results")
    try:
        environment = given.environment if given else _environment(config)
        state = State(environment, stage=config.getoption("--seatrial-stage"), quiet=bool(given), results=results)
        if not given and not hasattr(config, "workerinput"):
            inherited = config.getoption("--seatrial-lock")
            state.locks.enter_context(environment.lock(inherited))
            if inherited is None:
                conclude.ready(environment)
        if not given:
            environment.check_secrets()
    except SeatrialError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[STATE] = state
    return state


def _environment(config: pytest.Config) -> Environment:
    profile, arm = load(find(config.getoption("--profile"))), config.getoption("--arm")
    typed = config.invocation_params.args
    if strange := [text for text in arm if text not in typed and f"--arm={text}" not in typed]:
        raise UsageError(f"--arm {strange[0]}: arming is typed with the call, not taken from a variable or a file")
    environment = Environment(profile, Arming.parse(arm, profile))
    seed = config.getoption("--seatrial-seed")
    return environment if seed is None else replace(environment, seed=seed)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Open the environment if there are checks, refuse what cannot be trusted, and order by stage."""
    checks = [item for item in items if check_of(item)]
    if not checks:
        return
    if listing := _plugin(config, Listing):
        listing.items = checks
        items[:] = []
        return
    if others := [item.nodeid for item in items if not check_of(item)]:
        raise pytest.UsageError(f"tests without @check beside checks: {', '.join(others[:5])}")
    state = _open(config)
    for item in checks:
        _register(state, item)
    try:
        state.accepted = waivers.read(*{expected.root_of(item.path) for item in checks})
    except SeatrialError as error:
        raise pytest.UsageError(str(error)) from None
    if state.rules and not _is_parallel(config):
        items += _answers(session, state)
    if (order := config.getoption("--seatrial-order")) is not None:
        # Every worker collects the same, and must end with the same order. Levels stay in theirs: no gate strikes first.
        random.Random(order).shuffle(items)  # noqa: S311 - to be repeated, not to be secret
    wanted = {"all": (False, True), "parallel": (False,), "serial": (True,)}[state.stage]
    items[:] = sorted(
        (item for item in items if _serial(item) in wanted), key=lambda item: (_serial(item), level_of(item) or 0)
    )


def _answers(session: pytest.Session, state: State) -> list[pytest.Item]:
    """Let the checks that answer for drills which may not be struck join the run, and its scope."""
    planned = {drill: item for item in state.collected.values() if (drill := _planned(item))}
    state.drills = [*planned]
    if not (refused := answers.refused(planned, state.environment)):
        return []
    first = planned[refused[0]]
    try:
        state.answering = answers.rows_for(refused, expected.read(expected.root_of(first.path)), state.collected)
    except SeatrialError as error:
        raise pytest.UsageError(str(error)) from None
    items = answers.collect(session, first, state.answering)
    for item in items:
        _register(state, item)
    return items


def pytest_collection_finish(session: pytest.Session) -> None:
    """Before drills of a raw call: say which are rehearsed here, and why the others are not."""
    state = session.config.stash.get(STATE, None)
    if state is not None and state.drills:
        environment = state.environment
        earlier = conclude.earlier(environment)
        took_s = {row["id"]: row["duration_s"] for row in earlier if row["outcome"] != Outcome.NOT_RUN}
        not_applicable = environment.profile.expect.not_applicable
        plans.table(state.drills, environment.refuses, not_applicable, took_s, Console(highlight=False))


def _planned(item: pytest.Item) -> Planned | None:
    check, level = check_of(item), level_of(item)
    if check is None or check.plan is None or level is None:
        return None
    return Planned(check.id, title_of(item), level, check.plan)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Before a drill: say what it strikes and how to stop it, past pytest's capture."""
    drill, config = _planned(item), item.config
    if drill and _plugin(config, Given) is None and not _is_parallel(config):
        environment = _open(config).environment
        if drill.id not in environment.profile.expect.not_applicable and not environment.refuses(drill.level):
            if reporter := config.pluginmanager.get_plugin("terminalreporter"):
                reporter.ensure_newline()
            print(f"{drill.id} strikes: {drill.plan.strikes}. {plans.stop_line(drill.plan)}", flush=True)
    return (yield)


def _register(state: State, item: pytest.Item) -> None:
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
            if definition.func.__module__ != __name__:
                place = definition.baseid or definition.func.__module__
                raise pytest.UsageError(f"{item.nodeid}: the fixture {name} is not the harness's own, but of {place}")


def _serial(item: pytest.Item) -> bool:
    check = check_of(item)
    return bool(check and check.alone) or (level_of(item) or Level.OBSERVE) >= Level.DISRUPT


def _is_parallel(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput") or bool(config.getoption("numprocesses", None))


def _running(handle: Observe, check: Check) -> set[str]:
    """Return the parts that the platform runs, where a check needs any and there is a platform."""
    return set(handle.platform.status().parts) if check.needs and handle.profile.platform else set()


def _ended_by_interrupt(handle: Observe, session: pytest.Session) -> AbstractContextManager[None]:
    """Have Ctrl-C end the strikes of a handle and the run, even where the check catches it."""
    if not isinstance(handle, Disrupt):
        return contextlib.nullcontext()

    def stop() -> None:
        handle.seal("the run was interrupted")
        session.shouldstop = "interrupted"

    return interruptible(stop)


def _handle(request: pytest.FixtureRequest, level: Level) -> Iterator[Observe]:
    item, config = request.node, request.config
    check = check_of(item)
    if check is None:
        raise HarnessError(f"{item.nodeid} asks for {level} without @check")
    if level > (level_of(item) or Level.OBSERVE):
        raise HarnessError(f"{level} asked for at run time: name it in the signature")
    state = _open(config)
    if reason := state.environment.profile.expect.not_applicable.get(check.id):
        raise NotRun(f"{NOT_APPLICABLE}{reason}")
    if reason := state.environment.refuses(level):
        raise NotRun(reason)
    if check.alone and _is_parallel(config):
        raise NotRun("alone: it disturbs others or is disturbed; run it without -n, or by seatrial gate")
    worker = int(getattr(config, "workerinput", {}).get("workerid", "gw0").removeprefix("gw"))
    handle = HANDLES[level](state.environment, check.id, worker)
    item.stash[TRIAL].handles.append(handle)
    try:
        if absent := sorted(set(check.needs) - _running(handle, check)):
            where = "`seatrial logs platform` says why" if handle.profile.platform else "the profile names no platform"
            raise NotRun(f"nothing runs {', '.join(absent)} here: {where}")
        with _ended_by_interrupt(handle, request.session):
            yield handle
    finally:
        handle.close()
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


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Start the check's record before any fixture runs."""
    check, level = check_of(item), level_of(item)
    if check is not None and level is not None:
        item.stash[TRIAL] = Trial.of(item, check, level, _repeat_options(item.config, level))


def _repeat_options(config: pytest.Config, level: Level) -> str:
    profile = _open(config).environment.profile
    arm = f" --arm {level}={profile.name}" if level >= Level.DISRUPT else ""
    shipped = Path("profiles", f"{profile.name}.toml").resolve() == profile.path
    return f"--profile {profile.name if shipped else shlex.quote(near(profile.path))}{arm}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn each phase into the check's outcome and hang the result on the last report."""
    report = yield
    trial = item.stash.get(TRIAL, None)
    if trial is None:
        return report
    error = call.excinfo.value if call.excinfo else None
    if isinstance(error, pytest.skip.Exception | pytest.xfail.Exception):
        error = Invalid(f"a check may not skip itself: {error}")
        report.outcome, report.longrepr = "failed", str(error)
    elif hasattr(report, "wasxfail"):
        del report.wasxfail
        report.outcome, error = "failed", Invalid("a check may not be marked xfail")
    trial.note(call.when, error)
    trial.duration_s += call.duration
    if isinstance(error, NotRun):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), item.reportinfo()[1] or 0, f"NOT-RUN: {error}")
    elif error is not None and call.when == "call":
        report.longrepr = _open(item.config).environment.redactor.text(_told(trial))
    if call.when == "teardown":
        result = trial.result(_open(item.config).environment.redactor)
        if (
            result.outcome is Outcome.INVALID
            and report.outcome == "passed"
            and trial.reason.startswith("nothing was measured")
        ):
            report.outcome, report.longrepr = "failed", f"INVALID: {result.id} {result.reason}"
        report.seatrial = json.dumps(result.to_json(), default=str)  # type: ignore[attr-defined]  # xdist carries text only
    return report


def _told(trial: Trial) -> str:
    """Say expected, seen, where, repeat and runbook, as a person on call wants to read it."""
    lines = [f"{trial.outcome}: {trial.check.id} {trial.title}"]
    for finding in trial.findings:
        lines += [f"  case      {finding.case}"] if finding.case else []
        lines += [f"  expected  {finding.expected}", f"  seen      {finding.seen}", f"  where     {finding.where}"]
    lines += [f"  reason    {trial.reason}"] if trial.reason else []
    lines += [f"  repeat    {trial.repeat}", f"  runbook   docs/runbooks/{trial.suite}.md#{trial.check.id.lower()}"]
    return "\n".join(lines + ([trial.log] if trial.log else []))


def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
    """Show INVALID and NOT-RUN under their own names; a stage of the gate prints lines in the place of letters."""
    text = getattr(report, "seatrial", None)
    letters = config.getoption("--seatrial-results") is None
    if text and json.loads(text)["outcome"] == Outcome.INVALID:
        return "invalid", "I" if letters else "", "INVALID"
    return None if letters else (report.outcome if report.when == "call" or not report.passed else "", "", "")


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
            result, state = Result.from_json(json.loads(text)), _open(self.config)
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
    if _is_parallel(config) and not hasattr(config, "workerinput") and conclude.is_trial(config):
        _open(config)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
    """Leave the results to the caller, or rule on them and make the verdict the exit code."""
    config, state = session.config, session.config.stash.get(STATE, None)
    if state is None:
        if exitstatus == pytest.ExitCode.OK and conclude.is_trial(config):
            session.exitstatus = pytest.ExitCode.INTERRUPTED  # suites were named, and nothing was ruled
        return
    state.problems += [each for each in conclude.hooks(config) if each not in state.problems]
    if hasattr(config, "workerinput"):
        config.workeroutput[PROBLEMS] = state.problems  # type: ignore[attr-defined]  # xdist adds it
    elif state.rules:
        _rule(session, state, int(exitstatus))
    elif state.results_file is not None:
        lines = [json.dumps(result.to_json()) for result in state.results.values()]
        end = {"end": int(exitstatus), "problems": state.problems}
        state.results_file.write_text("\n".join([*lines, json.dumps(end)]) + "\n")
        session.exitstatus = NO_VERDICT
    if _plugin(config, Given) is None:
        close_clients(state.environment.clients)
    state.locks.close()


def _rule(session: pytest.Session, state: State, exitstatus: int) -> None:
    if exitstatus not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        return
    try:
        scope = conclude.scope_of_arguments(session.config)
    except SeatrialError as error:
        print(f"\nERROR: {error}", file=sys.stderr)
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
        return
    problems = [*state.problems, *conclude.filters(session.config)]
    if state.answering:
        scope = expected.Scope(f"{scope.label}, answered without a strike", (*scope.rows, *state.answering))
    verdict = conclude.conclude(
        state.environment, state.results.values(), scope, problems, began=state.began, waivers=state.accepted
    )
    session.config.stash[VERDICT] = verdict
    session.exitstatus = {0: pytest.ExitCode.OK, 1: pytest.ExitCode.TESTS_FAILED}.get(
        verdict.ruling.exit_code, pytest.ExitCode.INTERRUPTED
    )


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Write the reports and make the verdict the last line."""
    if verdict := config.stash.get(VERDICT, None):
        state = config.stash[STATE]
        ended = [drill for drill in state.drills if drill.id in state.results]
        if answers.refused(ended, state.environment):
            plans.answers(ended, state.results, Console(highlight=False))
        conclude.publish(state.environment, verdict)
