"""Every fault that edits a file finds its place in the tree as it is: a text that moved is told here, not in a long proof."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from faults._tree import PatchedTree
from seatrial.registry import Fault, load_faults

FAULTS = load_faults(Path("faults"))


PATCHES = [pytest.param(fault, id=fault.id) for fault in FAULTS.values() if hasattr(fault.strike, "patch")]
TREES = [pytest.param(fault, id=fault.id) for fault in FAULTS.values() if isinstance(fault.strike, PatchedTree)]


def patched(edits: Any) -> dict[str, str]:
    """Apply edits one after the other; gives the files that were touched."""
    files: dict[str, str] = {}
    for edit in edits:
        file = Path(edit["file"])
        if not edit["find"]:
            assert not file.exists(), f"{file} is there, and an edit without `find` makes a new file"
            files[edit["file"]] = edit["replace"]
            continue
        text = files.get(edit["file"]) or file.read_text()
        count = text.count(edit["find"])
        assert count == 1, f"the text to find occurs {count} times in {file}: {edit['find']!r}"
        files[edit["file"]] = text.replace(edit["find"], edit["replace"])
    return files


@pytest.mark.parametrize("fault", PATCHES)
def test_a_patched_release_is_one_that_python_can_read(fault: Fault) -> None:
    files = patched(fault.strike.patch)  # type: ignore[attr-defined]
    for name, text in files.items():
        if name.endswith(".py"):
            compile(text, name, "exec")


@pytest.mark.parametrize("fault", TREES)
def test_a_patched_tree_is_one_in_which_the_fault_is_in_effect(fault: Fault, tmp_path: Path) -> None:
    files = patched(fault.strike.edits)  # type: ignore[attr-defined]
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if Path(name).exists():
            (tmp_path / name).write_text(Path(name).read_text())
    untouched = SimpleNamespace(rows=lambda *_: [])  # a database that has nothing of what the edits make
    reader: Any = SimpleNamespace(tree=tmp_path, pg=untouched)

    before = fault.strike.in_effect(reader)
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    assert (before, fault.strike.in_effect(reader)) == (False, True)
