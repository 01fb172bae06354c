"""Pictures among the evidence: files beside the reports, which the verdict names."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

OUT = Path("reports/out")
_FOLDER = "evidence"
_KEY = "picture"


def keep(png: bytes, environment: str, out: Path = OUT) -> dict[str, str]:
    """Write a picture of an environment below the folder of reports and return what stands for it among the evidence."""
    name = f"{_FOLDER}/{environment}/{hashlib.sha256(png).hexdigest()[:16]}.png"
    target = out / name
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(".partial")
    draft.write_bytes(png)
    draft.replace(target)
    return {_KEY: name}


def named(evidence: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give name and file of each picture among the evidence."""
    for name, value in evidence.items():
        if isinstance(value, Mapping) and value.keys() == {_KEY}:
            yield name, str(value[_KEY])


def forget_others(out: Path, environment: str, kept: Iterable[str]) -> None:
    """Remove the pictures of an environment's earlier runs, which no report names any more."""
    wanted = {out / name for name in kept}
    for path in (out / _FOLDER / environment).glob("*.png"):
        if path not in wanted:
            path.unlink()
