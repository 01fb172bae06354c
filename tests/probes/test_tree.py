"""The patched copy of the source tree."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial.errors import HarnessError
from seatrial.facets.tree import DestroyTree, tree_of
from seatrial.inverses import invert
from seatrial.outcome import Level
from seatrial.scope import Scope

EDIT = {"file": "a/b.txt", "find": "old", "replace": "new"}
Logged = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def logged() -> Logged:
    return []


@pytest.fixture
def struck(tmp_path: Path, scope: Callable[..., Scope], logged: Logged) -> Scope:
    for name in ("a/b.txt", ".git/config", ".state/here/undo.jsonl", "x/here/kept.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("old")
    state = tmp_path / ".state" / "here"
    return scope(Level.DESTROY, undo=lambda do, args: logged.append((do, args)), tree=tmp_path, state=state)


def test_checks_read_the_copy_and_the_tree_stays(struck: Scope, logged: Logged, tmp_path: Path) -> None:
    assert tree_of(struck) == tmp_path

    DestroyTree(struck).patch([EDIT, {"file": "new/c.txt", "find": "", "replace": "made"}])  # type: ignore[list-item]

    copy = tree_of(struck)
    assert copy != tmp_path
    assert ((copy / "a/b.txt").read_text(), (copy / "new/c.txt").read_text()) == ("new", "made")
    assert (tmp_path / "a/b.txt").read_text() == "old"
    assert sorted(each.name for each in copy.iterdir()) == ["a", "new", "x"]
    assert (copy / "x/here/kept.txt").is_file()
    for _ in range(2):
        invert(*logged[0], struck)
    assert tree_of(struck) == tmp_path


@pytest.mark.parametrize(
    "edit",
    [
        {**EDIT, "find": "absent"},
        {**EDIT, "file": "../outside.txt", "find": ""},
        {**EDIT, "find": ""},
        {**EDIT, "file": "nowhere.txt"},
    ],
)
def test_an_edit_that_does_not_fit_leaves_no_copy_in_force(
    struck: Scope, logged: Logged, tmp_path: Path, edit: dict[str, str]
) -> None:
    with pytest.raises(HarnessError):
        DestroyTree(struck).patch([edit])  # type: ignore[list-item]

    assert tree_of(struck) == tmp_path
    invert(*logged[0], struck)
    assert not (tmp_path / ".state/here/tree.making").exists()


def test_a_second_copy_is_refused(struck: Scope) -> None:
    DestroyTree(struck).patch([EDIT])  # type: ignore[list-item]

    with pytest.raises(HarnessError, match="already"):
        DestroyTree(struck).patch([EDIT])  # type: ignore[list-item]


def test_what_was_edited_is_in_the_history_alone(struck: Scope, logged: Logged, tmp_path: Path) -> None:
    DestroyTree(struck).remember([EDIT])  # type: ignore[list-item]

    copy = tree_of(struck)
    assert (copy / "a/b.txt").read_text() == "old"
    command = ["git", "-C", str(copy), "log", "--all", "--patch", "--format="]
    assert "+new" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    invert(*logged[0], struck)
    assert tree_of(struck) == tmp_path
