"""The release before: built from the copy that is kept of it, or refused with the reason."""

import subprocess
import tarfile
from pathlib import Path

import pytest

from system.platforms.local.errors import BadRequest
from system.platforms.local.layout import PROJECT
from system.platforms.local.previous import ARCHIVE, build_previous
from system.platforms.local.releases import Releases
from tests.lacking import lacking

CONFIGURATION = {"api": {"REGION": "nowhere"}}


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    directory = tmp_path / "releases"
    directory.mkdir()
    return directory


def git(project: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Trial", "-c", "user.email=trial@example.test", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(project), *who, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def contents(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as members:
        return {each.name: file.read() for each in members if (file := members.extractfile(each))}


def test_the_release_before_is_what_the_commit_had(tmp_path: Path, releases: Path) -> None:
    project, archive = tmp_path / "project", tmp_path / "previous.tar.gz"
    (project / "system").mkdir(parents=True)
    (project / "system/__init__.py").write_text("ANSWER = 41\n")
    git(tmp_path, "init", "--quiet", str(project))
    git(project, "add", "system")
    git(project, "commit", "--quiet", "--message=One")
    git(project, "archive", "--format=tar.gz", f"--output={archive}", "HEAD", "system")
    built = build_previous(releases, CONFIGURATION, archive)
    assert built["commit"] == git(project, "rev-parse", "HEAD")
    assert Releases(releases).configuration(built["release"]) == CONFIGURATION
    assert (releases / built["release"] / "system/__init__.py").read_text() == "ANSWER = 41\n"


def test_the_copy_that_is_kept_is_another_release_than_the_tree(releases: Path) -> None:
    built = build_previous(releases, CONFIGURATION)
    assert built["release"] != Releases(releases).build((), CONFIGURATION)
    parts = {name.split("/")[1] for name in contents(ARCHIVE)}
    assert parts >= {"api", "edge", "frontend", "worker", "common", "migrations"}


def test_the_copy_that_is_kept_is_the_commit_that_it_names(tmp_path: Path) -> None:
    with tarfile.open(ARCHIVE) as members:
        commit = members.pax_headers["comment"]
    if subprocess.run(
        ["git", "-C", str(PROJECT), "cat-file", "-e", commit], capture_output=True, check=False
    ).returncode:
        lacking("history", "it does not reach the release before")
    again = tmp_path / "again.tar"
    git(PROJECT, "archive", f"--output={again}", commit, "system", ":(exclude)system/platforms")
    assert contents(ARCHIVE) == contents(again)


def test_without_a_copy_the_release_before_is_refused(tmp_path: Path, releases: Path) -> None:
    with pytest.raises(BadRequest, match=r"no release before this one is recorded: none.tar.gz is missing"):
        build_previous(releases, {}, tmp_path / "none.tar.gz")
    assert list(releases.iterdir()) == []


def test_a_copy_that_names_no_commit_is_refused(tmp_path: Path, releases: Path) -> None:
    archive = tmp_path / "by-hand.tar"
    with tarfile.open(archive, "w") as members:
        members.add(ARCHIVE, "system/file")
    with pytest.raises(BadRequest, match=r"by-hand.tar is no `git archive` of a commit"):
        build_previous(releases, {}, archive)
