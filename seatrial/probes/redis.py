"""Redis and Valkey as a client meets them, and the Sentinels that say which server is the primary."""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection
from redis.retry import Retry

from seatrial.probes.text import describe, one_line
from seatrial.scope import Door, RedisPlace, RedisServer

TIMEOUT_S = 5.0
SENTINEL_TIMEOUT_S = 1.0


@dataclass(frozen=True)
class Node:
    """A replica or a Sentinel, with the TLS of its place."""

    host: str
    port: int
    tls: bool
    ca: Path | None
    address: str | None

    @classmethod
    def at(cls, door: Door, place: RedisPlace) -> "Node":
        """Make one of a door."""
        return cls(door.host, door.port, place.tls, place.ca, door.address)


@dataclass(frozen=True)
class Watched:
    """What one Sentinel says of the primary.

    Attributes:
        primary: "address:port".
        flags: "master" alone while it is well; s_down and o_down tell that it is gone, for this Sentinel and for enough.
        replicas: how many it knows.
        fit: how many of them it would make the primary: connected, and of a priority that is not 0.
        others: how many other Sentinels it knows.
        quorum: how many must agree that the primary is gone.
    """

    primary: str
    flags: frozenset[str]
    replicas: int
    fit: int
    others: int
    quorum: int


@dataclass(frozen=True)
class RedisAnswer:
    """One attempt to connect and PING; `error` is one line when no PONG came."""

    ok: bool
    error: str | None
    elapsed_s: float = 0.0


class _Addressed:
    """Connects to the override address while TLS still asks for the host's name, and to where `find` says if it is given."""

    address: str | None = None

    def __init__(
        self, *, address: str | None = None, find: Callable[[], RedisServer] | None = None, **arguments: Any
    ) -> None:
        self.address = address
        self.find = find
        super().__init__(**arguments)

    def _dial(self, timeout_s: float | None) -> socket.socket:
        if self.find is not None:
            found = self.find()
            self.host, self.port, self.address = found.host, found.port, found.address
        sock = socket.create_connection((self.address or self.host, self.port), timeout_s)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


class _Plain(_Addressed, Connection):
    def _connect(self) -> socket.socket:
        return self._dial(self.socket_connect_timeout)


class _Tls(_Addressed, SSLConnection):
    def _connect(self) -> socket.socket:
        sock = self._dial(self.socket_connect_timeout)
        try:
            wrapped: socket.socket = self._wrap_socket_with_ssl(sock)  # type: ignore[no-untyped-call]
        except BaseException:
            sock.close()
            raise
        return wrapped


def connect(
    place: RedisServer,
    user: str | None,
    password: str | None,
    *,
    tls: bool | None = None,
    decode: bool = True,
    retries: int = 1,
    timeout_s: float = TIMEOUT_S,
    find: Callable[[], RedisServer] | None = None,
) -> redis.Redis:
    """Return a lazily connecting client, RESP2; without user and password it sends no AUTH.

    `retries` covers a kept connection that the server has closed meanwhile. With `decode`, replies are text and bytes
    that are no UTF-8 become replacement characters. With `find`, each new connection asks it where to go.
    """
    arguments: dict[str, Any] = {
        "host": place.host,
        "port": place.port,
        "address": place.address,
        "find": find,
        "username": user,
        "password": password,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "decode_responses": decode,
        "encoding_errors": "replace" if decode else "strict",
        "protocol": 2,
        "driver_info": None,
        "retry": Retry(NoBackoff(), retries, supported_errors=(redis.ConnectionError,)),
    }
    if place.tls if tls is None else tls:
        kind: type[Connection] = _Tls
        arguments |= {"ssl_ca_certs": str(place.ca) if place.ca else None}
    else:
        kind = _Plain
    return redis.Redis.from_pool(redis.ConnectionPool(connection_class=kind, **arguments))


def follow(place: RedisPlace, user: str, password: str, *, decode: bool = True) -> redis.Redis:
    """Return a client each of whose new connections goes to the primary of the moment."""
    find = partial(primary, place, user, password) if place.sentinels else None
    return connect(place, user, password, decode=decode, find=find)


def primary(place: RedisPlace, user: str, password: str) -> RedisServer:
    """Return the primary that the first Sentinel names which answers; the declared one when none does.

    Raises redis.ConnectionError when it is none of the servers that the profile names.
    """
    for name, door in place.sentinels.items():
        try:
            seen = watched(place, door, user, password)
        except (redis.ConnectionError, redis.TimeoutError):
            continue
        servers: list[RedisServer] = [place, *(Node.at(each, place) for each in place.replicas.values())]
        for server in servers:
            if f"{server.address or server.host}:{server.port}" == seen.primary:
                return server
        raise redis.ConnectionError(f"{name} says that {seen.primary} is the primary, which the profile does not name")
    return place


def watched(place: RedisPlace, door: Door, user: str, password: str) -> Watched:
    """Ask a Sentinel what it says of the primary; raises redis.ConnectionError when it watches none, or several."""
    client = connect(Node.at(door, place), user, password, retries=0, timeout_s=SENTINEL_TIMEOUT_S)
    try:
        reply: Any = client.sentinel_masters()
        if len(reply) != 1:
            raise redis.ConnectionError(f"it watches {len(reply)} primaries, expected one: {', '.join(reply)}")
        ((name, seen),) = reply.items()
        replicas: Any = client.sentinel_slaves(name)
    finally:
        client.close()
    flags = seen["flags"].split(",") if isinstance(seen["flags"], str) else seen["flags"]
    return Watched(
        f"{seen['ip']}:{seen['port']}",
        frozenset(flags),
        int(seen["num-slaves"]),
        sum(int(each["slave-priority"]) > 0 and each["flags"] == "slave" for each in replicas),
        int(seen["num-other-sentinels"]),
        int(seen["quorum"]),
    )


def attempt(place: RedisServer, user: str | None, password: str | None, *, tls: bool | None = None) -> RedisAnswer:
    """Connect, authenticate if credentials are given, PING, close; a refusal is an answer with its error."""
    started = time.monotonic()
    client = connect(place, user, password, tls=tls, retries=0)
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        return RedisAnswer(False, explain(error), time.monotonic() - started)
    else:
        return RedisAnswer(True, None, time.monotonic() - started)
    finally:
        client.close()


def explain(error: BaseException) -> str:
    """Return the error on one line, in the server's words when it spoke."""
    if isinstance(error, redis.ResponseError | redis.AuthenticationError):
        return one_line(error)
    return describe(error)
