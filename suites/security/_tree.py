"""The files of the profile's tree: what a repository holds, or would hold."""

import os
import subprocess
from pathlib import Path

import pathspec

from seatrial import Invalid

GIT_TIMEOUT_S = 60


def is_repository(tree: Path) -> bool:
    """Tell whether the tree is the root of a git repository (or of a work tree of one)."""
    return (tree / ".git").exists()


def git(tree: Path, *arguments: str, given: bytes | None = None) -> bytes:
    """Run git in the tree; raises Invalid when it cannot be run or fails."""
    command = ["git", "-C", str(tree), *arguments]
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=GIT_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Invalid(f"git {arguments[0]} could not be run: {error}") from None
    if done.returncode:
        raise Invalid(f"git {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()[:300]}")
    return done.stdout


def files_of(tree: Path) -> list[str]:
    """List the files that are committed, or would be by `git add`; without git, all that .gitignore does not leave out."""
    if is_repository(tree):
        listed = git(tree, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        return sorted({name for name in os.fsdecode(listed).split("\0") if name and (tree / name).is_file()})
    ignore = tree / ".gitignore"
    lines = ignore.read_text().splitlines() if ignore.is_file() else []
    ignored = pathspec.PathSpec.from_lines("gitignore", [".git/", *lines])
    found = []
    for folder, folders, names in os.walk(tree):
        inside = Path(folder).relative_to(tree)
        folders[:] = [name for name in folders if not ignored.match_file((inside / name).as_posix() + "/")]
        found += [path for name in names if not ignored.match_file(path := (inside / name).as_posix())]
    return sorted(name for name in found if (tree / name).is_file())
