"""Files among the evidence reach every report, and those of earlier runs go."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

from rich.console import Console

from seatrial import kept
from seatrial.outcome import Outcome
from seatrial.report import summary, write
from seatrial.verdict import Verdict

PNG = b"\x89PNG\r\n\x1a\nnot really"


def with_picture(verdict: Verdict, out: Path) -> Verdict:
    first = replace(
        verdict.results[0],
        evidence={"the page": kept.keep("picture", PNG, verdict.environment, out), "other": {"picture": 1, "of": 2}},
    )
    return replace(verdict, results=(first, *verdict.results[1:]))


def test_a_picture_is_linked_and_attached(no_go: Verdict, tmp_path: Path) -> None:
    write(with_picture(no_go, tmp_path), tmp_path)

    (picture,) = (tmp_path / "evidence" / no_go.environment).iterdir()
    assert (
        f'<a href="evidence/{no_go.environment}/{picture.name}">the page</a>' in (tmp_path / "verdict.html").read_text()
    )
    attached = [path for path in (tmp_path / "allure-results").glob("*.png") if path.read_bytes() == PNG]
    named = [
        each
        for path in (tmp_path / "allure-results").glob("*-result.json")
        for each in json.loads(path.read_text()).get("attachments", ())
        if each["type"] == "image/png"
    ]
    assert [(each["name"], each["source"]) for each in named] == [("the page", attached[0].name)]


def test_logs_are_linked_attached_and_named_on_the_terminal(no_go: Verdict, tmp_path: Path) -> None:
    failed = next(each for each in no_go.results if each.outcome is Outcome.FAILED)
    logs = kept.keep("log", b"== api-1\nit went wrong\n", no_go.environment, tmp_path)
    results = (replace(each, evidence={kept.LOGS: logs}) if each is failed else each for each in no_go.results)
    verdict = replace(no_go, results=tuple(results))
    write(verdict, tmp_path)
    told = StringIO()
    summary(verdict, Console(file=told))

    (log,) = (tmp_path / "evidence" / no_go.environment).iterdir()
    assert (
        f'<a href="evidence/{no_go.environment}/{log.name}">logs</a> (log)' in (tmp_path / "verdict.html").read_text()
    )
    assert f"    logs      reports/out/evidence/{no_go.environment}/{log.name}\n" in told.getvalue()
    assert [path.read_bytes() for path in (tmp_path / "allure-results").glob("*.log")] == [log.read_bytes()]


def test_a_picture_that_is_gone_stays_a_name(no_go: Verdict, tmp_path: Path) -> None:
    verdict = with_picture(no_go, tmp_path)
    for path in (tmp_path / "evidence" / no_go.environment).iterdir():
        path.unlink()
    write(verdict, tmp_path)

    assert not list((tmp_path / "allure-results").glob("*.png"))


def test_pictures_of_earlier_runs_are_removed(no_go: Verdict, tmp_path: Path) -> None:
    kept.keep("picture", b"earlier", no_go.environment, tmp_path)
    kept.keep("picture", b"another's", "elsewhere", tmp_path)
    write(with_picture(no_go, tmp_path), tmp_path)

    assert [path.read_bytes() for path in (tmp_path / "evidence" / no_go.environment).iterdir()] == [PNG]
    assert len(list((tmp_path / "evidence" / "elsewhere").iterdir())) == 1
