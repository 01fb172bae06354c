"""Everything that a clone takes along: the files and messages of every commit that a branch or tag leads to."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from suites.security import _tree

_AT_ONCE = 500


def objects(tree: Path) -> Iterator[tuple[str, bytes]]:
    """Return every file and message of the repository's history, each once: where it is, and its bytes."""
    listed = os.fsdecode(_tree.git(tree, "rev-list", "--all", "--objects")).splitlines()
    places = {line[:40]: line[41:] for line in listed}
    waiting = iter(places)
    while ids := list(itertools.islice(waiting, _AT_ONCE)):
        data = _tree.git(tree, "cat-file", "--batch", given="\n".join(ids).encode() + b"\n")
        for name, kind, content in _objects(data):
            if kind != "tree":
                yield f"{kind} {name[:12]} {places[name]}".rstrip(), content


def lacking(tree: Path) -> str:
    """Say why the tree's history cannot be looked through; nothing where it can."""
    return "" if _tree.is_repository(tree) else "the tree is no git repository"


def is_shallow(tree: Path) -> bool:
    """Tell whether the clone lacks older commits, which `git fetch --unshallow` gets."""
    return _tree.git(tree, "rev-parse", "--is-shallow-repository").strip() == b"true"


def _objects(data: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Take the answer of `git cat-file --batch` apart: a line "name kind size", the content, a line feed."""
    start = 0
    while start < len(data):
        end = data.index(b"\n", start)
        name, kind, size = data[start:end].decode().split()
        yield name, kind, data[end + 1 : end + 1 + int(size)]
        start = end + 1 + int(size) + 1
