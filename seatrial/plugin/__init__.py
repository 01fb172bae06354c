"""The pytest plugin: fixtures that are the levels, outcomes, and the verdict as the exit code.

Everything here is inert for items that are no checks, so that the project's own tests run under the same configuration.
"""

from pathlib import Path

import pytest

from seatrial.plugin._collection import pytest_collection_finish, pytest_collection_modifyitems
from seatrial.plugin._handles import destroy, disrupt, exercise, observe
from seatrial.plugin._outcomes import (
    pytest_report_teststatus,
    pytest_runtest_makereport,
    pytest_runtest_protocol,
    pytest_runtest_setup,
)
from seatrial.plugin._sessions import pytest_cmdline_main, pytest_sessionfinish, pytest_sessionstart
from seatrial.plugin._state import LEFT_OUT, NO_VERDICT, OWN_CONFIGURATION, Given, Listing, is_parallel, run_here

__all__ = [
    "LEFT_OUT",
    "NO_VERDICT",
    "OWN_CONFIGURATION",
    "Given",
    "Listing",
    "destroy",
    "disrupt",
    "exercise",
    "observe",
    "pytest_addoption",
    "pytest_cmdline_main",
    "pytest_collection_finish",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_report_teststatus",
    "pytest_runtest_makereport",
    "pytest_runtest_protocol",
    "pytest_runtest_setup",
    "pytest_sessionfinish",
    "pytest_sessionstart",
    "run_here",
]


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
    if config.getoption("--arm") and is_parallel(config):
        raise pytest.UsageError("an armed run strikes: leave out -n")
    if config.getoption("--seatrial-lock") is not None and config.getoption("--seatrial-results") is None:
        raise pytest.UsageError("--seatrial-lock is for the stages of a gate, which give no verdict")
