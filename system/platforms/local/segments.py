"""Ends of the log's segments: what is written until then can be restored once the segment is archived."""

import time

import psycopg
from psycopg import conninfo

from system.platforms.local.addresses import MEMBERS
from system.platforms.local.errors import PlatformError
from system.platforms.local.layout import Layout
from system.platforms.local.parts.postgres import places
from system.platforms.local.secret_files import SecretFiles

_ROLE = "backup"
_POLL_S = 0.2
# Something to end the segment behind, and a commit later than everything before it, which a recovery to a time looks for.
_RECORD = "select pg_logical_emit_message(true, 'heartbeat', '')"
_END_SEGMENT = "select pg_walfile_name(pg_switch_wal())"
_ARCHIVED = "select left(last_archived_wal, 24) >= %s from pg_stat_archiver"


def end_segment(layout: Layout, archived_within_s: float | None = None) -> str:
    """End the log's segment of now, even while nobody writes, and give its name.

    Args:
        layout: the instance's.
        archived_within_s: wait until it is archived; raises PlatformError when it takes longer. None does not wait.
    """
    password = SecretFiles(layout.secrets).read(f"postgres-{_ROLE}")
    with psycopg.connect(database(layout), password=password, connect_timeout=5, autocommit=True) as connection:
        connection.execute(_RECORD)
        ended = connection.execute(_END_SEGMENT).fetchone()
        deadline = time.monotonic() + (archived_within_s or 0.0)
        while archived_within_s and connection.execute(_ARCHIVED, ended).fetchone() != (True,):
            if time.monotonic() > deadline:
                raise PlatformError(
                    f"segment {ended[0] if ended else ''} was not archived within {archived_within_s:g} s; see the log of postgres"
                )
            time.sleep(_POLL_S)
    return str(ended[0]) if ended else ""


def database(layout: Layout) -> str:
    """Give the connection string to the primary of the role that backs up, without its password."""
    return conninfo.make_conninfo(
        **places(layout.addresses.endpoint(each) for each in MEMBERS),
        user=_ROLE,
        dbname="postgres",
        sslmode="verify-full",
        sslrootcert=str(layout.root_certificate),
    )
