"""The hot standby: a copy of the primary that follows it by streaming, and can be read."""

import asyncio
import os
import shutil

import psycopg
from psycopg import conninfo

from system.platforms.local.ca import LeafFiles
from system.platforms.local.children import Children
from system.platforms.local.parts.postgres import REPLICATOR, Postgres

NAME = "postgres-standby"
SLOT = "postgres_standby"
_ENSURE_SLOT = """
select pg_create_physical_replication_slot(%(slot)s, true)
where not exists (select from pg_replication_slots where slot_name = %(slot)s)
"""


class Standby(Postgres):
    """The standby of one primary, made by pg_basebackup; one that was promoted is made again at its next start.

    Args:
        primary: the server that it follows.
        children: used to run pg_basebackup.
    """

    ready_deadline_s = 40.0  # the copy is part of it

    def __init__(self, primary: Postgres, children: Children) -> None:
        layout = primary.layout
        endpoint = layout.addresses.endpoint(NAME)
        data = layout.data / NAME
        super().__init__(layout, primary.programs, children, primary.secrets, name=NAME, endpoint=endpoint, data=data)
        self._primary = primary
        self._passfile = layout.run / f"{NAME}.pass"

    async def prepare(self) -> None:
        """Write the password file, which is read at every connection to the primary, then prepare as any server."""
        line = f"*:*:*:{REPLICATOR}:{self.secrets.read(f'postgres-{REPLICATOR}')}\n"
        half = self._passfile.with_suffix(".new")
        half.unlink(missing_ok=True)
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(line)
        half.rename(self._passfile)
        await super().prepare()

    async def streaming(self) -> None:
        """Wait until the standby streams from the primary."""
        async with await psycopg.AsyncConnection.connect(self.admin_dsn("postgres"), autocommit=True) as connection:
            while True:
                receiver = await connection.execute("select 1 from pg_stat_wal_receiver where status = 'streaming'")
                if await receiver.fetchone():
                    return
                await asyncio.sleep(0.05)

    def _own_settings(self) -> dict[str, str]:
        return {
            "hot_standby": "on",
            "primary_conninfo": self._primary_conninfo(),
            "primary_slot_name": SLOT,
            "wal_retrieve_retry_interval": "500ms",
        }

    def _leaf(self) -> LeafFiles:
        return self.authority.ensure_leaf(NAME, self.endpoint)

    async def _make(self) -> None:
        signal_file = self.data / "standby.signal"
        if signal_file.exists():
            return
        await asyncio.to_thread(shutil.rmtree, self.data, ignore_errors=True)
        async with await psycopg.AsyncConnection.connect(
            self._primary.admin_dsn("postgres"), autocommit=True, connect_timeout=2
        ) as connection:
            await connection.execute(_ENSURE_SLOT, {"slot": SLOT})
        options = ["-d", self._primary_conninfo(), "-X", "stream", "-S", SLOT, "-c", "fast", "--no-sync"]
        await self._build(
            "basebackup", self.programs.pg_basebackup, options, {**self._environment(), **self._own_libpq()}
        )
        signal_file.touch(mode=0o600)

    def _own_libpq(self) -> dict[str, str]:
        """Have the client tools speak TLS: theirs is built without, and is linked by a path that no other name reaches."""
        libraries = self.programs.postgres.parent / "lib"
        return {"LD_LIBRARY_PATH": str(libraries), "LD_PRELOAD": str(libraries / "libpq.so.5")}

    def _primary_conninfo(self) -> str:
        endpoint = self._primary.endpoint
        return conninfo.make_conninfo(
            host="pg.seatrial.internal",
            hostaddr=endpoint.address,
            port=endpoint.port,
            user=REPLICATOR,
            passfile=str(self._passfile),
            application_name=NAME,
            sslmode="verify-full",
            sslrootcert=str(self.authority.root_certificate),
        )
