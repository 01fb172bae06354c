"""`seatrial traces`: a trace as a tree, and what is said where there is none."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from seatrial import cli, traces
from seatrial.errors import EnvironmentFault, UsageError
from seatrial.profile import Profile, load
from seatrial.traces import Span, read, tree
from seatrial.verbs.common import USAGE_ERROR

PAGE = Span("a", "browser", "frontend", "frontend-1", "r1", "POST /upload", "server", 10**9, 2 * 10**9, False, {})
ASKED = replace(PAGE, id="b", parent="a", name="POST", kind="client", start_ns=PAGE.start_ns + 2_000_000)
SERVED = replace(PAGE, id="c", parent="b", instance="api-1", name="POST /v1/assets", start_ns=PAGE.start_ns + 3_500_000)
FAILED = replace(SERVED, id="d", parent="a", name="S3", failed=True, attributes={"error.type": "TimeoutError"})


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


def test_the_command_says_what_it_found_and_why_it_found_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fetched(profile: Profile, trace: str) -> list[Span]:
        assert profile.monitoring is not None
        return [PAGE] if trace == "ab" * 16 else []

    monkeypatch.setattr(traces, "_fetched", fetched)
    assert cli.main(["traces", "ab" * 16, "--profile", "local"]) == 0
    assert "frontend-1  POST /upload" in capsys.readouterr().out
    assert cli.main(["traces", "cd" * 16, "--profile", "local"]) == 2
    assert "no span of" in capsys.readouterr().err
    assert cli.main(["traces", "nonsense", "--profile", "local"]) == USAGE_ERROR


def test_a_collector_that_is_not_there_is_named() -> None:
    profile = load(Path("profiles/local.toml"))
    assert profile.monitoring is not None
    gone = profile.model_copy(update={"monitoring": profile.monitoring.model_copy(update={"traces": "127.0.0.1:9"})})
    with pytest.raises(EnvironmentFault, match=r"127\.0\.0\.1:9"):
        traces._fetched(gone, "ab" * 16)
    with pytest.raises(UsageError, match="no \\[monitoring\\]"):
        traces._fetched(profile.model_copy(update={"monitoring": None}), "ab" * 16)
