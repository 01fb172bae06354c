"""What one pytest process knows of a trial: the environment, the collected checks and their results."""

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from seatrial import conclude, expected, waivers
from seatrial.environment import Arming, Environment
from seatrial.errors import SeatrialError, UsageError
from seatrial.outcome import Level, Result
from seatrial.plans import Planned
from seatrial.plugin import _trust
from seatrial.profile import find, load
from seatrial.session import Trial, check_of, level_of, title_of
from seatrial.verdict import Verdict

P = TypeVar("P")
PROBLEMS = "seatrial problems"  # what a worker found wrong with the run as a whole
NO_VERDICT = 7  # exit code of a stage: its results are in a file, and nobody may take it for a GO
OWN_CONFIGURATION = ("-c", str(Path(__file__).parent.with_name("pytest.toml")), "--rootdir", ".")
LEFT_OUT = {"PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONOPTIMIZE"}
"""Variables that would change how pytest or Python run checks, from whoever's shell; `run_here` hides them."""
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
        # Taken as it is imported: at the end another one may lie there.
        self.harness = conclude.harness() if results else ""
        self.collected: dict[str, pytest.Item] = {}
        self.accepted = waivers.Waivers()
        self.results: dict[str, Result] = {}
        self.drills: list[Planned] = []
        self.answering: list[expected.Row] = []
        self.problems: list[str] = []
        self.locks = contextlib.ExitStack()


class Given:
    """Hands an already open environment to a pytest session in the same process, as `seatrial prove` does.

    Attributes:
        uncollected: a line for each file that cannot be collected.
        problems: of the run as a whole, once it has ended.
    """

    def __init__(self, environment: Environment, told: Callable[[Result], None] | None = None) -> None:
        self.environment = environment
        self.results: dict[str, Result] = {}
        self.uncollected: list[str] = []
        self.problems: list[str] = []
        self._told = told

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep why a file cannot be collected."""
        if report.failed:
            self.uncollected.append(f"{report.nodeid} cannot be collected: {str(report.longrepr).splitlines()[-1]}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep each result, and tell of it."""
        if text := getattr(report, "seatrial", None):
            result = Result.from_json(json.loads(text))
            self.results[result.id] = result
            if self._told:
                self._told(result)


class Listing:
    """Asks a pytest session for its checks only: nothing is opened and nothing runs."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []


def run_here(arguments: list[str], plugin: Given | Listing) -> int:
    """Run pytest in this process, as the harness configures it and nobody else, and return its exit code."""
    left_out = {name: os.environ.pop(name) for name in LEFT_OUT & os.environ.keys()}
    try:
        return pytest.main([*OWN_CONFIGURATION, *arguments], plugins=[plugin])
    finally:
        os.environ.update(left_out)


def plugin_of(config: pytest.Config, kind: type[P]) -> P | None:
    return next((plugin for plugin in config.pluginmanager.get_plugins() if isinstance(plugin, kind)), None)


def open_state(config: pytest.Config) -> State:
    if STATE in config.stash:
        return config.stash[STATE]
    given, results = plugin_of(config, Given), config.getoption("--seatrial-results")
    try:
        environment = given.environment if given else _environment(config)
        state = State(environment, stage=config.getoption("--seatrial-stage"), quiet=bool(given), results=results)
        if not given and not hasattr(config, "workerinput"):
            inherited = config.getoption("--seatrial-lock")
            state.locks.enter_context(environment.lock(inherited))
            if inherited is None:
                conclude.ready(environment)
            if state.rules:
                roots = _trust.roots_of_arguments(config)
                state.accepted = waivers.read(*roots)
                conclude.require_listed(environment.profile, state.accepted.known, *roots)
        if not given:
            environment.check_secrets()
    except (SeatrialError, OSError) as error:  # of the latter: a list that is a folder, or that nobody may read
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


def planned(item: pytest.Item) -> Planned | None:
    check, level = check_of(item), level_of(item)
    if check is None or check.plan is None or level is None:
        return None
    return Planned(check.id, title_of(item), level, check.plan)


def is_parallel(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput") or bool(config.getoption("numprocesses", None))


def is_serial(item: pytest.Item) -> bool:
    check = check_of(item)
    return bool(check and check.alone) or (level_of(item) or Level.OBSERVE) >= Level.DISRUPT
