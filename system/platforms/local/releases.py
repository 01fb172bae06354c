"""Releases: immutable copies of the system's source, named by their content."""

import compileall
import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from system.platforms.local.errors import BadRequest
from system.platforms.local.layout import PROJECT

SOURCE = PROJECT / "system"
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", "platforms")


@dataclass(frozen=True)
class Edit:
    """One literal replacement in a copy of the source.

    Attributes:
        file: path from the project's root, below system/.
        find: text that must occur exactly once.
        replace: what to put there.
    """

    file: str
    find: str
    replace: str


class Releases:
    """The releases below one directory.

    Args:
        directory: exists.
        source: the tree to copy.
    """

    def __init__(self, directory: Path, source: Path = SOURCE) -> None:
        self._directory = directory
        self._source = source

    def path(self, release: str) -> Path:
        """Give a release's directory, the working directory of its services; raises BadRequest when there is none."""
        path = self._directory / release
        if not release.isalnum() or not path.is_dir():
            raise BadRequest(f"there is no release {release!r}", 404)
        return path

    def build(self, edits: Sequence[Edit] = ()) -> str:
        """Copy the source, apply the edits, compile, and give the release's id.

        The id is the first 12 digits of the tree's sha256; the same tree is the same release, and is built once.
        Raises BadRequest for an edit that does not fit exactly once.
        """
        building = Path(tempfile.mkdtemp(prefix=".building-", dir=self._directory))
        try:
            shutil.copytree(self._source, building / "system", ignore=_IGNORED)
            for edit in edits:
                _apply(building, edit)
            release = _digest(building)
            target = self._directory / release
            if not target.exists():
                compileall.compile_dir(building / "system", quiet=2, force=True, stripdir=str(building))
                building.chmod(0o755)
                building.rename(target)
        finally:
            shutil.rmtree(building, ignore_errors=True)
        return release


def _apply(building: Path, edit: Edit) -> None:
    path = (building / edit.file).resolve()
    if not path.is_relative_to((building / "system").resolve()) or not path.is_file():
        raise BadRequest(f"patch: no file {edit.file!r} below system/")
    text = path.read_text()
    count = text.count(edit.find)
    if count != 1:
        raise BadRequest(
            f"patch: the text to find occurs {count} times in {edit.file}, expected once: {edit.find[:60]!r}"
        )
    path.write_text(text.replace(edit.find, edit.replace))


def _digest(tree: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(path for path in tree.rglob("*") if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(tree)}\0{content}\n".encode())
    return total.hexdigest()[:12]
