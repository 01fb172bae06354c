"""The ledger: what the product has acknowledged, kept by the client, and the audit of what became of it."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from seatrial.errors import require


@dataclass(frozen=True)
class Audit:
    """What became of the acknowledged writes.

    Attributes:
        acknowledged: how many writes the product said yes to.
        lost: acknowledged, and not there any more.
        recovered: not acknowledged (the answer was lost, or a time-out: nobody knows), and there all the same.
        unexpected: there, and never asked for.
        duplicated: there more than once.
        rpo_s: how long before the strike the oldest lost write was acknowledged; 0 when none was lost.
    """

    acknowledged: int
    lost: tuple[str, ...]
    recovered: tuple[str, ...]
    unexpected: tuple[str, ...]
    duplicated: tuple[str, ...]
    rpo_s: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, for the evidence."""
        return asdict(self)


@dataclass
class Ledger:
    """Writes by a name that the client makes unique: asked for first, acknowledged once the answer has come.

    Safe to share between threads. What was asked for and never acknowledged is unknown, not failed.
    """

    asked: list[str] = field(default_factory=list)
    _acknowledged: dict[str, float] = field(default_factory=dict)

    @property
    def acknowledged(self) -> list[str]:
        """The names of the writes that the product said yes to."""
        return list(self._acknowledged)

    def ask(self, name: str) -> str:
        """Note a write before it is sent, and return its name."""
        self.asked.append(name)
        return name

    def acknowledge(self, name: str) -> None:
        """Note that the product has said yes, and when."""
        self._acknowledged[name] = time.monotonic()

    def audit(self, found: Iterable[str], struck_s: float | None = None) -> Audit:
        """Compare with the names that the product shows now.

        Args:
            found: names with the check's marker, each as often as it is shown.
            struck_s: when the strike was, on the monotonic clock; what was lost is dated by it.
        """
        seen = Counter(found)
        lost = tuple(name for name in self._acknowledged if name not in seen)
        oldest_s = min((self._acknowledged[name] for name in lost), default=None)
        return Audit(
            acknowledged=len(self._acknowledged),
            lost=lost,
            recovered=tuple(name for name in self.asked if name in seen and name not in self._acknowledged),
            unexpected=tuple(name for name in seen if name not in self.asked),
            duplicated=tuple(name for name, count in seen.items() if count > 1),
            rpo_s=round(max(0.0, struck_s - oldest_s), 2) if struck_s is not None and oldest_s is not None else 0.0,
        )


def require_whole(audit: Audit, at_least: int) -> None:
    """Demand that enough writes were acknowledged to say anything, and that none was lost, doubled or made up."""
    require(
        audit.acknowledged >= at_least, f"at least {at_least} acknowledged writes to audit", f"{audit.acknowledged}"
    )
    require(not audit.lost, "no acknowledged write lost", f"lost: {', '.join(audit.lost)}")
    require(not audit.duplicated, "no write doubled", f"doubled: {', '.join(audit.duplicated)}")
    require(not audit.unexpected, "no write that nobody asked for", f"unexpected: {', '.join(audit.unexpected)}")
