"""PostgreSQL as a client meets it: a connection, or the one line that says why there is none."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from seatrial.probes.text import one_line
from seatrial.scope import PostgresPlace

CONNECT_TIMEOUT_S = 5
QUERY_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class PgAnswer:
    """One attempt to connect and `select 1`.

    Attributes:
        ok: the row came back.
        error: one line when it did not; None otherwise.
        server_version: 160014 for 16.14; None when no session began.
        tls: the session ran over TLS.
    """

    ok: bool
    error: str | None
    server_version: int | None = None
    tls: bool = False
    elapsed_s: float = 0.0


def connect(
    place: PostgresPlace, user: str, password: str, options: Mapping[str, object] | None = None
) -> psycopg.Connection[DictRow]:
    """Open an autocommit connection with TLS verified by name; `options` are libpq keywords that override.

    No password file, service file or client certificate of the caller's home is used. Raises psycopg.Error.
    """
    arguments: dict[str, Any] = {
        "host": place.host,
        "port": place.port,
        "dbname": place.database,
        "user": user,
        "password": password or None,
        "sslmode": "verify-full",
        "sslrootcert": str(place.ca),
        "passfile": "/nonexistent",  # libpq warns of a file that is no plain one, and is silent about none
        "connect_timeout": CONNECT_TIMEOUT_S,
        "application_name": "seatrial",
        "client_encoding": "UTF8",
    }
    if place.address:
        arguments["hostaddr"] = place.address
    arguments |= options or {}
    return psycopg.connect(
        autocommit=True,
        row_factory=dict_row,
        **{name: value for name, value in arguments.items() if value is not None},
    )


def wherever(place: PostgresPlace) -> dict[str, object]:
    """Return the keywords by which libpq finds the primary, be it at the place or be it one of the declared standbys by now.

    "primary" and not "read-write", which would pass by a primary that was made read-only.
    """
    doors = (place, *place.standbys.values())
    if len(doors) == 1:
        return {}
    found: dict[str, object] = {
        "host": ",".join(each.host for each in doors),
        "port": ",".join(str(each.port) for each in doors),
        "target_session_attrs": "primary",
    }
    # An empty address has libpq resolve the name.
    addresses = [each.address or "" for each in doors]
    return found | ({"hostaddr": ",".join(addresses)} if any(addresses) else {})


@contextlib.contextmanager
def within(connection: psycopg.Connection[DictRow], timeout_s: float) -> Iterator[None]:
    """Cut the connection's line after `timeout_s`; a frozen server keeps it open and answers no cancel request.

    Raises psycopg.errors.ConnectionTimeout then, in place of the error that the cut causes.
    """
    late = threading.Event()
    with socket.socket(fileno=os.dup(connection.fileno())) as line:

        def cut() -> None:
            late.set()
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(timeout_s, cut)
        timer.start()
        try:
            yield
        except psycopg.OperationalError:
            if late.is_set():
                raise psycopg.errors.ConnectionTimeout(f"no answer within {timeout_s:g} s") from None
            raise
        finally:
            timer.cancel()
            timer.join()


def attempt(place: PostgresPlace, user: str, password: str, options: Mapping[str, object] | None = None) -> PgAnswer:
    """Connect, run `select 1`, close; a refusal is an answer with its error."""
    started = time.monotonic()
    try:
        with connect(place, user, password, options) as connection:
            with within(connection, QUERY_TIMEOUT_S):
                connection.execute("select 1").fetchone()
            info = connection.info
            tls = connection.pgconn.ssl_in_use
            return PgAnswer(True, None, info.server_version, tls, time.monotonic() - started)
    except psycopg.Error as error:
        return PgAnswer(False, explain(error), elapsed_s=time.monotonic() - started)


def explain(error: psycopg.Error) -> str:
    """Return the error on one line; libpq's attempts that say the same are named once."""
    if error.diag.message_primary:
        return one_line(error.diag.message_primary)
    lines = dict.fromkeys(
        line.strip().removeprefix("connection failed: ") for line in str(error).splitlines() if line.strip()
    )
    return one_line("; ".join(lines)) or type(error).__name__
