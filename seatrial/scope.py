"""What a facet works in: the profile, the level, the credentials of that level, the meter, the undo log."""

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from seatrial.outcome import Footprint, Level


@dataclass(frozen=True)
class Credential:
    """A user and its password; the password is in no repr."""

    user: str
    password: str = field(repr=False)


class Meter:
    """Counts what a check costs the environment; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._footprint = Footprint()

    def add(
        self,
        *,
        requests: int = 0,
        connections: int = 0,
        bytes_sent: int = 0,
        bytes_received: int = 0,
        writes: int = 0,
    ) -> None:
        """Add to the counters."""
        with self._lock:
            seen = self._footprint
            self._footprint = Footprint(
                requests=seen.requests + requests,
                connections=seen.connections + connections,
                bytes_sent=seen.bytes_sent + bytes_sent,
                bytes_received=seen.bytes_received + bytes_received,
                writes=seen.writes + writes,
            )

    def footprint(self) -> Footprint:
        """Return the counts so far."""
        return self._footprint


class Door(Protocol):
    """Another server behind the same place, such as a standby or a Sentinel; `address` overrides what `host` resolves to."""

    @property
    def host(self) -> str: ...  # noqa: D102
    @property
    def port(self) -> int: ...  # noqa: D102
    @property
    def address(self) -> str | None: ...  # noqa: D102


class PostgresPlace(Protocol):
    """Where the profile says that the database answers; `standbys` are by the name under which each replicates."""

    @property
    def pooler(self) -> Door | None: ...  # noqa: D102

    @property
    def host(self) -> str: ...  # noqa: D102
    @property
    def port(self) -> int: ...  # noqa: D102
    @property
    def database(self) -> str: ...  # noqa: D102
    @property
    def ca(self) -> Path: ...  # noqa: D102
    @property
    def address(self) -> str | None: ...  # noqa: D102
    @property
    def standbys(self) -> Mapping[str, Door]: ...  # noqa: D102


class RedisServer(Door, Protocol):
    """One server of Redis, or a Sentinel, to connect to."""

    @property
    def tls(self) -> bool: ...  # noqa: D102
    @property
    def ca(self) -> Path | None: ...  # noqa: D102


class RedisPlace(RedisServer, Protocol):
    """Where the profile says that Redis answers; replicas and sentinels are by name."""

    @property
    def replicas(self) -> Mapping[str, Door]: ...  # noqa: D102
    @property
    def sentinels(self) -> Mapping[str, Door]: ...  # noqa: D102


class S3Place(Protocol):
    """Where the profile says that the object store answers; `buckets` maps a role to a bucket's name."""

    @property
    def endpoint(self) -> str: ...  # noqa: D102
    @property
    def region(self) -> str: ...  # noqa: D102
    @property
    def buckets(self) -> Mapping[str, str]: ...  # noqa: D102


class Identified(Protocol):
    """Something that the cloud knows by an id."""

    @property
    def id(self) -> str: ...  # noqa: D102


class CloudPlace(Protocol):
    """The cloud's API, and the ids of what this environment has there."""

    @property
    def endpoint(self) -> str: ...  # noqa: D102
    @property
    def ca(self) -> Path | None: ...  # noqa: D102
    @property
    def app(self) -> str | None: ...  # noqa: D102
    @property
    def vpc(self) -> Identified: ...  # noqa: D102
    @property
    def databases(self) -> Mapping[str, Identified]: ...  # noqa: D102
    @property
    def firewalls(self) -> Mapping[str, Identified]: ...  # noqa: D102


class ExternalPlace(Protocol):
    """An external service that the environment has a key of."""

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def credential(self) -> str: ...  # noqa: D102
    @property
    def endpoint(self) -> str: ...  # noqa: D102
    @property
    def ca(self) -> Path | None: ...  # noqa: D102


class DnsPlace(Protocol):
    """Where the profile says that names are to be asked for."""

    @property
    def server_place(self) -> tuple[str, int] | None: ...  # noqa: D102


class Places(Protocol):
    """What facets read of a profile."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def urls(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def resolve(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def ca(self) -> Path | None: ...  # noqa: D102
    @property
    def postgres(self) -> PostgresPlace | None: ...  # noqa: D102
    @property
    def redis(self) -> RedisPlace | None: ...  # noqa: D102
    @property
    def s3(self) -> S3Place | None: ...  # noqa: D102
    @property
    def cloud(self) -> CloudPlace | None: ...  # noqa: D102
    @property
    def external(self) -> Mapping[str, ExternalPlace]: ...  # noqa: D102
    @property
    def dns(self) -> DnsPlace | None: ...  # noqa: D102
    @property
    def platform_socket(self) -> Path | None: ...  # noqa: D102
    @property
    def platform_command(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def state(self) -> Path | None: ...  # noqa: D102
    @property
    def tree(self) -> Path: ...  # noqa: D102
    @property
    def secret_files(self) -> tuple[Path, ...]: ...  # noqa: D102


@dataclass(frozen=True)
class Scope:
    """What one handle gives to its facets.

    Attributes:
        profile: the environment's description.
        level: the handle's level.
        credentials: component ("postgres", "redis", "s3") -> the level's credential; raises HarnessError without one.
        meter: counts the handle's footprint.
        undo: appends an inverse (name, JSON arguments) to the undo log, durably; called before a strike acts.
        clients: opened clients of this process, by a key of the facet that opened them.
        secret: reference -> value.
        held: gives reference -> value of every password and key that this process may read.
    """

    profile: Places
    level: Level
    credentials: Callable[[str], Credential]
    meter: Meter
    undo: Callable[[str, dict[str, Any]], None]
    clients: dict[Any, Any]
    secret: Callable[[str], str]
    held: Callable[[], Mapping[str, str]] = dict


def close_clients(clients: dict[Any, Any]) -> None:
    """Close every cached client and empty the cache; a client that is already broken counts as closed."""
    while clients:
        _, client = clients.popitem()
        with contextlib.suppress(Exception):
            client.close()
