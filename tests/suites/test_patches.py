"""Every code fault still fits the source that it breaks."""

from pathlib import Path

from seatrial.platform import Patch
from seatrial.registry import load_faults

ROOT = Path(__file__).resolve().parents[2]


def text(edit: Patch) -> str:
    """Give what a patch changes; one that finds nothing makes a file."""
    return (ROOT / edit["file"]).read_text() if edit["find"] else ""


def test_every_patch_finds_its_text_exactly_once() -> None:
    misfits = []
    for fault in load_faults(ROOT / "faults").values():
        if not fault.file.is_relative_to(ROOT / "faults"):
            continue
        for edit in getattr(fault.strike, "patch", ()):
            count = text(edit).count(edit["find"]) if edit["find"] else int(not (ROOT / edit["file"]).exists())
            if count != 1:
                misfits.append(f"{fault.id}: {edit['find'][:60]!r} stands {count} times in {edit['file']}")

    assert not misfits, "\n".join(misfits)


def test_every_patched_file_still_compiles() -> None:
    broken = []
    for fault in load_faults(ROOT / "faults").values():
        texts: dict[str, str] = {}
        for edit in getattr(fault.strike, "patch", ()):
            before = texts.get(edit["file"]) or text(edit)
            texts[edit["file"]] = before.replace(edit["find"], edit["replace"])
        for name, patched in texts.items():
            if not name.endswith(".py"):
                continue
            try:
                compile(patched, name, "exec")
            except SyntaxError as error:
                broken.append(f"{fault.id}: {name}: {error}")

    assert not broken, "\n".join(broken)
