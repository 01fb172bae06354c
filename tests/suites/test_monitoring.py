"""What the monitoring's checks make of messages, lines of logs and dashboards."""

import json
from pathlib import Path
from typing import Any

import pytest

from seatrial import Failure
from suites.client import Instance
from suites.monitoring._alert_times import BUDGET
from suites.monitoring._dashboards import Panel, panels
from suites.monitoring._watch import Message, _message, unfiltered
from suites.monitoring.test_errors import DEFECT, FUNCTION, _error, _last
from suites.monitoring.test_logs import _unstructured

EDGE = Instance("edge", "edge-1", "127.0.0.1:1")
LINE = {
    "ts": "2026-11-28T07:00:00+00:00",
    "level": "info",
    "service": "edge",
    "instance": "edge-1",
    "release": "r1",
    "message": "request",
    "logger": "system.access",
    "request_id": "1",
    "trace_id": "2",
}
PANEL = {"title": "Waits", "type": "timeseries", "targets": [{"expr": "queue_oldest_seconds"}]}
BOARD = {"uid": "one", "title": "One", "panels": [{"type": "row", "panels": [PANEL]}, PANEL]}


def written(tmp_path: Path, said: Any) -> Path:
    file = tmp_path / "one.json"
    file.write_text(said if isinstance(said, str) else json.dumps(said))
    return file


def test_a_dashboard_is_read_with_the_panels_in_its_rows(tmp_path: Path) -> None:
    assert panels(written(tmp_path, BOARD)) == [Panel("one.json", "Waits", "queue_oldest_seconds")] * 2


@pytest.mark.parametrize(
    "said",
    [
        "{",
        {**BOARD, "uid": ""},
        {**BOARD, "panels": []},
        {**BOARD, "panels": [{**PANEL, "title": ""}]},
        {**BOARD, "panels": [{**PANEL, "targets": []}]},
        {**BOARD, "panels": [{**PANEL, "targets": [{"expr": ""}]}]},
    ],
)
def test_a_dashboard_that_does_not_load_is_a_failure(tmp_path: Path, said: Any) -> None:
    with pytest.raises(Failure, match="a dashboard that loads"):
        panels(written(tmp_path, said))


def test_the_shipped_dashboard_gives_every_panel_a_place_and_a_number_of_its_own() -> None:
    said = json.loads(Path("system/monitoring/dashboards/seatrial.json").read_text())
    drawn = [each for each in said["panels"] if each["type"] != "row"]
    places = [(each["gridPos"]["x"], each["gridPos"]["y"]) for each in drawn]
    assert len(set(places)) == len(drawn) == len({each["title"] for each in drawn})
    assert len({each["id"] for each in said["panels"]}) == len(said["panels"])


def test_a_line_as_it_should_be_is_no_problem() -> None:
    assert _unstructured(json.dumps(LINE), EDGE) == ""


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("2026-11-28 INFO started", "no object"),
        ("[1]", "no object"),
        (json.dumps({name: value for name, value in LINE.items() if name != "trace_id"}), "no trace_id"),
        (json.dumps({**LINE, "instance": "edge-2"}), "of ('edge', 'edge-2')"),
        (json.dumps({**LINE, "level": "loud"}), "level 'loud'"),
    ],
)
def test_a_line_that_a_query_would_miss_is_named(line: str, problem: str) -> None:
    assert problem in _unstructured(line, EDGE)


def test_messages_are_read_by_their_channel() -> None:
    slack = {"attachments": [{"title": "FIRING A b", "title_link": "file:///x#a", "text": "t"}]}
    assert _message({"at": 1, "channel": "slack", "body": slack}) == Message(
        1, "slack", "FIRING A b", "t", "file:///x#a"
    )
    mail = {"at": 2, "channel": "mail", "subject": "RESOLVED A b", "text": "t\r\nRunbook: file:///x#a\r\n"}
    assert _message(mail).link == "file:///x#a"
    assert _message({"at": 3, "channel": "dead-man", "status": "firing", "text": "silent"}).title == "FIRING"


def test_an_alert_is_asked_about_all_that_it_looks_at() -> None:
    assert unfiltered('dependency_up{dependency!="s3"} == 0') == 'dependency_up{dependency!="s3"} == bool 0'
    assert unfiltered("ends - time() < limit and up >= 1") == "ends - time() < bool limit and up >= bool 1"


@pytest.mark.parametrize(
    ("line", "fits"),
    [("InstanceDown: 20 / 7.5 s", True), ("InstanceDown: 20 s", False), ("Instance Down: 20 / 20 s", False)],
)
def test_a_budget_is_one_line(line: str, fits: bool) -> None:
    assert (BUDGET.fullmatch(line) is not None) == fits


def test_the_release_with_a_defect_can_be_built_and_fails_where_the_check_says() -> None:
    before = Path(DEFECT["file"]).read_text()
    assert before.count(DEFECT["find"]) == 1
    compile(before.replace(DEFECT["find"], DEFECT["replace"]), DEFECT["file"], "exec")
    above = before[: before.index(DEFECT["find"])]
    assert above[above.rindex("def ") :].startswith(f"def {FUNCTION}(")


def test_of_a_report_the_last_error_and_its_last_frame_count_and_what_is_not_there_is_empty() -> None:
    last = {"type": "B", "stacktrace": {"frames": [{"function": "a"}, {"function": "b"}]}}
    event = {"exception": {"values": [{"type": "A"}, last]}}
    assert (_error(event), _last(event)) == (last, {"function": "b"})
    assert (_error({"exception": None}), _last({"exception": {"values": [{"stacktrace": None}]}})) == ({}, {})
