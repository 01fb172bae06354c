"""A member of the PostgreSQL cluster: a server, and Patroni, which says whether it is the primary or follows it."""

import json
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

import psycopg

from system.platforms.local.addresses import MEMBERS, Endpoint
from system.platforms.local.ca import LeafFiles
from system.platforms.local.children import Children, Command
from system.platforms.local.layout import PROJECT, Layout
from system.platforms.local.parts.arbiter import votes
from system.platforms.local.parts.postgres import ADMIN, REPLICATOR, Postgres, unprivileged
from system.platforms.local.programs import Programs
from system.platforms.local.secret_files import SecretFiles

SCOPE = "seatrial"
# The time to live is the least that Patroni takes, and so the floor of a failover's time.
CONSENSUS: dict[str, Any] = {
    "ttl": 20,
    "loop_wait": 1,
    "retry_timeout": 3,
    "synchronous_mode": True,  # nothing acknowledged is lost; without a standby writes go on
    "failsafe_mode": True,  # a busy machine may keep the votes for seconds: no reason to demote while all members answer
    "postgresql": {
        "use_pg_rewind": True,
        "use_slots": True,
        "remove_data_directory_on_rewind_failure": True,
        "remove_data_directory_on_diverged_timelines": True,
        "parameters": {"max_connections": 60, "wal_level": "replica", "wal_log_hints": "on"},
    },
}
_OF_MEMBERS = {
    "hot_standby": "on",
    "wal_log_hints": "on",
    "cluster_name": SCOPE,
    "wal_retrieve_retry_interval": "500ms",
    "wal_sender_timeout": "5s",  # for so long a standby that hangs may hold up who commits
    "archive_mode": "on",  # not "always": a standby archives nothing until it is promoted
    "archive_timeout": "120s",
}
_TLS_TOOLS = ("pg_rewind", "pg_basebackup", "pg_isready")
_OTHER_TOOLS = ("pg_controldata", "pg_waldump")
_STANDING = """
select pg_is_in_recovery(), exists (select from pg_stat_wal_receiver where status = 'streaming')
"""


class Member(Postgres):
    """One of the two servers. A member without data is filled from the other one, by Patroni, unless neither has any.

    Args:
        layout: directories and addresses.
        programs: the programs to run.
        children: used to run initdb.
        secrets: the instance's secrets.
        name: one of MEMBERS.
        archive_command: what archives a segment of the write-ahead log.
    """

    stop_signal = signal.SIGTERM
    stop_grace_s = 15.0
    ready_deadline_s = 60.0  # a copy of the other one is part of it
    not_the_servers = ("hba", "nofailover")

    def __init__(
        self,
        layout: Layout,
        programs: Programs,
        children: Children,
        secrets: SecretFiles,
        name: str,
        archive_command: str,
    ) -> None:
        endpoint, data = layout.addresses.endpoint(name), layout.data / name
        super().__init__(layout, programs, children, secrets, name=name, endpoint=endpoint, data=data)
        self.manager: Endpoint = layout.addresses.endpoint(f"{name}-manager")
        self.maintained = False  # Patroni neither starts nor stops the server then
        self.rebuilt = False  # its data have just been recovered, and no cluster knows of them
        self._archive_command = archive_command
        self._tools = layout.run / f"{name}.bin"
        self._hba = layout.run / f"{name}.hba"  # not among the data, which are copied from one member to the other
        self._orders = layout.run / f"{name}.patroni.json"
        self._begins = False

    @property
    def follows(self) -> bool:
        """Whether its data are those of a standby."""
        return (self.data / "standby.signal").exists()

    async def prepare(self) -> None:
        """Write what Patroni and the server read; make the cluster when no member has data."""
        empty = not any((self.layout.data / each).exists() for each in MEMBERS)
        if self.name == MEMBERS[0] and empty:
            await self._make()
            self._write_settings()
        elif self.rebuilt:
            self._write_settings()
        self._begins = (self.maintained and self.data.exists()) or (self.name == MEMBERS[0] and empty) or self.rebuilt
        self.rebuilt = False
        self.write_overrides()
        _write(self._orders, json.dumps(self._patroni(), indent=1))
        self._forget_stale_pid()

    def write_overrides(self) -> None:
        """Write the programs that Patroni runs, and who may connect, with the settings that a restart has set."""
        _write(self._hba, self._hba_text())
        self._tools.mkdir(exist_ok=True)
        server, tools = shlex.quote(str(self.programs.postgres)), shlex.quote(str(self.programs.pg_tools))
        overrides = shlex.join(self._overrides())
        # Options of the command line beat what Patroni gives there, postgresql.conf and ALTER SYSTEM.
        start = f'case "$1" in -D) exec {server}/postgres "$@" {overrides} ;; *) exec {server}/postgres "$@" ;; esac'
        libraries = shlex.quote(str(self.programs.postgres.parent / "lib"))
        # The client tools are built without TLS, and their library is linked by a path that no other name reaches.
        tls = f"export LD_LIBRARY_PATH={libraries} LD_PRELOAD={libraries}/libpq.so.5\n"
        scripts = {
            "postgres": start,
            "pg_ctl": f'exec {server}/pg_ctl "$@"',
            **{tool: f'{tls}exec {tools}/{tool} "$@"' for tool in _TLS_TOOLS},
            **{tool: f'exec {tools}/{tool} "$@"' for tool in _OTHER_TOOLS},
            "changed": f"echo {self.name} > {shlex.quote(str(nudges(self.layout)))}",
        }
        for name, script in scripts.items():
            _write(self._tools / name, f"#!/bin/sh\n{script}\n", mode=0o700)

    def command(self) -> Command:
        """Run Patroni below a process from which no server can slip away."""
        options = [f"--data={self.data}", f"--tools={self._tools}", *(["--begin"] if self._begins else [])]
        member = [sys.executable, "-m", "system.platforms.local.member", *options, str(self._orders)]
        environment = {**self._environment(), "PYTHONPATH": str(PROJECT)}
        line = [*unprivileged(), "setpriv", "--pdeathsig=KILL", "--", *member]
        return Command(line, environment, self.layout.run)

    async def probe(self) -> str:
        """Sign in as admin; ready is a primary, or a standby that streams, which in maintenance nobody sees to."""
        try:
            async with await psycopg.AsyncConnection.connect(
                self.admin_dsn("postgres"), connect_timeout=2, autocommit=True
            ) as connection:
                row = await (await connection.execute(_STANDING)).fetchone()
        except psycopg.OperationalError as error:
            return str(error).strip().splitlines()[-1]
        return "it is a standby, and does not stream" if row == (True, False) and not self.maintained else ""

    def postmaster(self) -> int | None:
        """Give the process id of the server, None when there is none."""
        file = self.data / "postmaster.pid"
        pid = file.read_text().split("\n", 1)[0].strip() if file.exists() else ""
        return int(pid) if pid.isdigit() else None

    def _own_settings(self) -> dict[str, str]:
        return {**_OF_MEMBERS, "archive_command": self._archive_command, "hba_file": str(self._hba)}

    def _leaf(self) -> LeafFiles:
        return self.authority.ensure_leaf(self.name, self.endpoint)

    def _patroni(self) -> dict[str, Any]:
        root = str(self.authority.root_certificate)
        leaf = self.authority.ensure_leaf(f"{self.name}-manager", self.manager)
        proven = {"sslmode": "verify-full", "sslrootcert": root}
        admin, replicator = (
            {"username": role, "password": self.secrets.read(f"postgres-{role}")} for role in (ADMIN, REPLICATOR)
        )
        return {
            "scope": SCOPE,
            "name": self.name,
            "log": {"level": "INFO", "deduplicate_heartbeat_logs": True},
            "restapi": {
                "listen": str(self.manager),
                "connect_address": str(self.manager),
                "certfile": str(leaf.certificate),
                "keyfile": str(leaf.key),
                "authentication": {"username": "patroni", "password": self.secrets.read("patroni-rest")},
            },
            "ctl": {"cacert": root},
            "raft": votes(self.layout, self.secrets, f"{self.name}-vote"),
            "bootstrap": {"dcs": CONSENSUS},
            "postgresql": {
                "listen": str(self.endpoint),
                "connect_address": str(self.endpoint),
                "data_dir": str(self.data),
                "bin_dir": str(self._tools),
                "pgpass": str(self.layout.run / f"{self.name}.pgpass"),
                "authentication": {
                    # As the platform itself: the server must be reached even while a bad certificate is on trial.
                    "superuser": {**admin, "sslmode": "require"},
                    "rewind": {**admin, **proven},
                    "replication": {**replicator, **proven},
                },
                "parameters": self._all_settings(),
                "basebackup": [{"checkpoint": "fast"}, "no-sync"],
                "callbacks": dict.fromkeys(("on_start", "on_role_change"), shlex.quote(str(self._tools / "changed"))),
            },
            "tags": {"nofailover": True} if self.settings.get("nofailover") else {},
        }


def nudges(layout: Layout) -> Path:
    """Give the pipe through which members tell that a role has changed."""
    return layout.run / "roles.fifo"


def _write(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a file at once."""
    half = path.with_name(f".{path.name}.new")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    half.rename(path)
