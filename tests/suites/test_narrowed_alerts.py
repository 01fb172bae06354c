"""Whether an alert looks at all that have its figure: MON-02 against a Prometheus that has some of them, or none yet."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial import Failure
from suites.monitoring import _watch as watch
from suites.monitoring import test_alerts as alerts
from suites.monitoring._watch import Rule

SHIPPED = [
    rule
    for group in yaml.safe_load(Path("system/monitoring/rules.yaml").read_text())["groups"]
    for rule in group["rules"]
]
RULES: dict[str, str] = {rule["alert"]: rule["expr"] for rule in SHIPPED if "alert" in rule}
RECORDED: dict[str, str] = {rule["record"]: rule["expr"] for rule in SHIPPED if "record" in rule}
HERE: list[dict[str, Any]] = [{"metric": {"dependency": name}, "value": [0, "1"]} for name in ("redis", "s3")]


def judge(monkeypatch: pytest.MonkeyPatch, name: str, query: str, *, fresh: bool = True) -> None:
    """Ask about one alert where nothing has its figure yet, or two dependencies do."""

    def asked(_: object, query: str) -> list[dict[str, Any]]:
        wanted = re.search(r'dependency="(\w+)"', query)
        return [] if fresh else [each for each in HERE if not wanted or each["metric"]["dependency"] == wanted[1]]

    monkeypatch.setattr(watch, "asked", asked)
    monkeypatch.setattr(alerts, "SCRAPED_WITHIN_S", 0.1)
    observe: Any = None
    alerts._require_about_all(observe, Rule(name, query, "ok", "page", ""))


@pytest.mark.parametrize("name", RULES)
def test_the_alerts_as_shipped_look_at_all(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    judge(monkeypatch, name, RULES[name])


@pytest.mark.parametrize(
    ("query", "whom"),
    [
        ('tier:error_ratio:rate5m{tier="api"} > 14.4 * 0.001 and tier:error_ratio:rate1h > 14.4 * 0.001', "tier"),
        ('up{job="services",component!~"edge-.*"} == 0', "component"),
        ('a{"instance"="127.0.0.1:1"} == 0 or b > 1', "instance"),
    ],
)
def test_an_alert_that_names_whom_it_is_about_is_found_before_anybody_has_its_figure(
    monkeypatch: pytest.MonkeyPatch, query: str, whom: str
) -> None:
    with pytest.raises(Failure, match=f"look at all that have its figure; saw it is narrowed by {whom}:"):
        judge(monkeypatch, "ErrorBudgetBurn", query)


def test_an_alert_may_name_what_it_is_about(monkeypatch: pytest.MonkeyPatch) -> None:
    judge(monkeypatch, "ErrorBudgetBurn", 'sum by (tier) (rate(answers_total{status=~"5..",job="a"}[5m])) > 1')


def test_an_alert_whose_matchers_leave_somebody_out_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure, match=r"it leaves out \[\{'dependency': 's3'\}\]"):
        judge(monkeypatch, "DependencyLost", 'dependency_up{dependency="redis"} == 0', fresh=False)


@pytest.mark.parametrize("name", RECORDED)
def test_the_figures_as_shipped_count_all(name: str) -> None:
    assert alerts._left_out(RECORDED[name]) == []


@pytest.mark.parametrize(
    "narrowed",
    [
        'http_requests_total{tier="api"}',
        'http_requests_total{tier=~"api|frontend"}',
        'http_requests_total{route!~"/livez|/v1/assets"}',
        'http_requests_total{route!~".*/events"}',
        'http_requests_total{status=~"500"}',
        'http_request_duration_seconds_count{tier=~"api"}',
        'http_request_duration_seconds_bucket{le="5.0"}',
        'http_requests_total{component="api-1"}',
    ],
)
def test_a_figure_that_leaves_somebody_out_is_found(narrowed: str) -> None:
    assert alerts._left_out(f'sum by (tier) (rate({narrowed[:-1]},route!~"/readyz"}}[5m]))') == [narrowed]
