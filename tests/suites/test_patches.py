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
