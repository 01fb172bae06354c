"""Which Redis server is the primary, by what the Sentinels have written down: they do so before they tell anybody."""

import re
from dataclasses import dataclass
from pathlib import Path

from system.platforms.local.layout import Layout

NAME = "seatrial"  # what the Sentinels call the primary and its replicas
SERVERS = ("redis", "redis-replica")  # as shipped, the first one is the primary
SENTINELS = ("sentinel-1", "sentinel-2", "sentinel-3")

_EPOCHS = {
    "config": rf"^sentinel config-epoch {NAME} (\d+)$",
    "leader": rf"^sentinel leader-epoch {NAME} (\d+)$",
    "current": r"^sentinel current-epoch (\d+)$",
}


@dataclass(frozen=True)
class Memory:
    """What one Sentinel has written down.

    Attributes:
        address: where it last knew the primary.
        epochs: its counters of failovers; `config` is the number of the failover that made this primary.
    """

    address: str
    epochs: dict[str, int]

    @classmethod
    def read(cls, file: Path) -> "Memory | None":
        """Read a Sentinel's file; None where it has never run."""
        try:
            text = file.read_text()
        except FileNotFoundError:
            return None
        address = re.search(rf"^sentinel monitor {NAME} (\S+) ", text, re.MULTILINE)
        found = {name: re.search(line, text, re.MULTILINE) for name, line in _EPOCHS.items()}
        epochs = {name: int(match[1]) if match else 0 for name, match in found.items()}
        return cls(address[1], epochs) if address else None


def sentinel_file(layout: Layout, sentinel: str) -> Path:
    """Say where a Sentinel keeps its configuration, which it writes again whenever it learns something."""
    return layout.data / sentinel / "sentinel.conf"


def newest(layout: Layout) -> Memory:
    """Give what the Sentinel says that has seen the last failover; as shipped where none has run yet."""
    shipped = Memory(layout.addresses.endpoint(SERVERS[0]).address, dict.fromkeys(_EPOCHS, 0))
    known = [Memory.read(sentinel_file(layout, each)) for each in SENTINELS]
    return max((each for each in known if each), key=lambda each: each.epochs["config"], default=shipped)


def primary(layout: Layout) -> str:
    """Name the primary."""
    address = newest(layout).address
    return next(name for name in SERVERS if layout.addresses.endpoint(name).address == address)
