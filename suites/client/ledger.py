"""The ledger: what the product has acknowledged, kept by the client, and the audit of what became of it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from seatrial import require
from suites.client.answers import Asset


@dataclass(frozen=True)
class Audit:
    """What became of the acknowledged writes.

    Attributes:
        acknowledged: how many writes the product said yes to.
        lost: acknowledged, and not there any more.
        recovered: not acknowledged (the answer was lost), and there all the same.
        unexpected: there, and never asked for.
        duplicated: there more than once.
    """

    acknowledged: int
    lost: tuple[str, ...]
    recovered: tuple[str, ...]
    unexpected: tuple[str, ...]
    duplicated: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, for the evidence."""
        return asdict(self)


@dataclass
class Ledger:
    """Writes by their title, which a client makes unique: `asked` first, `acknowledged` once the answer has come."""

    asked: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)

    def ask(self, title: str) -> str:
        """Note a write before it is sent, and return its title."""
        self.asked.append(title)
        return title

    def acknowledge(self, title: str) -> None:
        """Note that the product has said yes."""
        self.acknowledged.append(title)

    def audit(self, found: Iterable[Asset]) -> Audit:
        """Compare with the assets that the product shows now; pass only those that carry the check's marker."""
        seen = Counter(asset.title for asset in found)
        return Audit(
            acknowledged=len(self.acknowledged),
            lost=tuple(title for title in self.acknowledged if title not in seen),
            recovered=tuple(title for title in self.asked if title in seen and title not in self.acknowledged),
            unexpected=tuple(title for title in seen if title not in self.asked),
            duplicated=tuple(title for title, count in seen.items() if count > 1),
        )


def require_whole(audit: Audit, at_least: int) -> None:
    """Demand that enough writes were acknowledged to say anything, and that none was lost, doubled or made up."""
    require(
        audit.acknowledged >= at_least, f"at least {at_least} acknowledged writes to audit", f"{audit.acknowledged}"
    )
    require(not audit.lost, "no acknowledged write lost", f"lost: {', '.join(audit.lost)}")
    require(not audit.duplicated, "no write doubled", f"doubled: {', '.join(audit.duplicated)}")
    require(not audit.unexpected, "no write that nobody asked for", f"unexpected: {', '.join(audit.unexpected)}")
