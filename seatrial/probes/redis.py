"""Redis and Valkey as a client meets them."""

import socket
import time
from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection
from redis.retry import Retry

from seatrial.probes.text import describe, one_line
from seatrial.scope import RedisPlace

TIMEOUT_S = 5.0


@dataclass(frozen=True)
class RedisAnswer:
    """One attempt to connect and PING; `error` is one line when no PONG came."""

    ok: bool
    error: str | None
    elapsed_s: float = 0.0


class _Addressed:
    """Connects to the override address while TLS still asks for the host's name."""

    address: str | None = None

    def __init__(self, *, address: str | None = None, **arguments: Any) -> None:
        self.address = address
        super().__init__(**arguments)

    def _dial(self, host: str, port: int, timeout_s: float) -> socket.socket:
        sock = socket.create_connection((self.address or host, port), timeout_s)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


class _Plain(_Addressed, Connection):
    def _connect(self) -> socket.socket:
        return self._dial(self.host, self.port, TIMEOUT_S)


class _Tls(_Addressed, SSLConnection):
    def _connect(self) -> socket.socket:
        sock = self._dial(self.host, self.port, TIMEOUT_S)
        try:
            wrapped: socket.socket = self._wrap_socket_with_ssl(sock)  # type: ignore[no-untyped-call]
        except BaseException:
            sock.close()
            raise
        return wrapped


def connect(
    place: RedisPlace,
    user: str | None,
    password: str | None,
    *,
    tls: bool | None = None,
    decode: bool = True,
    retries: int = 1,
) -> redis.Redis:
    """Return a lazily connecting client, RESP2; without user and password it sends no AUTH.

    `retries` covers a kept connection that the server has closed meanwhile. With `decode`, replies are text and bytes
    that are no UTF-8 become replacement characters.
    """
    arguments: dict[str, Any] = {
        "host": place.host,
        "port": place.port,
        "address": place.address,
        "username": user,
        "password": password,
        "socket_timeout": TIMEOUT_S,
        "socket_connect_timeout": TIMEOUT_S,
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


def attempt(place: RedisPlace, user: str | None, password: str | None, *, tls: bool | None = None) -> RedisAnswer:
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
