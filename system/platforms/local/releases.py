"""Releases: immutable copies of the system's source with the services' configuration, named by their content."""

import compileall
import hashlib
import importlib.util
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from system.platforms.local.errors import BadRequest
from system.platforms.local.layout import PROJECT

SOURCE = PROJECT / "system"
_FILE = "release.json"
Configuration = Mapping[str, Mapping[str, str]]
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", "platforms")


@dataclass(frozen=True)
class Edit:
    """One literal replacement in a copy of the source.

    Attributes:
        file: path from the project's root, below system/.
        find: text that must occur exactly once; empty for a file that is not there yet.
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

    def configuration(self, release: str) -> dict[str, dict[str, str]]:
        """Give the variables of each service's instances, by service."""
        return dict(self._read(release)["configuration"])

    def edits(self, release: str) -> list[Edit]:
        """Give what the release's source was patched with."""
        return [Edit(**each) for each in self._read(release)["edits"]]

    def build(self, edits: Sequence[Edit] = (), configuration: Configuration | None = None) -> str:
        """Copy the source, apply the edits, compile, add the configuration, and give the release's id.

        The id is the first 12 digits of the sha256 of all that; the same content is the same release, and is built once.
        Raises BadRequest for an edit that does not fit exactly once.
        """
        building = Path(tempfile.mkdtemp(prefix=".building-", dir=self._directory))
        try:
            shutil.copytree(self._source, building / "system", ignore=_IGNORED)
            for edit in edits:
                _apply(building, edit)
            made_of = {"edits": [asdict(edit) for edit in edits], "configuration": configuration or {}}
            (building / _FILE).write_text(json.dumps(made_of, indent=1, sort_keys=True))
            release = _digest(building)
            target = self._directory / release
            if not target.exists():
                self._take_over_bytecode(building)
                compileall.compile_dir(building / "system", quiet=2, stripdir=str(building))
                building.chmod(0o755)
                building.rename(target)
        finally:
            shutil.rmtree(building, ignore_errors=True)
        return release

    def _take_over_bytecode(self, building: Path) -> None:
        """Copy what the newest release has compiled of the same text; what differs by its time alone is compiled anew."""
        newest = max(self._directory.glob("[!.]*"), key=lambda path: path.stat().st_mtime, default=building)
        for source in building.rglob("*.py"):
            old = newest / source.relative_to(building)
            compiled = Path(importlib.util.cache_from_source(str(old)))
            if compiled.is_file() and old.read_bytes() == source.read_bytes():
                target = Path(importlib.util.cache_from_source(str(source)))
                target.parent.mkdir(exist_ok=True)
                shutil.copy2(compiled, target)

    def _read(self, release: str) -> dict[str, Any]:
        return dict(json.loads((self.path(release) / _FILE).read_text()))


def _apply(building: Path, edit: Edit) -> None:
    path = (building / edit.file).resolve()
    if not edit.find and path.is_relative_to((building / "system").resolve()) and not path.exists():
        path.write_text(edit.replace)
        return
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
