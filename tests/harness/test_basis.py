"""What a verdict is about: the releases that whoever runs them names, the same at the start and at the end, and the files."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.basis import Basis
from seatrial.environment import Environment
from seatrial.profile import load
from tests.harness.desk import Desk
from tests.probes.fake_platform import FakePlatform
from tests.probes.fake_platform import platform as platform  # noqa: PLC0414 - a fixture

FIRST = Basis({"api": "r1", "worker": "r1"}, {"profile": "aa", "expected.toml": "bb"})


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def basis(desk: Desk, *lines: str) -> Basis:
    desk.profile.write_text("\n".join(['name = "here"', 'max_impact = "observe"', *lines, "[urls]"]))
    return Basis.of(Environment(load(desk.profile)), desk.suites)


def on(platform: tuple[FakePlatform, Path], desk: Desk, **answers: Any) -> Basis:
    fake, socket = platform
    fake.part |= answers
    return basis(desk, f'[platform]\ncommand = ["true"]\nsocket = "{socket}"\nstate = "{desk.folder}"')


def test_a_platform_names_the_release_of_each_service(desk: Desk, platform: tuple[FakePlatform, Path]) -> None:
    platform[0].count = 2
    assert on(platform, desk).releases == {"api": "r1"}
    assert on(platform, desk, release=None).releases == {"here": "r1"}


def test_a_part_that_is_stopped_is_no_release_under_trial(desk: Desk, platform: tuple[FakePlatform, Path]) -> None:
    assert on(platform, desk, state="stopped", release="r0").releases == {"here": "r1"}


def test_two_releases_at_once_are_none(
    desk: Desk, platform: tuple[FakePlatform, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = platform[0]
    said = fake.say
    mixed = [fake.part | {"name": "api-1"}, fake.part | {"name": "api-2", "release": "r0"}]
    monkeypatch.setattr(fake, "say", lambda **values: said(**values | {"parts": mixed}))

    found = on(platform, desk)

    assert found == replace(found, releases={}, unknown="api runs r0 and r1 at once", mixed=True)


def test_a_platform_that_is_silent_leaves_the_release_unknown(desk: Desk) -> None:
    found = basis(desk, f'[platform]\ncommand = ["true"]\nsocket = "{desk.folder}/none.sock"\nstate = "{desk.folder}"')

    assert found.releases == {}
    assert "is the platform up?" in found.unknown


def test_without_anybody_to_ask_the_profile_names_it(desk: Desk) -> None:
    assert basis(desk, '[expect]\nrelease = "2026-11-27-1"').releases == {"here": "2026-11-27-1"}
    assert "neither a platform" in basis(desk).unknown


def test_files_are_known_by_their_content(desk: Desk) -> None:
    files = basis(desk).files
    assert set(files) == {"profile", "suites", "expected.toml"}
    assert files["profile"] == hashlib.sha256(desk.profile.read_bytes()).hexdigest()
    (desk.suites / "waivers.toml").write_text("")
    (desk.folder / "load").mkdir()
    assert set(basis(desk).files) == {"profile", "suites", "expected.toml", "waivers.toml", "load"}


def test_the_code_of_suites_is_known_by_its_content(desk: Desk) -> None:
    digests = set()
    for name, text in (("infra/test_pg.py", "a"), ("infra/test_pg.py", "b"), ("infra/other.py", "b")):
        file = desk.suites / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        digests.add(basis(desk).files["suites"])
    for name in ("infra/__pycache__/test_pg.pyc", ".swp"):
        (desk.suites / name).parent.mkdir(exist_ok=True)
        (desk.suites / name).write_text("")
    assert len(digests) == 3
    assert basis(desk).files["suites"] in digests


def test_what_stays_is_no_problem() -> None:
    assert FIRST.until(FIRST) == (FIRST, [])


@pytest.mark.parametrize(
    ("later", "words"),
    [
        (
            replace(FIRST, releases={"api": "r2", "worker": "r1"}),
            "the release changed during the trial: api r1, worker r1 at its start, api r2, worker r1 at its end",
        ),
        (replace(FIRST, files={"profile": "aa"}), "expected.toml changed during the trial"),
        (replace(FIRST, files={**FIRST.files, "waivers.toml": "cc"}), "waivers.toml changed during the trial"),
        (replace(FIRST, files={**FIRST.files, "profile": "dd"}), "profile changed during the trial"),
    ],
    ids=["a release", "a list that is gone", "a list that came", "another profile"],
)
def test_what_changed_on_the_way_is_a_problem(later: Basis, words: str) -> None:
    assert FIRST.until(later) == (FIRST, [words])


SILENT = replace(FIRST, releases={}, unknown="no answer")
MIXED = replace(FIRST, releases={}, unknown="api runs r1 and r2 at once", mixed=True)


@pytest.mark.parametrize(
    ("first", "later"), [(FIRST, SILENT), (SILENT, FIRST), (FIRST, MIXED), (MIXED, FIRST), (MIXED, MIXED)]
)
def test_a_release_that_is_not_told_at_both_ends_is_a_problem(first: Basis, later: Basis) -> None:
    unknown = first.unknown or later.unknown

    assert first.until(later) == (
        replace(first, unknown=unknown),
        [f"the trial was not of one release from its start to its end: {unknown}"],
    )


def test_where_nobody_can_be_asked_at_either_end_the_release_is_unknown_and_no_problem() -> None:
    assert SILENT.until(SILENT) == (SILENT, [])
