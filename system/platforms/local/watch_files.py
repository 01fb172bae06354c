"""The files of `system/monitoring` as this platform runs them: its addresses, and two seconds for each minute."""

import re
from collections.abc import Mapping, Sequence

from system.platforms.local.layout import PROJECT

FOLDER = PROJECT / "system/monitoring"
MINUTE_S = 2.0
_UNITS_MINUTES = {"s": 1 / 60, "m": 1.0, "h": 60.0, "d": 1440.0}
_DURATION = re.compile(
    r"(?<=: )(?P<value>\d+)(?P<unit>[smhd])$|(?<=\[)(?P<range>\d+)(?P<of>[smhd])(?=\])", re.MULTILINE
)


def rendered(name: str, filled: Mapping[str, object], edits: Sequence[Mapping[str, str]] = ()) -> str:
    """Give a file with its names between @ filled in, this platform's times, and the patches in force."""
    text = (FOLDER / name).read_text()
    for key, value in filled.items():
        text = text.replace(f"@{key}@", str(value))
    text = faster(text)
    for edit in edits:
        text = text.replace(edit["find"], edit["replace"], 1)
    return text


def faster(text: str) -> str:
    """Shorten every duration that is a value, or a range of a query."""

    def shorter(found: re.Match[str]) -> str:
        minutes = int(found["value"] or found["range"]) * _UNITS_MINUTES[found["unit"] or found["of"]]
        return f"{minutes * MINUTE_S * 1000:.0f}ms"

    return _DURATION.sub(shorter, text)
