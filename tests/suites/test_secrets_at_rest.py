"""The rules of SEC-SEC-03: files as SOPS really writes them, and what people do to them afterwards."""

import json
import subprocess
import sys
from pathlib import Path

import pyrage
import pytest

from seatrial.facets.files import Rights
from suites.security import _sops, _tree
from suites.security.test_secrets import KNOWN_BAD, KNOWN_GOOD, _too_loose

CONTENT = '{"password": "battery", "number": 5, "yes": true, "nothing": null, "deep": {"list": ["one", ""]}}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sops")


def encrypted(folder: Path, name: str, *options: str, content: str = CONTENT) -> str:
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    (folder / name).write_text(content)
    sops = str(Path(sys.executable).with_name("sops"))
    command = [sops, "encrypt", "--age", recipient, *options, str(folder / name)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", ["a.sops.json", "a.sops.yaml", "a.sops.bin"])
def test_a_file_as_sops_writes_it_is_clean(folder: Path, name: str) -> None:
    assert _sops.problems_of(encrypted(folder, name)) == []


def test_a_value_that_was_added_later_is_named_by_its_key_alone(folder: Path) -> None:
    document = json.loads(encrypted(folder, "b.sops.json"))
    document["deep"]["list"].append("correct-horse")

    assert _sops.problems_of(json.dumps(document)) == ["deep.list.2 is not encrypted"]


def test_what_sops_was_told_to_leave_in_the_clear_is_named(folder: Path) -> None:
    text = encrypted(folder, "c.sops.yaml", "--encrypted-regex", "^password$")

    assert {problem.split(" ")[0] for problem in _sops.problems_of(text)} == {"number", "yes", "deep.list.0"}


def test_comments_are_looked_at(folder: Path) -> None:
    text = encrypted(folder, "d.sops.yaml", content="# it was hunter2\npassword: battery\n")

    assert _sops.problems_of(text) == []
    assert _sops.problems_of("# it was hunter2\n" + text) == ["line 1: the comment is not encrypted"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("password: battery\n", "was never encrypted"),
        (KNOWN_GOOD.replace("age: [{recipient: age1}], ", ""), "names no recipient"),
        (KNOWN_GOOD.replace("mac:", "other:"), "message authentication code"),
        ("sops: {}\n", "holds no value"),
        ("- a\n", "no mapping"),
        ("a: [", "neither YAML nor JSON"),
        (KNOWN_BAD, "password is not encrypted"),
    ],
)
def test_each_way_to_be_no_encrypted_file_is_told_apart(text: str, words: str) -> None:
    assert words in "; ".join(_sops.problems_of(text))


@pytest.mark.parametrize(
    ("path", "is_one"),
    [("a/x.sops.yaml", True), ("x.sops.json", True), (".sops.yaml", False), ("a/.sops.yaml", False), ("x.yaml", False)],
)
def test_the_programs_configuration_is_no_encrypted_file(path: str, is_one: bool) -> None:
    assert _sops.is_sops_file(path) == is_one


@pytest.mark.parametrize(
    ("is_folder", "mode", "owner", "words"),
    [
        (False, 0o600, 7, ""),
        (False, 0o400, 7, ""),
        (True, 0o700, 7, ""),
        (False, 0o640, 7, "mode 0640, expected 0600 at most"),
        (False, 0o700, 7, "mode 0700"),
        (True, 0o750, 7, "mode 0750, expected 0700 at most"),
        (False, 0o600, 8, "owned by user 8, expected 7"),
    ],
)
def test_rights_are_as_tight_as_they_can_be(is_folder: bool, mode: int, owner: int, words: str) -> None:
    problems = _too_loose(Rights(Path("x"), is_folder, mode, owner), 7)

    assert words in "".join(problems)
    assert bool(problems) == bool(words)


@pytest.mark.parametrize("repository", [True, False])
def test_the_trees_files_are_what_git_would_commit(tmp_path: Path, repository: bool) -> None:
    for name in ("kept.py", "ignored/x.txt", "deep/kept.txt", "deep/a.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / ".gitignore").write_text("ignored/\n*.log\n")
    if repository:
        _tree.git(tmp_path, "init", "--quiet")
        _tree.git(tmp_path, "add", "--force", "deep/a.log")

    assert _tree.is_repository(tmp_path) == repository
    forced = ["deep/a.log"] if repository else []
    assert _tree.files_of(tmp_path) == [".gitignore", *forced, "deep/kept.txt", "kept.py"]
