"""The rules: each has a strike, a budget, a runbook, and cases in which it fires and does not."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from faults.monitoring._files import EditedFile
from seatrial.registry import load_faults
from suites.monitoring import _strikes as strikes
from suites.monitoring._watch import WATCHDOG, unfiltered
from system.platforms.local.parts.watching import Alertmanager, Prometheus
from system.platforms.local.programs import MONITORING_TREE
from system.platforms.local.watch_files import FOLDER, faster, rendered

CASES = Path(__file__).with_name("rules.test.yaml")
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load((FOLDER / "rules.yaml").read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
}

EDITED = [
    pytest.param(fault.strike, id=fault.id)
    for fault in load_faults(Path("faults")).values()
    if isinstance(fault.strike, EditedFile)
]


def tool(name: str) -> str:
    found = shutil.which(name) or shutil.which(MONITORING_TREE.resolve() / "usr/bin" / name)
    if found is None:
        pytest.fail(f"{name} is neither on PATH nor in .cache/monitoring: make setup")
    return found


def passes(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CASES.parent)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_made_to_fire_and_nothing_else_is_named() -> None:
    assert {*strikes.GONE_ALERTS, *strikes.HANGING_ALERTS, WATCHDOG} == ALERTS.keys()


def test_every_alert_has_its_line_in_the_local_profile() -> None:
    lines = tomllib.loads(Path("profiles/local.toml").read_text())["targets"]["alert_times"]
    assert {line.partition(":")[0] for line in lines} == ALERTS.keys() - {WATCHDOG}


def test_every_alert_says_how_bad_it_is_what_is_wrong_and_where_its_runbook_is() -> None:
    page = Path("docs/runbooks/monitoring.md").read_text()
    offenders = []
    for name, rule in ALERTS.items():
        if rule["labels"].get("severity") not in {"page", "ticket", "none"}:
            offenders.append(f"{name}: severity")
        if not rule["annotations"].get("summary"):
            offenders.append(f"{name}: summary")
        if rule["annotations"].get("runbook") != f"monitoring.md#{name.lower()}" or f"\n## {name}\n" not in page:
            offenders.append(f"{name}: runbook")
    assert offenders == []


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    tried = [
        (each["alertname"], bool(each["exp_alerts"]))
        for test in yaml.safe_load(CASES.read_text())["tests"]
        for each in test["alert_rule_test"]
    ]
    # Of tiers that one case holds, those that are not named must be quiet: the burn alerts' own case has both.
    assert {(name, fires) for name in ALERTS for fires in (True, False)} - {*tried} <= {("LatencyBudgetBurn", False)}


@pytest.mark.slow
def test_the_cases_pass() -> None:
    passes(tool("promtool"), "test", "rules", CASES)


def filled(folder: Path) -> dict[str, object]:
    return {
        **dict.fromkeys(("prometheus", "alertmanager", "exporter", "pager", "traces"), "127.0.0.1:1"),
        "targets": folder / "targets.json",
        "slack_url_file": folder / "slack-url",
        "smtp": "127.77.0.93:1",
        "smtp_tls": "false",
        "runbooks": "file:///docs",
    }


def test_every_alert_can_be_asked_about_all_that_it_looks_at(tmp_path: Path) -> None:
    rules = [{"record": f"rule:{at}", "expr": unfiltered(rule["expr"])} for at, rule in enumerate(ALERTS.values())]
    assert sum(" bool " in rule["expr"] for rule in rules) == len(rules) - 1  # the heartbeat compares nothing
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}))
    passes(tool("promtool"), "check", "rules", tmp_path / "rules.yaml")


@pytest.mark.parametrize("fault", EDITED)
def test_every_fault_finds_what_it_edits_once(fault: EditedFile, tmp_path: Path) -> None:
    part = {"prometheus": Prometheus, "alertmanager": Alertmanager}[fault.part]
    texts = [rendered(name, filled(tmp_path)) for name in part.files]
    assert sum(text.count(fault.find) for text in texts) == 1, f"{fault.find!r} in {part.files}"


def test_the_files_are_understood_as_this_platform_runs_them(tmp_path: Path) -> None:
    for name in ("prometheus.yaml", "rules.yaml", "alertmanager.yaml"):
        text = rendered(name, filled(tmp_path))
        assert re.findall(r"@\w+@", text) == [], name
        (tmp_path / name).write_text(text)
    (tmp_path / "targets.json").write_text("[]")
    (tmp_path / "slack-url").write_text("http://127.0.0.1:1/slack")
    passes(tool("promtool"), "check", "config", tmp_path / "prometheus.yaml")
    passes(tool("amtool"), "check-config", tmp_path / "alertmanager.yaml")


def test_a_minute_takes_two_seconds() -> None:
    assert faster("for: 3m\nscrape_interval: 30s\nexpr: rate(x[1h]) # 5m\n") == (
        "for: 6000ms\nscrape_interval: 1000ms\nexpr: rate(x[120000ms]) # 5m\n"
    )


def test_a_patch_edits_what_is_run() -> None:
    text = rendered("rules.yaml", {}, [{"find": "expr: redis_up == 0", "replace": "expr: redis_alive == 0"}])
    assert "redis_alive" in text
    assert "redis_up" not in text
