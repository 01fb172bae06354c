"""Read what the worker needs from its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from system.common.config import (
    DatabaseSettings,
    Reader,
    RedisSettings,
    ServiceSettings,
    StorageSettings,
    read_database,
    read_redis,
    read_service,
    read_storage,
)

__all__ = ["WorkerSettings", "read_settings"]


@dataclass(frozen=True)
class WorkerSettings:
    """Hold the worker's configuration; an empty `ffmpeg` means the one from the wheel."""

    service: ServiceSettings
    database: DatabaseSettings
    database_pool_size: int
    redis: RedisSettings
    storage: StorageSettings
    lease_s: int
    attempts: int
    ffmpeg: str
    encoder: str


def read_settings(environ: Mapping[str, str]) -> WorkerSettings:
    """Read every variable, then raise ConfigError once for all that are wrong."""
    reader = Reader(environ)
    settings = WorkerSettings(
        service=read_service(reader, "worker"),
        database=read_database(reader),
        database_pool_size=reader.integer("DATABASE_POOL_SIZE", 4, at_least=1, at_most=100),
        redis=read_redis(reader),
        storage=read_storage(reader, buckets=("staging", "previews")),
        lease_s=reader.integer("JOB_LEASE_S", 30, at_least=1, at_most=3600),
        attempts=reader.integer("JOB_ATTEMPTS", 3, at_least=1, at_most=100),
        ffmpeg=reader.text("FFMPEG", ""),
        encoder=reader.choice("ENCODER", ("auto", "nvenc", "x264"), "auto"),
    )
    reader.finish()
    return settings
