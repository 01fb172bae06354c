"""Read what the edge needs from its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from system.common.config import (
    KeyRing,
    Reader,
    ServiceSettings,
    StorageSettings,
    read_service,
    read_storage,
)
from system.common.live import Live

__all__ = ["EdgeSettings", "read_settings"]


@dataclass(frozen=True)
class EdgeSettings:
    """Hold the edge's configuration; a link's lifetime and the clock skew that is forgiven are in seconds."""

    service: ServiceSettings
    storage: StorageSettings
    keys: Live[KeyRing]
    max_lifetime_s: int
    skew_s: int
    cache_dir: Path
    cache_max_bytes: int


def read_settings(environ: Mapping[str, str]) -> EdgeSettings:
    """Read every variable, then raise ConfigError once for all that are wrong."""
    reader = Reader(environ)
    settings = EdgeSettings(
        service=read_service(reader, "edge"),
        storage=read_storage(reader, buckets=("previews",)),
        keys=reader.keys("LINK_KEYS"),
        max_lifetime_s=reader.integer("LINK_MAX_LIFETIME_S", 3600, at_least=1),
        skew_s=reader.integer("LINK_SKEW_S", 5, at_most=300),
        cache_dir=Path(reader.text("CACHE_DIR")),
        cache_max_bytes=reader.integer("CACHE_MAX_BYTES", at_least=1),
    )
    reader.finish()
    return settings
