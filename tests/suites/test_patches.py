"""Every code fault still fits the source that it breaks."""

from pathlib import Path

from seatrial.registry import load_faults

ROOT = Path(__file__).resolve().parents[2]


def test_every_patch_finds_its_text_exactly_once() -> None:
    misfits = []
    for fault in load_faults(ROOT / "faults").values():
        if not fault.file.is_relative_to(ROOT / "faults"):
            continue
        for edit in getattr(fault.strike, "patch", ()):
            count = (ROOT / edit["file"]).read_text().count(edit["find"])
            if count != 1:
                misfits.append(f"{fault.id}: {edit['find'][:60]!r} stands {count} times in {edit['file']}")

    assert not misfits, "\n".join(misfits)


def test_every_patched_file_still_compiles() -> None:
    broken = []
    for fault in load_faults(ROOT / "faults").values():
        texts: dict[str, str] = {}
        for edit in getattr(fault.strike, "patch", ()):
            text = texts.get(edit["file"]) or (ROOT / edit["file"]).read_text()
            texts[edit["file"]] = text.replace(edit["find"], edit["replace"])
        for name, text in texts.items():
            if not name.endswith(".py"):
                continue
            try:
                compile(text, name, "exec")
            except SyntaxError as error:
                broken.append(f"{fault.id}: {name}: {error}")

    assert not broken, "\n".join(broken)
