"""A phase's end becomes an outcome, and the last one a result."""

import json
from collections.abc import Generator
from dataclasses import replace

import pytest

from seatrial import plans
from seatrial.errors import Invalid
from seatrial.outcome import Level, Outcome
from seatrial.plugin._logs import keep_logs
from seatrial.plugin._state import TRIAL, Given, is_parallel, open_state, planned, plugin_of
from seatrial.session import NotRun, Trial, check_of, level_of


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Before a drill: say what it strikes and how to stop it, past pytest's capture."""
    drill, config = planned(item), item.config
    if drill and plugin_of(config, Given) is None and not is_parallel(config):
        environment = open_state(config).environment
        if drill.id not in environment.profile.expect.not_applicable and not environment.refuses(drill.level):
            if reporter := config.pluginmanager.get_plugin("terminalreporter"):
                reporter.ensure_newline()
            print(
                f"{drill.id} strikes: {drill.plan.strikes}. {plans.stop_line(drill.plan, environment.profile)}",
                flush=True,
            )
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Start the check's record before any fixture runs."""
    check, level = check_of(item), level_of(item)
    if check is not None and level is not None:
        item.stash[TRIAL] = Trial.of(item, check, level, _repeat_options(item.config, level))


def _repeat_options(config: pytest.Config, level: Level) -> str:
    profile = open_state(config).environment.profile
    arm = f" --arm {level}={profile.name}" if level >= Level.DISRUPT else ""
    return f"{profile.option}{arm}"


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
    redactor = open_state(item.config).environment.redactor
    trial.note(call.when, error, redactor)
    trial.duration_s += call.duration
    if isinstance(error, NotRun):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), item.reportinfo()[1] or 0, f"NOT-RUN: {error}")
    elif error is not None:
        report.longrepr = redactor.text(_told(trial) if call.when == "call" else str(report.longrepr))
        report.sections = [(name, redactor.text(text)) for name, text in report.sections]
    if call.when == "teardown":
        result = trial.result(redactor)
        if (
            result.outcome is Outcome.INVALID
            and report.outcome == "passed"
            and trial.reason.startswith("nothing was measured")
        ):
            report.outcome, report.longrepr = "failed", f"INVALID: {result.id} {result.reason}"
        if result.outcome in {Outcome.FAILED, Outcome.INVALID} and plugin_of(item.config, Given) is None:
            result = replace(result, evidence={**result.evidence, **keep_logs(open_state(item.config).environment)})
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
