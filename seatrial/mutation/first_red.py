"""A plugin for pytest (`-p`): run checks in the order in which they are named, and stop at the first red one."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from seatrial.outcome import Outcome


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, None, None]:
    """Put the checks into the order of the command line, whatever their levels are: the cheapest stand first."""
    yield
    named = [argument.partition("::") for argument in config.args]
    order = {(Path(path).resolve(), test): number for number, (path, _, test) in enumerate(named)}
    items.sort(key=lambda item: order[item.path.resolve(), item.name])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """End the session after a check that failed: how many more would have failed, nobody asks."""
    report = yield
    result = getattr(report, "seatrial", None)
    if result and json.loads(result)["outcome"] == Outcome.FAILED:
        item.session.shouldfail = f"{item.name} is red"
    return report
