"""Ask every server, host and certificate for its figures; each within its time, and all at once."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psycopg
from cryptography import x509
from psycopg.rows import dict_row

from system.common.database import time_limit
from system.common.queue import DEAD_STREAM
from system.platforms.local import http_probe, redis_wire
from system.platforms.local.addresses import MEMBERS, Endpoint
from system.platforms.local.bootstrap_postgres import DATABASE
from system.platforms.local.ca import Authority, proper_names
from system.platforms.local.layout import Layout
from system.platforms.local.parts.backups import EVERY
from system.platforms.local.places import SIZES
from system.platforms.local.redis_primary import SERVERS
from system.platforms.local.secret_files import SecretFiles

T = TypeVar("T")
_STEP_S = 0.65  # three of them, one after the other, are less than a scrape waits
_DAY_S = 86400.0
# What is too old, too long or too near its end here.
BACKUP_AGE_S = EVERY.total_seconds() + 3600.0
ARCHIVE_AGE_S = 75.0  # PostgreSQL tries a segment that failed again after a minute
QUEUE_AGE_S = 15.0
RENEW_PUBLIC_S = 15.0  # the ingress renews at a third of 75 s
RENEW_PRIVATE_S = 7 * _DAY_S
ENCODER = "x264"
STATE_FREE_BYTES = 1 << 28  # of the disk with the databases, whose size is not ours to know
_OBSERVER = "observer"
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # what a client of PostgreSQL says before it speaks TLS
_PATHS = {"s3": "/"}
_MEMBER = """
select pg_is_in_recovery() as standby,
    (select greatest(0, coalesce(max(extract(epoch from now() - modification)), 0))
        from pg_ls_archive_statusdir() where name like '%.ready') as unarchived_s,
    (select json_object_agg(application_name, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0))
        from pg_stat_replication where state = 'streaming') as streaming
"""
# A job waits since it was made, however often it is put back, or since the lease of whoever died over it has ended.
_QUEUE = """
select count(*) filter (where state = 'queued') as queued,
    count(*) filter (where state = 'running') as running,
    greatest(0, coalesce(max(extract(epoch from now() - case state when 'queued' then created_at else lease_until end)), 0)) as oldest_s
from jobs where state in ('queued', 'running')
"""


@dataclass(frozen=True)
class Figure:
    """One sample of a gauge.

    Attributes:
        name: of the metric.
        help: what it says.
        value: in the unit of the name.
        labels: whose it is.
    """

    name: str
    help: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


class Measures:
    """Everything that can be asked.

    Args:
        layout: directories and addresses.
        hosts: public hosts to ask: `app`, `api`, `play`, `s3`.
    """

    def __init__(self, layout: Layout, hosts: Sequence[str]) -> None:
        self._layout, self._addresses, self._hosts = layout, layout.addresses, hosts
        self._root = Authority(layout.ca).root_certificate
        self._trusting = ssl.create_default_context(cafile=str(self._root))
        self._secrets = SecretFiles(layout.secrets)
        self._asking = asyncio.Lock()  # two at once would each open sessions, and one of them would be forgotten
        self._sessions: dict[str, psycopg.AsyncConnection[dict[str, object]]] = {}

    async def all(self, instances: Mapping[str, Endpoint]) -> list[Figure]:
        """Ask for everything; instances are asked whether they are ready, which has them ask what they depend on."""
        asked = [
            self._cluster(),
            self._redis(),
            _answers("pooler_up", "pgbouncer", self._pooler()),
            _answers("storage_up", "s3", self._storage()),
            *(self._host(name) for name in self._hosts),
            *(_answers("instance_ready", name, _ready(place)) for name, place in instances.items()),
        ]
        async with self._asking:
            found = await asyncio.gather(*asked)
        return [*_limits(), *self._disks(instances), *(figure for each in found for figure in each)]

    def _disks(self, instances: Iterable[str]) -> list[Figure]:
        """Look at the disk of the state directory, and at each instance's own where it has one."""
        found = _disk("state", self._layout.state, STATE_FREE_BYTES)
        for name in instances:
            size, place = SIZES.get(name.rpartition("-")[0]), self._layout.work(name).parent
            if size and place.is_mount():
                found += _disk(name, place, size / 10)
        return found

    async def _pooler(self) -> bool:
        place = self._addresses.endpoint("pgbouncer")
        async with _connection(place) as (reader, writer):
            writer.write(_SSL_REQUEST)
            return await reader.readexactly(1) == b"S"

    async def _storage(self) -> bool:
        return await http_probe.status(self._addresses.endpoint("s3"), "/") < 500

    async def _host(self, name: str) -> list[Figure]:
        """Ask a public host as a stranger does, and read its certificate even where nobody would believe it."""
        host, place = self._addresses.host(name), self._addresses.endpoint("https")
        path = _PATHS.get(name, "/livez")
        status, expires = await asyncio.gather(
            _within(http_probe.status(place, path, tls=self._trusting, host=host)),
            _within(_expires(place, host)),
        )
        found = [_up("public_up", host, up=status is not None and status < 500)]
        return found + ([] if expires is None else _certificate(host, expires, RENEW_PUBLIC_S))

    async def _redis(self) -> list[Figure]:
        found: list[Figure] = []
        infos = await asyncio.gather(*(_within(self._replication(name)) for name in SERVERS))
        for name, info in zip(SERVERS, infos, strict=True):
            found.append(_up("redis_up", name, up=info is not None))
            if expires := await _within(_expires(self._addresses.endpoint(name), None)) if info else None:
                found += _certificate(name, expires, RENEW_PRIVATE_S)
        primary = next(
            (name for name, info in zip(SERVERS, infos, strict=True) if info and info["role"] == "master"), ""
        )
        for name, info in zip(SERVERS, infos, strict=True):
            if name != primary:
                linked = info is not None and info.get("master_link_status") == "up"
                found.append(_up("redis_replica_linked", name, up=linked, what="1 where it follows the primary"))
        if primary and (entries := await _within(self._ask_redis(primary, "XLEN", DEAD_STREAM))) is not None:
            said = "Entries on the dead-letter stream"
            found.append(Figure("queue_dead_letter_entries", said, float(str(entries)), {"component": "worker"}))
        return found

    async def _replication(self, name: str) -> dict[str, str]:
        text = str(await self._ask_redis(name, "INFO", "replication"))
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    async def _ask_redis(self, name: str, *words: str) -> object:
        password = self._secrets.read(f"redis-{_OBSERVER}")
        return await redis_wire.ask(self._addresses.endpoint(name), _OBSERVER, password, *words)

    async def _cluster(self) -> list[Figure]:
        rows = await asyncio.gather(*(self._member(name) for name in MEMBERS))
        found = [_up("postgres_up", name, up=row is not None) for name, row in zip(MEMBERS, rows, strict=True)]
        primary, row = next(
            ((name, row) for name, row in zip(MEMBERS, rows, strict=True) if row and not row["standby"]), ("", {})
        )
        streaming = row.get("streaming")
        lags = streaming if isinstance(streaming, dict) else {}
        for name in MEMBERS:
            if name == primary:
                continue
            streams = name in lags
            found.append(
                _up("postgres_standby_streaming", name, up=streams, what="1 where it streams from the primary")
            )
            if streams:
                said = "What was written and is not replayed there yet"
                found.append(Figure("postgres_standby_lag_bytes", said, float(lags[name]), {"component": name}))
        if not primary:
            return found
        said = "How long a finished segment of the log has waited to be archived at most"
        archive = Figure("archive_oldest_seconds", said, float(str(row["unarchived_s"])), {"component": primary})
        return [*found, archive, *await self._queue(primary)]

    async def _queue(self, primary: str) -> list[Figure]:
        row = await self._rows(primary, _QUEUE)
        if row is None:
            return []
        worker = {"component": "worker"}
        return [
            Figure("queue_jobs_waiting", "Jobs that nobody works on", float(str(row["queued"])), worker),
            Figure("queue_jobs_running", "Jobs that a worker has claimed", float(str(row["running"])), worker),
            Figure("queue_oldest_seconds", "How long a job has waited at most", float(str(row["oldest_s"])), worker),
        ]

    async def _member(self, name: str) -> dict[str, object] | None:
        return await self._rows(name, _MEMBER)

    async def _rows(self, name: str, query: str) -> dict[str, object] | None:
        """Give the one row of a query, by the member's open session or a new one; None where none comes in time."""
        session = self._sessions.pop(name, None) or await _within(self._session(name))
        if session is None:
            return None
        try:
            async with time_limit(session, _STEP_S):
                cursor = await session.execute(query)
                row = await cursor.fetchone()
        except psycopg.Error:
            await session.close()
            return None
        self._sessions[name] = session
        return row

    async def _session(self, name: str) -> psycopg.AsyncConnection[dict[str, object]]:
        place = self._addresses.endpoint(name)
        return await psycopg.AsyncConnection.connect(
            host=proper_names(name, place)[0],
            hostaddr=place.address,
            port=place.port,
            dbname=DATABASE,
            user=_OBSERVER,
            password=self._secrets.read(f"postgres-{_OBSERVER}"),
            sslmode="verify-full",
            sslrootcert=str(self._root),
            connect_timeout=2,
            application_name="exporter",
            autocommit=True,
            row_factory=dict_row,
        )


async def _ready(place: Endpoint) -> bool:
    return await http_probe.status(place, "/readyz") == 200


def _limits() -> list[Figure]:
    return [
        Figure("backup_age_limit_seconds", "Older than this is no backup to rely on", BACKUP_AGE_S),
        Figure("archive_age_limit_seconds", "Longer than this no segment of the log should wait", ARCHIVE_AGE_S),
        Figure("queue_age_limit_seconds", "Longer than this no job should wait", QUEUE_AGE_S),
        Figure("expected_encoder", "What workers are meant to encode with", 1.0, {"encoder": ENCODER}),
    ]


def _disk(component: str, place: Path, limit_bytes: float) -> list[Figure]:
    seen, labels = os.statvfs(place), {"component": component}
    return [
        Figure("disk_free_bytes", "What can still be written", float(seen.f_bavail * seen.f_frsize), labels),
        Figure("disk_free_limit_bytes", "Less than this is nearly nothing", limit_bytes, labels),
    ]


def _up(name: str, component: str, *, up: bool, what: str = "1 where it answers") -> Figure:
    return Figure(name, what, float(up), {"component": component})


async def _answers(name: str, component: str, probe: Awaitable[bool]) -> list[Figure]:
    return [_up(name, component, up=bool(await _within(probe)))]


def _certificate(component: str, expires_s: float, renew_s: float) -> list[Figure]:
    labels = {"component": component}
    return [
        Figure("certificate_expires_timestamp_seconds", "When the certificate ends", expires_s, labels),
        Figure(
            "certificate_renew_before_seconds", "How long before its end it must have been renewed", renew_s, labels
        ),
    ]


async def _expires(place: Endpoint, host: str | None) -> float:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reads no authorities, which would take longer than all the rest
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with _connection(place, tls=context, host=host) as (_, writer):
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(der).not_valid_after_utc.timestamp()


@asynccontextmanager
async def _connection(
    place: Endpoint, *, tls: ssl.SSLContext | None = None, host: str | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    name = (host or "") if tls else None
    reader, writer = await asyncio.open_connection(place.address, place.port, ssl=tls, server_hostname=name)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _within(work: Awaitable[T]) -> T | None:
    """Give the answer, or None where there is none in time."""
    with contextlib.suppress(OSError, TimeoutError, EOFError, psycopg.Error):
        async with asyncio.timeout(_STEP_S):
            return await work
    return None
