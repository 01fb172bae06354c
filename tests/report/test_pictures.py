"""Pictures among the evidence reach every report, and those of earlier runs go."""

import json
from dataclasses import replace
from pathlib import Path

from seatrial import pictures
from seatrial.report import write
from seatrial.verdict import Verdict

PNG = b"\x89PNG\r\n\x1a\nnot really"


def with_picture(verdict: Verdict, out: Path) -> Verdict:
    first = replace(
        verdict.results[0],
        evidence={"the page": pictures.keep(PNG, verdict.environment, out), "other": {"picture": 1, "of": 2}},
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


def test_a_picture_that_is_gone_stays_a_name(no_go: Verdict, tmp_path: Path) -> None:
    verdict = with_picture(no_go, tmp_path)
    for path in (tmp_path / "evidence" / no_go.environment).iterdir():
        path.unlink()
    write(verdict, tmp_path)

    assert not list((tmp_path / "allure-results").glob("*.png"))


def test_pictures_of_earlier_runs_are_removed(no_go: Verdict, tmp_path: Path) -> None:
    pictures.keep(b"earlier", no_go.environment, tmp_path)
    pictures.keep(b"another's", "elsewhere", tmp_path)
    write(with_picture(no_go, tmp_path), tmp_path)

    assert [path.read_bytes() for path in (tmp_path / "evidence" / no_go.environment).iterdir()] == [PNG]
    assert len(list((tmp_path / "evidence" / "elsewhere").iterdir())) == 1
