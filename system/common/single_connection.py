"""Open one connection to Postgres, for what ends too soon to be kept waiting by the imports of pools, Redis and traces."""

from typing import Any

import psycopg

from system.common.config import DatabaseSettings

__all__ = ["connect", "is_refused"]


def connect(settings: DatabaseSettings, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
    """Open one connection outside of any pool, for a command that runs to its end."""
    passwords = settings.passwords.now
    for password in passwords[:-1]:
        try:
            return psycopg.connect(settings.url, password=password, **options)
        except psycopg.OperationalError as error:
            if not is_refused(error):
                raise
    return psycopg.connect(settings.url, password=passwords[-1], **options)


def is_refused(error: psycopg.OperationalError) -> bool:
    """Tell whether the server did not take the password."""
    # libpq gives no SQLSTATE for a refused start; the poolers in use word it with "authentication failed" as well.
    return "authentication failed" in str(error)
