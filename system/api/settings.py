"""Read the API's configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from system.api.limits import Limit, parse_limit
from system.common.client import PRIVATE_NETWORKS, Networks, parse_networks
from system.common.config import (
    DatabaseSettings,
    KeyRing,
    Reader,
    RedisSettings,
    ServiceSettings,
    StorageSettings,
    read_database,
    read_redis,
    read_service,
    read_storage,
)
from system.common.live import Live

__all__ = ["ApiSettings", "read_account_settings", "read_settings"]


_NONE = Limit(1, 1)  # a limit that cannot be read is reported, and the settings are not used


@dataclass(frozen=True)
class ApiSettings:
    """Hold what the API needs to know."""

    service: ServiceSettings
    database: DatabaseSettings
    redis: RedisSettings
    storage: StorageSettings
    jwt_keys: Live[KeyRing] = field(repr=False)
    link_keys: Live[KeyRing] = field(repr=False)
    api_origin: str
    play_origin: str
    master_retention_s: int
    link_lifetime_s: int
    link_max_lifetime_s: int
    database_pool_size: int
    trusted_proxies: Networks
    client_limit: Limit
    account_limit: Limit
    unlimited_networks: Networks


def read_settings(environ: Mapping[str, str]) -> ApiSettings:
    """Read everything; raises ConfigError naming every mistake."""
    reader = Reader(environ)
    settings = ApiSettings(
        service=read_service(reader, "api"),
        database=read_database(reader),
        redis=read_redis(reader),
        storage=read_storage(reader, buckets=("staging", "masters", "previews"), presigns=True),
        jwt_keys=reader.keys("JWT_KEY"),
        link_keys=reader.keys("LINK_KEYS"),
        api_origin=reader.origin("API_ORIGIN"),
        play_origin=reader.origin("PLAY_ORIGIN"),
        master_retention_s=reader.integer("MASTER_RETENTION_S", at_least=1),
        link_lifetime_s=reader.integer("LINK_LIFETIME_S", 300, at_least=1),
        link_max_lifetime_s=reader.integer("LINK_MAX_LIFETIME_S", 3600, at_least=1, at_most=86_400),
        database_pool_size=reader.integer("DATABASE_POOL_SIZE", 9, at_least=2, at_most=100),
        trusted_proxies=reader.parsed("TRUSTED_PROXIES", parse_networks, default=PRIVATE_NETWORKS) or (),
        client_limit=reader.parsed("CLIENT_LIMIT", parse_limit, default="50/s, 300 at once") or _NONE,
        account_limit=reader.parsed("ACCOUNT_LIMIT", parse_limit, default="20/s, 120 at once") or _NONE,
        unlimited_networks=reader.parsed("UNLIMITED_NETWORKS", parse_networks, default="") or (),
    )
    reader.finish()
    return settings


def read_account_settings(environ: Mapping[str, str]) -> DatabaseSettings:
    """Read what the `account` command needs."""
    reader = Reader(environ)
    database = read_database(reader)
    reader.finish()
    return database
