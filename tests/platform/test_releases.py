"""Releases: named by content, patched literally, never changed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from system.platforms.local.errors import BadRequest
from system.platforms.local.releases import Edit, Releases


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "api/__pycache__").mkdir(parents=True)
    (source / "api/__init__.py").write_text("ANSWER = 41 + 1\n")
    (source / "api/__pycache__/x.pyc").write_text("old")
    (source / "api/page.html").write_text("<p>")
    return source


@pytest.fixture
def releases(tmp_path: Path, source: Path) -> Releases:
    directory = tmp_path / "releases"
    directory.mkdir()
    return Releases(directory, source)


def test_the_same_tree_is_the_same_release(releases: Releases, source: Path) -> None:
    first = releases.build()
    (source / "api/__pycache__/y.pyc").write_text("other")
    assert releases.build() == first
    (source / "api/page.html").write_text("<b>")
    assert releases.build() != first


def test_a_release_holds_compiled_source_and_other_files(releases: Releases) -> None:
    api = releases.path(releases.build()) / "system/api"
    assert (api / "page.html").read_text() == "<p>"
    assert [path.name.split(".")[0] for path in (api / "__pycache__").iterdir()] == ["__init__"]


def compiled(release: Path) -> dict[str, int]:
    return {path.name.split(".")[0]: path.stat().st_mtime_ns for path in release.rglob("*.pyc")}


def test_bytecode_of_unchanged_source_is_that_of_the_release_before(releases: Releases, source: Path) -> None:
    (source / "api/same.py").write_text("SAME = 1\n")
    first = compiled(releases.path(releases.build()))
    patched = releases.path(releases.build([Edit("system/api/__init__.py", "41", "40")]))
    second = compiled(patched)
    assert second["same"] == first["same"]
    assert second["__init__"] != first["__init__"]


def test_bytecode_of_other_source_of_the_same_size_and_time_is_not_taken_over(releases: Releases, source: Path) -> None:
    releases.build()
    file = source / "api/__init__.py"
    before = file.stat()
    file.write_text("ANSWER = 40 + 1\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    release = releases.path(releases.build())
    asked = [sys.executable, "-c", "import system.api; print(system.api.ANSWER)"]
    said = subprocess.run(asked, cwd=release, capture_output=True, text=True, check=True)
    assert said.stdout == "41\n"


def test_an_edit_makes_another_release_and_leaves_the_source_alone(releases: Releases, source: Path) -> None:
    plain = releases.build()
    patched = releases.build([Edit("system/api/__init__.py", "41", "40")])
    assert patched != plain
    assert (releases.path(patched) / "system/api/__init__.py").read_text() == "ANSWER = 40 + 1\n"
    assert (source / "api/__init__.py").read_text() == "ANSWER = 41 + 1\n"


def test_the_configuration_is_part_of_the_release(releases: Releases) -> None:
    edit = Edit("system/api/__init__.py", "41", "40")
    first = releases.build([edit], {"api": {"LEVEL": "1"}})

    assert releases.build([edit], {"api": {"LEVEL": "1"}}) == first
    assert releases.build([edit], {"api": {"LEVEL": "2"}}) != first
    assert releases.configuration(first) == {"api": {"LEVEL": "1"}}
    assert releases.edits(first) == [edit]


def test_an_edit_without_a_text_to_find_makes_a_file_that_is_not_there(releases: Releases) -> None:
    patched = releases.build([Edit("system/api/new.py", "", "NEW = 1\n")])
    assert (releases.path(patched) / "system/api/new.py").read_text() == "NEW = 1\n"


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (Edit("system/api/__init__.py", "1", "2"), "occurs 2 times"),
        (Edit("system/api/__init__.py", "43", "2"), "occurs 0 times"),
        (Edit("system/api/none.py", "1", "2"), "no file"),
        (Edit("system/../new.py", "", "2"), "no file"),
        (Edit("system/../../source/api/page.html", "p", "q"), "no file"),
        (Edit("/etc/hostname", "p", "q"), "no file"),
    ],
)
def test_an_edit_that_does_not_fit_exactly_once_is_refused(releases: Releases, edit: Edit, words: str) -> None:
    before = releases.build()
    with pytest.raises(BadRequest, match=words):
        releases.build([edit])
    assert [path.name for path in releases.path(before).parent.iterdir()] == [before]


def test_an_unknown_release_is_refused(releases: Releases) -> None:
    with pytest.raises(BadRequest, match="there is no release"):
        releases.path("../source")
