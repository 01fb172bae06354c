"""PgBouncer: what the services reach the primary through; a connection of the server is lent for one transaction."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg

from system.platforms.local.addresses import Endpoint
from system.platforms.local.ca import Authority
from system.platforms.local.children import Command
from system.platforms.local.layout import Layout
from system.platforms.local.part import Part
from system.platforms.local.parts.postgres import unprivileged
from system.platforms.local.programs import Programs
from system.platforms.local.secret_files import SecretFiles

NAME = "pgbouncer"
CONSOLE = "console"  # a user of the pooler alone, which the server does not know
_ROLES = ("api", "worker")
_KNOCKS, _KNOCK_EVERY_S = 20, 0.15
_HOLD_S = 0.5  # callers give a connection 0.8 s to prove itself
# Fewer than the server takes: the rest is for migrations, backups, and people (INF-PG-04 adds it up).
_SETTINGS = {
    "pool_mode": "transaction",
    "default_pool_size": "20",
    "max_db_connections": "30",
    "max_client_conn": "200",
    "auth_type": "scram-sha-256",
    "admin_users": CONSOLE,
    "stats_users": "observer",
    "unix_socket_dir": "",
    "query_wait_timeout": "4",
    "client_login_timeout": "5",
    "server_connect_timeout": "3",
    "server_login_retry": "0.1",
    # A client that gave up while the link was cut is gone without a word, and would keep its place for the system's two hours.
    "tcp_keepidle": "3",
    "tcp_keepintvl": "3",
    "tcp_keepcnt": "3",
    "server_idle_timeout": "60",
    "server_lifetime": "1800",
    "ignore_startup_parameters": "extra_float_digits",
    "log_connections": "0",
    "log_disconnections": "0",
    "client_tls_sslmode": "require",
    "server_tls_sslmode": "verify-full",
    "client_tls_protocols": "secure",
    "server_tls_protocols": "secure",
}


class PgBouncer(Part):
    """The pooler in front of the primary, whichever server that is.

    Args:
        layout: directories and addresses.
        programs: the programs to run.
        secrets: holds the passwords that the services give to it.
        database: the one database that it serves.
        server: where it connects to until it is told to follow another one.
    """

    dies_by = ""

    def __init__(
        self, layout: Layout, programs: Programs, secrets: SecretFiles, database: str, server: Endpoint
    ) -> None:
        super().__init__(layout, programs, NAME, NAME, layout.addresses.endpoint(NAME))
        self.server = server
        self._secrets = secrets
        self._database = database
        self._authority = Authority(layout.ca)
        self._ini = layout.run / "pgbouncer.ini"
        self._users = layout.run / "pgbouncer.users"

    async def prepare(self) -> None:
        """Write the configuration and the users' passwords."""
        self._write_settings()
        self._write_users()

    async def follow(self, server: Endpoint) -> None:
        """Connect to another server from now on; what is under way at the one before ends with its transaction.

        Raises psycopg.OperationalError when the pooler could not be told; it reads it at its next start all the same.
        """
        self.server = server
        self._write_settings()
        await self._console("RELOAD")
        await self._console("RECONNECT")
        for role in _ROLES:
            await self._knock(role)

    async def _knock(self, role: str) -> None:
        """Come as a client: after a login that failed one is refused, and has a new one tried for whoever comes next."""
        for _ in range(_KNOCKS):
            with contextlib.suppress(psycopg.OperationalError):
                await (await self._client(self._database, role, f"postgres-{role}")).close()
                return
            await asyncio.sleep(_KNOCK_EVERY_S)

    def _write_settings(self) -> None:
        leaf = self._authority.ensure_leaf(NAME, self.endpoint)
        settings = {
            **self.config(),
            "listen_addr": self.endpoint.address,
            "listen_port": str(self.endpoint.port),
            "auth_file": str(self._users),
            "client_tls_cert_file": str(leaf.certificate),
            "client_tls_key_file": str(leaf.key),
            "server_tls_ca_file": str(self._authority.root_certificate),
        }
        del settings["users"]
        address, _, port = settings.pop("server").rpartition(":")
        database = f"{self._database} = host={address} port={port} dbname={self._database}"
        lines = ["[databases]", database, "[pgbouncer]", *(f"{name} = {value}" for name, value in settings.items())]
        _write(self._ini, lines)

    def command(self) -> Command:
        """Run it; like PostgreSQL it refuses root."""
        libraries = self.programs.redis_libraries
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "LD_LIBRARY_PATH": str(libraries)}
        line: list[str | Path] = [
            *unprivileged(),
            "setpriv",
            "--pdeathsig=KILL",
            "--",
            self.programs.pgbouncer,
            self._ini,
        ]
        return Command(line, environment, self.layout.run)

    async def probe(self) -> str:
        """Sign in to its console."""
        try:
            await self._console("SHOW VERSION")
        except psycopg.OperationalError as error:
            return str(error).strip().splitlines()[-1]
        return ""

    def config(self) -> dict[str, str]:
        """Give the settings; `users` are the roles that it lets in, `server` is the primary unless a restart has set it."""
        known = {**_SETTINGS, "users": ",".join(_ROLES), "server": str(self.server)}
        return {**known, **{name: str(value) for name, value in self.settings.items()}}

    @asynccontextmanager
    async def passwords_change(self) -> AsyncIterator[None]:
        """Hold the clients' queries while the server's passwords change, then read them again; no login fails between.

        A login that fails is remembered, and the next client refused for it. Where queries take longer than clients
        may be held, they are let go on beside the change.
        """
        held = True
        try:
            async with asyncio.timeout(_HOLD_S):
                await self._console(f"PAUSE {self._database}")
        except TimeoutError:
            held = False
            await self._console(f"RESUME {self._database}")
        try:
            yield
        finally:
            self._write_users()
            try:
                await self._console("RELOAD")
                await self._console("RECONNECT")
            finally:
                if held:
                    await self._console(f"RESUME {self._database}")

    async def _console(self, command: str) -> None:
        async with await self._client("pgbouncer", CONSOLE, "pgbouncer-console") as connection:
            await connection.execute(command.encode())

    async def _client(self, database: str, user: str, secret: str) -> psycopg.AsyncConnection[tuple[object, ...]]:
        return await psycopg.AsyncConnection.connect(
            host=self.endpoint.address,
            port=self.endpoint.port,
            dbname=database,
            user=user,
            password=self._secrets.read(secret).splitlines()[-1],
            sslmode="require",
            connect_timeout=2,
            autocommit=True,
        )

    def _write_users(self) -> None:
        secrets = self._secrets
        names = {f"postgres-{role}": role for role in (*self.config()["users"].split(","), "observer")}
        names["pgbouncer-console"] = CONSOLE
        # In the middle of a rotation a file holds two passwords, of which the server takes the last.
        _write(self._users, [f'"{user}" "{secrets.read(name).splitlines()[-1]}"' for name, user in names.items()])


def _write(path: Path, lines: list[str]) -> None:
    """Replace a file at once, 0600."""
    half = path.with_name(f".{path.name}.new")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("\n".join(lines) + "\n")
    half.rename(path)
