"""`seatrial traces`: a trace as a tree, and what is said where there is none."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from seatrial import cli
from seatrial.errors import EnvironmentFault
from seatrial.traces import Span, read, tree
from seatrial.verbs.common import USAGE_ERROR
from tests.serving import answering

PAGE = Span("a", "browser", "frontend", "frontend-1", "r1", "POST /upload", "server", 10**9, 2 * 10**9, False, {})
ASKED = replace(PAGE, id="b", parent="a", name="POST", kind="client", start_ns=PAGE.start_ns + 2_000_000)
SERVED = replace(PAGE, id="c", parent="b", instance="api-1", name="POST /v1/assets", start_ns=PAGE.start_ns + 3_500_000)
SHIPPED = Path("profiles/local.toml")
FAILED = replace(SERVED, id="d", parent="a", name="S3", failed=True, attributes={"error.type": "TimeoutError"})
ANSWERS = {
    f"/traces/{'ab' * 16}": (200, json.dumps({"spans": [asdict(PAGE), asdict(SERVED)]})),
    f"/traces/{'ef' * 16}": (200, '{"spans": []}'),
    f"/traces/{'01' * 16}": (200, '{"spans": [{}]}'),
    f"/traces/{'23' * 16}": (503, ""),
    f"/traces/{'45' * 16}": (200, "<html>"),
}


def test_spans_stand_below_their_parents_by_the_time_at_which_they_began() -> None:
    assert tree([SERVED, FAILED, ASKED, PAGE]) == [
        "      0.0    1000.0 ms   frontend-1  POST /upload",
        "      2.0     998.0 ms     frontend-1  POST",
        "      3.5     996.5 ms       api-1  POST /v1/assets",
        "      3.5     996.5 ms !   api-1  S3 (TimeoutError)",
    ]


def test_a_span_whose_parent_is_not_there_begins_a_tree_of_its_own() -> None:
    assert [line[25:] for line in tree([PAGE, SERVED])] == ["frontend-1  POST /upload", "api-1  POST /v1/assets"]


def test_an_answer_is_read_and_one_in_another_form_is_the_environments_fault() -> None:
    assert read({"spans": [{**asdict(PAGE), "more": 1}]}) == [PAGE]
    for answer in ({}, {"spans": [{"id": "a"}]}, None):
        with pytest.raises(EnvironmentFault, match="another form"):
            read(answer)


Ask = Callable[[str], int]


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    """Ask a collector that answers over HTTP, as ANSWERS has it, for a trace; gives the exit code."""

    class Collector(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = ANSWERS.get(self.path, (404, ""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with answering(Collector) as port:
        profile = profile_with(tmp_path, f"127.0.0.1:{port}")
        yield lambda trace: cli.main(["traces", trace, "--profile", profile])


def profile_with(folder: Path, collector: str) -> str:
    """Write the shipped profile with another collector of spans."""
    text, changed = re.subn(r'^traces = ".*"$', f'traces = "{collector}"', SHIPPED.read_text(), flags=re.MULTILINE)
    assert changed == 1
    (folder / "here.toml").write_text(text)
    return str(folder / "here.toml")


def test_a_trace_that_was_collected_is_shown_as_a_tree(ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("ab" * 16) == 0
    assert capsys.readouterr().out.splitlines() == tree([PAGE, SERVED])


@pytest.mark.parametrize(
    ("trace", "code", "words"),
    [
        ("cd" * 16, 2, "no span of"),
        ("ef" * 16, 2, "no span of"),
        ("01" * 16, 2, "answers in another form: 'id'"),
        ("23" * 16, 2, "503"),
        ("45" * 16, 2, "Expecting value"),
        ("nonsense", USAGE_ERROR, "is no trace id, which has 32 hexadecimal digits"),
    ],
    ids=["unknown", "empty", "another form", "unavailable", "no JSON", "no id"],
)
def test_why_nothing_is_shown_is_said(
    ask: Ask, capsys: pytest.CaptureFixture[str], trace: str, code: int, words: str
) -> None:
    assert ask(trace) == code
    shown = capsys.readouterr()
    assert (shown.out, words in shown.err) == ("", True), shown.err


def test_a_collector_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["traces", "ab" * 16, "--profile", profile_with(tmp_path, "127.0.0.1:9")]) == 2
    assert "127.0.0.1:9: connection refused" in capsys.readouterr().err


def test_a_profile_without_a_collector_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    without, removed = re.subn(r"^\[monitoring\]\n(.+\n)+", "", SHIPPED.read_text(), flags=re.MULTILINE)
    assert removed == 1
    (tmp_path / "here.toml").write_text(without)
    assert cli.main(["traces", "ab" * 16, "--profile", str(tmp_path / "here.toml")]) == USAGE_ERROR
    assert "no [monitoring]" in capsys.readouterr().err
