"""The source tree that the profile names, for checks that read files; a fault sees to it that they read a patched copy."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from seatrial.errors import HarnessError, Invalid
from seatrial.inverses import inverse
from seatrial.platform_answers import Patch
from seatrial.scope import Scope

# What tools write beside the source: no check reads it, and it is most of a tree's bytes.
_GENERATED = (".git", ".venv", ".cache", ".state", ".*_cache", ".hypothesis", "node_modules", "__pycache__")
_GIT_TIMEOUT_S = 60


def tree_of(scope: Scope) -> Path:
    """Return the tree that checks read: the patched copy while there is one, else the one that the profile names."""
    state = scope.profile.state
    copy = state / "tree" if state else None
    return copy if copy and copy.is_dir() else scope.profile.tree


class DestroyTree:
    """Makes checks read a copy of the tree with edits; the tree itself is never written."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def patch(self, edits: Sequence[Patch]) -> None:
        """Let checks read a copy with these edits; the inverse removes the copy.

        An edit's `find` must occur exactly once; an empty one makes a new file. Raises HarnessError for an edit that
        does not fit, and where a patched copy is in force already.
        """
        making, copy = self._copy()
        for edit in edits:
            _apply(making, edit)
        making.rename(copy)

    def remember(self, edits: Sequence[Patch]) -> None:
        """Let checks read a copy that is a git repository: its first commit has these edits, its last one has not.

        The inverse removes the copy. Edits as for `patch`.
        """
        making, copy = self._copy()
        _git(making, "init", "--quiet")
        _commit(making, "as it is")
        for edit in edits:
            _apply(making, edit)
        _commit(making, "with the edits")
        _git(making, "revert", "--no-edit", "HEAD")
        making.rename(copy)

    def _copy(self) -> tuple[Path, Path]:
        """Return a copy that no check reads yet, and the place from which they will."""
        state, source = self._scope.profile.state, self._scope.profile.tree
        if state is None:
            raise Invalid("the profile names no [platform], so there is no state folder for a patched copy")
        copy, making = state / "tree", state / "tree.making"
        if copy.exists():
            raise HarnessError("a patched copy of the tree is in force already: give all edits at once")
        self._scope.undo("tree.drop_copy", {})
        self._scope.meter.add(writes=1)
        shutil.rmtree(making, ignore_errors=True)
        generated = shutil.ignore_patterns(*_GENERATED)

        def left_out(folder: str, names: list[str]) -> set[str]:
            return {*generated(folder, names), *(name for name in names if Path(folder, name) == state)}

        shutil.copytree(source, making, symlinks=True, ignore=left_out)
        return making, copy


def _commit(tree: Path, message: str) -> None:
    _git(tree, "add", "--all")
    _git(tree, "commit", "--quiet", "--allow-empty", f"--message={message}")


def _git(tree: Path, *arguments: str) -> None:
    who = ("-c", "user.name=seatrial", "-c", "user.email=seatrial@localhost", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(tree), *who, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HarnessError(f"git {arguments[0]}: {error}") from None
    if done.returncode:
        raise HarnessError(f"git {arguments[0]}: {(done.stderr or done.stdout).strip()[:300]}")


def _apply(root: Path, edit: Patch) -> None:
    path = (root / edit["file"]).resolve()
    if not path.is_relative_to(root.resolve()):
        raise HarnessError(f"{edit['file']} is outside of the tree")
    if not edit["find"]:
        if path.exists():
            raise HarnessError(f"{edit['file']} exists: an edit without `find` makes a new file")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(edit["replace"])
        return
    text = path.read_text() if path.is_file() else ""
    if (count := text.count(edit["find"])) != 1:
        raise HarnessError(f"the text to find occurs {count} times in {edit['file']}, expected once: {edit['find']!r}")
    path.write_text(text.replace(edit["find"], edit["replace"]))


@inverse("tree.drop_copy")
def _drop_copy(scope: Scope) -> None:
    state = scope.profile.state
    for folder in (state / "tree", state / "tree.making") if state else ():
        if folder.exists():
            shutil.rmtree(folder)
