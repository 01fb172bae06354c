"""Files among the evidence, pictures and logs: they lie beside the reports, and the verdict names them."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

OUT = Path("reports/out")
LOGS = "logs"
"""The name under which a check that was not green has what the parts of the platform have logged."""
_FOLDER = "evidence"
_KINDS = {"picture": ".png", "log": ".log"}


def keep(kind: str, content: bytes, environment: str, out: Path = OUT) -> dict[str, str]:
    """Write a file of an environment below the folder of reports and return what stands for it among the evidence.

    Args:
        kind: "picture" (PNG) or "log" (UTF-8).
        content: without secrets: nothing is redacted here.
    """
    name = f"{_FOLDER}/{environment}/{hashlib.sha256(content).hexdigest()[:16]}{_KINDS[kind]}"
    target = out / name
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(".partial")
    draft.write_bytes(content)
    draft.replace(target)
    return {kind: name}


def named(evidence: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give name and file of each file among the evidence."""
    for name, value in evidence.items():
        if isinstance(value, Mapping) and len(value) == 1 and value.keys() <= _KINDS.keys():
            yield name, str(*value.values())


def forget_others(out: Path, environment: str, kept: Iterable[str]) -> None:
    """Remove the files of an environment's earlier runs, which no report names any more."""
    wanted = {out / name for name in kept}
    for path in (out / _FOLDER / environment).glob("*"):
        if path.suffix in _KINDS.values() and path not in wanted:
            path.unlink()
