"""A server that recovers from a backup beside the live one: it never archives, and only its superuser may sign in."""

import datetime as dt
import re
import shlex
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo

from system.platforms.local.addresses import Endpoint
from system.platforms.local.children import Children
from system.platforms.local.errors import PartFailed
from system.platforms.local.layout import Layout
from system.platforms.local.parts.postgres import ADMIN, NETWORKS, Postgres
from system.platforms.local.programs import Programs
from system.platforms.local.secret_files import SecretFiles

# By the socket in a directory that is closed to others: which password the superuser had then, nobody needs to know.
_HBA = f"local all {ADMIN} trust\n" + "".join(f"hostssl all {ADMIN} {network} scram-sha-256\n" for network in NETWORKS)
_RESTORED = re.compile(r'restored log file "([0-9A-F]{24})" from archive')
_WRONG = re.compile(r"\b(?:FATAL|PANIC|ERROR): +(.+)")
# A refusal to clients while it recovers is no reason why recovery failed.
_NO_REASON = re.compile(r"the database system is |terminating connection")
_REACHED = """
select (select timeline_id from pg_control_checkpoint()), (select system_identifier::text from pg_control_system()),
       pg_last_wal_replay_lsn()::text, pg_last_xact_replay_timestamp()
"""


class Restored(Postgres):
    """A server over a fetched base backup, ready once it has recovered as far as it was told.

    Args:
        layout: directories and addresses.
        programs: the programs to run.
        children: the supervisor's children.
        secrets: hold the superuser's own password.
        name: the id of the scratch server.
        endpoint: where it listens.
        folder: holds the base backup in `postgres`, and the files of the log in `log`.
        to: recover to the end of this moment; None is everything that there is.
    """

    ready_deadline_s = 180.0

    def __init__(
        self,
        layout: Layout,
        programs: Programs,
        children: Children,
        secrets: SecretFiles,
        *,
        name: str,
        endpoint: Endpoint,
        folder: Path,
        to: dt.datetime | None,
    ) -> None:
        data = folder / "postgres"
        super().__init__(layout, programs, children, secrets, name=name, endpoint=endpoint, data=data, durable=False)
        self.archive, self._to = folder / "log", to
        self._said_before = self.log.stat().st_size if self.log.exists() else 0

    async def prepare(self) -> None:
        """Ask for recovery; what was set by hand on the live server is not for this one."""
        await super().prepare()
        (self.data / "pg_hba.conf").write_text(_HBA)
        (self.data / "postgresql.auto.conf").write_text("")
        if (self.data / "backup_label").exists():
            (self.data / "recovery.signal").touch()

    async def probe(self) -> str:
        """Sign in by the socket; nobody can before recovery has ended."""
        try:
            connection = await psycopg.AsyncConnection.connect(self._by_socket(), connect_timeout=2)
        except psycopg.OperationalError as error:
            return str(error).strip().splitlines()[-1]
        await connection.close()
        return ""

    async def claim(self) -> None:
        """Give the superuser the password of this server, which is not that of the live one."""
        async with await psycopg.AsyncConnection.connect(self._by_socket(), autocommit=True) as connection:
            password = self.secrets.read(f"postgres-{ADMIN}").encode()
            verifier = connection.pgconn.encrypt_password(password, ADMIN.encode(), b"scram-sha-256").decode()
            statement = psycopg.sql.SQL("alter role {} password {}")
            await connection.execute(
                statement.format(psycopg.sql.Identifier(ADMIN), psycopg.sql.Literal(verifier)),
            )

    async def reached(self) -> dict[str, Any]:
        """Say how far recovery went."""
        async with await psycopg.AsyncConnection.connect(self._by_socket(), autocommit=True) as connection:
            row = await (await connection.execute(_REACHED)).fetchone()
        if row is None:
            raise PartFailed(self.name, "does not say how far it has recovered")
        timeline, cluster, lsn, at = row
        segments = _RESTORED.findall(self._said())
        return {
            "timeline": timeline,
            "cluster": cluster,
            "lsn": lsn,
            "at": at.isoformat() if at is not None else None,
            "segment": segments[-1] if segments else None,
        }

    def failure(self) -> str:
        """Say why it does not recover, by its own log; empty when that names no reason."""
        said = self._said()
        reasons = [each for each in _WRONG.findall(said) if not _NO_REASON.search(each)]
        segments = _RESTORED.findall(said)
        return f"{reasons[0]}; the last segment restored is {segments[-1] if segments else 'none'}" if reasons else ""

    def _own_settings(self) -> dict[str, str]:
        own = {
            "archive_mode": "off",
            "hot_standby": "off",
            "fsync": "off",
            "unix_socket_directories": str(self.layout.run),
            "restore_command": _restore_command(self.archive),
            "recovery_target_action": "promote",
        }
        return own | ({"recovery_target_time": self._to.isoformat(sep=" ")} if self._to is not None else {})

    def _by_socket(self) -> str:
        return conninfo.make_conninfo(host=str(self.layout.run), port=self.endpoint.port, user=ADMIN, dbname="postgres")

    def _said(self) -> str:
        with self.log.open("rb") as log:
            log.seek(self._said_before)
            return log.read().decode(errors="replace")


def _restore_command(archive: Path) -> str:
    """Give PostgreSQL's restore_command over a directory of compressed files; one that is not there fails, as it must."""
    stored = shlex.quote(str(archive).replace("%", "%%"))
    return f"test -f {stored}/%f.gz && gzip -dc {stored}/%f.gz > %p"
