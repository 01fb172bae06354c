"""PostgreSQL: one server by itself with TLS, SCRAM and checksums; the two of the cluster are members."""

import os
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

import psycopg

from system.platforms.local import processes
from system.platforms.local.addresses import Endpoint
from system.platforms.local.ca import Authority, LeafFiles
from system.platforms.local.children import Children, Command
from system.platforms.local.errors import PlatformError
from system.platforms.local.layout import Layout
from system.platforms.local.part import Part
from system.platforms.local.programs import Programs
from system.platforms.local.secret_files import SecretFiles

ADMIN = "admin"
REPLICATOR = "replicator"
HOST = "pg.seatrial.internal"
_SETTINGS = {
    "ssl": "on",
    "ssl_min_protocol_version": "TLSv1.2",
    "password_encryption": "scram-sha-256",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "wal_level": "replica",
    "max_slot_wal_keep_size": "1GB",  # a standby that is gone must not fill the primary's disk
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "max_wal_size": "512MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_min_messages": "warning",
    "log_lock_waits": "on",
    "deadlock_timeout": "500ms",
    "tcp_keepalives_idle": "30",
}
# Clients of 127.77.0.10 arrive from 127.0.0.1: that is the source address that Linux picks on the loopback.
NETWORKS = ("127.0.0.1/32", "127.77.0.0/24")
_HBA = "".join(
    f"hostssl {database} {user} {network} scram-sha-256\n"
    for database, user in (("all", "all"), ("replication", REPLICATOR))
    for network in NETWORKS
)


class Postgres(Part):
    """One PostgreSQL server with a data directory of its own.

    Args:
        layout: directories and addresses.
        programs: the programs to run.
        children: used to run initdb.
        secrets: holds the password of `admin`.
        name: `postgres`, or the id of a scratch server.
        endpoint: where it listens.
        data: its data directory; made by initdb when it is not there.
        durable: whether initdb waits for the disk.
    """

    stop_signal = signal.SIGINT  # fast shutdown
    dies_by = ""
    not_the_servers: tuple[str, ...] = ("hba",)  # settings of a restart that go elsewhere

    def __init__(
        self,
        layout: Layout,
        programs: Programs,
        children: Children,
        secrets: SecretFiles,
        *,
        name: str = "postgres",
        endpoint: Endpoint | None = None,
        data: Path | None = None,
        durable: bool = True,
    ) -> None:
        super().__init__(layout, programs, name, "postgres", endpoint or layout.addresses.endpoint("postgres"))
        self.authority = Authority(layout.ca)
        self.data = data or layout.data / "postgres"
        self._children = children
        self.secrets = secrets
        self._durable = durable

    async def prepare(self) -> None:
        """Make the cluster at the first start; write its configuration before each."""
        if not self.data.exists():
            await self._make()
        self._write_settings()
        (self.data / "pg_hba.conf").write_text(self._hba_text())
        self._forget_stale_pid()

    def command(self) -> Command:
        """Run the server; overrides go on the command line, which beats postgresql.conf and ALTER SYSTEM."""
        server: list[str | Path] = [self.programs.postgres / "postgres", "-D", self.data, *self._overrides()]
        return Command([*unprivileged(), "setpriv", "--pdeathsig=QUIT", "--", *server], self._environment(), self.data)

    async def probe(self) -> str:
        """Sign in as admin."""
        try:
            connection = await psycopg.AsyncConnection.connect(self.admin_dsn("postgres"), connect_timeout=2)
        except psycopg.OperationalError as error:
            return str(error).strip().splitlines()[-1]
        await connection.close()
        return ""

    def config(self) -> dict[str, str]:
        """Give the server's settings."""
        return {**_SETTINGS, **self._own_settings(), **{name: str(value) for name, value in self.settings.items()}}

    def admin_dsn(self, database: str) -> str:
        """Give the connection string of the superuser."""
        return psycopg.conninfo.make_conninfo(
            hostaddr=self.endpoint.address,
            host=HOST,
            port=self.endpoint.port,
            dbname=database,
            user=ADMIN,
            password=self.secrets.read("postgres-admin"),
            # The platform must reach the server even while a bad certificate is on trial.
            sslmode="require",
        )

    def _overrides(self) -> list[str]:
        """Give the server's options for the settings that a restart has set."""
        chosen = {name: value for name, value in self.settings.items() if name not in self.not_the_servers}
        return [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]

    def _own_settings(self) -> dict[str, str]:
        """Give what this server has beside the settings that all share."""
        return {}

    def _all_settings(self) -> dict[str, str]:
        leaf = self._leaf()
        return {
            **_SETTINGS,
            **self._own_settings(),
            "ssl_cert_file": str(leaf.certificate),
            "ssl_key_file": str(leaf.key),
        }

    def _write_settings(self) -> None:
        place = {"listen_addresses": self.endpoint.address, "port": str(self.endpoint.port)}
        lines = (f"{name} = {conf_literal(value)}\n" for name, value in (self._all_settings() | place).items())
        (self.data / "postgresql.conf").write_text("".join(lines))

    def _hba_text(self) -> str:
        return str(self.settings.get("hba", "")) + _HBA

    def _leaf(self) -> LeafFiles:
        return self.authority.ensure_leaf("postgres", self.layout.addresses.endpoint("postgres"))

    async def _make(self) -> None:
        """Make the data directory: first elsewhere, and put it in its place once it is whole."""
        building = self.data.with_name(f".{self.data.name}.building")
        options: list[str | Path] = [
            "-D",
            building,
            "--auth=scram-sha-256",
            f"--username={ADMIN}",
            f"--pwfile={self.secrets.path('postgres-admin')}",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--data-checksums",
            *([] if self._durable else ["--no-sync"]),
        ]
        script = f'rm -rf {building.name} && exec "$@"'
        line = ["sh", "-c", script, "sh", self.programs.postgres / "initdb", *options]
        command = Command([*unprivileged(), *line], self._environment(), self.data.parent)
        await self._children.run(self.name, command, self.layout.log(f"{self.name}-initdb"))
        building.rename(self.data)

    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def _forget_stale_pid(self) -> None:
        """Drop a postmaster.pid whose process has gone or is another program; the instance's lock keeps others out."""
        file = self.data / "postmaster.pid"
        if file.exists():
            pid = file.read_text().split("\n", 1)[0].strip()
            holder = processes.find(int(pid)) if pid.isdigit() else None
            if holder is None or holder.state == "Z" or "postgres" not in holder.command:
                file.unlink()


def places(endpoints: Iterable[Endpoint]) -> dict[str, str]:
    """Give the keywords by which libpq finds the primary among servers.

    "read-write" would pass by a primary that was made read-only, and so keep out whoever is to mend that.
    """
    found = list(endpoints)
    return {
        "host": ",".join(HOST for _ in found),
        "hostaddr": ",".join(each.address for each in found),
        "port": ",".join(str(each.port) for each in found),
        "target_session_attrs": "primary",
    }


def conf_literal(value: str) -> str:
    """Quote a value of postgresql.conf."""
    return "'" + value.replace("'", "''") + "'"


def unprivileged() -> list[str]:
    """Give the prefix that lets root run PostgreSQL, which refuses root: a user namespace of one other user."""
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.geteuid() == 0 else []


def check_user_namespaces() -> None:
    """Raise PlatformError when we are root and may not make the namespace that PostgreSQL needs."""
    if not unprivileged():
        return
    tried = subprocess.run([*unprivileged(), "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        raise PlatformError(
            f"PostgreSQL does not run as root, and user namespaces are forbidden here ({tried.stderr.strip()}): "
            "run as a normal user"
        )
