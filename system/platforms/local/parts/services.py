"""The product's own services, each instance a process of an immutable release with that release's configuration."""

import sys
from collections.abc import Sequence
from pathlib import Path

from system.platforms.local import http_probe
from system.platforms.local.addresses import INSTANCES, Endpoint
from system.platforms.local.bootstrap_postgres import DATABASE
from system.platforms.local.children import Command
from system.platforms.local.layout import Layout
from system.platforms.local.part import Part
from system.platforms.local.parts import s3_identities as s3
from system.platforms.local.parts.pager import NAME as PAGER
from system.platforms.local.parts.s3_identities import REGION
from system.platforms.local.parts.traces import NAME as TRACES
from system.platforms.local.programs import Programs
from system.platforms.local.redis_primary import NAME, SENTINELS
from system.platforms.local.releases import Releases
from system.platforms.local.secret_files import SecretFiles

SECRET = "<secret>"  # noqa: S105 - what is shown in its place
OPEN_SECRET = "<open secret>"  # noqa: S105 - and in that of one which was not handed over as a file
_LINKS = {"LINK_MAX_LIFETIME_S": "3600", "LINK_SKEW_S": "5"}
_TRACES_RATIO = "0.1"  # whoever wants a request's trace asks for it, by a traceparent that says so
_REPORTER = "seatrial"  # the public key of a collector's project: it lets nobody read
_TRUSTED_PROXIES = "127.0.0.1/32"  # the ingress and the frontend arrive from there
_CACHE_MAX_BYTES = 256 * 1024 * 1024


class Service(Part):
    """One instance of a service.

    Args:
        layout: directories and addresses.
        programs: the programs to run.
        secrets: the instance's secrets, handed over as files.
        name: instance, such as `api-1`.
        release: the release that it runs.
    """

    ready_deadline_s = 60.0
    stop_grace_s = 12.0  # a service drains for ten seconds

    def __init__(self, layout: Layout, programs: Programs, secrets: SecretFiles, name: str, release: str) -> None:
        service = name.rsplit("-", 1)[0]
        super().__init__(layout, programs, name, service, layout.addresses.endpoint(name))
        self.release: str = release
        self.clock_s: int | None = None
        self._secrets = secrets
        self._releases = Releases(layout.releases)

    def command(self) -> Command:
        """Run the service's package from its release, with nothing but its own variables."""
        directory = self._releases.path(self.release)
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.layout.run),
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": str(directory),
            **({"TMPDIR": str(self.layout.work(self.name))} if self.service == "worker" else {}),
            **self.variables(),
            **({} if self.clock_s is None else clock_variables(self.programs.clock, self.clock_file)),
        }
        return Command([sys.executable, "-m", f"system.{self.service}"], environment, directory)

    @property
    def clock_file(self) -> Path:
        """Says how far its clock is moved, while it is."""
        return self.layout.run / f"{self.name}.clock"

    async def probe(self) -> str:
        """Ask for readiness."""
        status = await http_probe.status(self.endpoint, "/readyz")
        return "" if status == 200 else f"/readyz answers {status}"

    def config(self) -> dict[str, str]:
        """Give the variables; secrets by name only, and whether they are in the open."""
        shown = {}
        for name, value in self.variables().items():
            logical = name.removesuffix("_FILE")
            if logical != name:
                shown[logical] = SECRET
            else:
                shown[name] = OPEN_SECRET if name in SECRET_VARIABLES else value
        return shown

    def variables(self) -> dict[str, str]:
        """Give the service's own environment variables, overrides included."""
        values = {
            "SERVICE": self.service,
            "INSTANCE": self.name,
            "RELEASE": self.release,
            "LISTEN_HOST": self.endpoint.address,
            "LISTEN_PORT": str(self.endpoint.port),
            **self._releases.configuration(self.release)[self.service],
        }
        if self.service == "edge":
            values["CACHE_DIR"] = str(self.layout.work(self.name))
        for variable, secret in SECRET_VARIABLES.items():
            if variable in values:
                values[f"{variable}_FILE"] = str(self._secrets.path(secret.format(service=self.service)))
                del values[variable]
        for name, value in self.settings.items():
            values.pop(name, None)
            values.pop(f"{name}_FILE", None)
            if value is not None:
                values[name] = str(value)
        return values


def clock_variables(library: Path | None, moved: Path) -> dict[str, str]:
    """Give the variables by which a process' time of day is moved as the file says, whenever that changes.

    The library's fix for waits by the monotonic clock is for older C libraries. With it, every wait for Python's global lock
    comes back at once, and a service with threads is ten times as slow.
    """
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(moved),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        "NO_FAKE_STAT": "1",
    }


def configuration(layout: Layout, programs: Programs, *, watched: bool) -> dict[str, dict[str, str]]:
    """Give the variables that all instances of a service share, as shipped; secrets are only named.

    Spans are made only where somebody collects them: they cost each request some time.
    """
    needs = {"api": _api, "worker": _worker, "edge": _edge, "frontend": _frontend}
    place = layout.addresses.endpoint
    every = {
        "LOG_LEVEL": "INFO",
        "ERRORS_URL": f"http://{_REPORTER}@{place(PAGER)}/1",
        "TRACES_URL": f"http://{place(TRACES)}/v1/traces" if watched else "",
        "TRACES_RATIO": _TRACES_RATIO,
    }
    return {service: {**every, **need(layout, programs)} for service, need in needs.items()}


def instances(layout: Layout, programs: Programs, secrets: SecretFiles, release: str) -> list[Service]:
    """Make every service instance."""
    return [Service(layout, programs, secrets, name, release) for name in INSTANCES]


def database_variables(door: Endpoint | Sequence[Endpoint], root: Path, role: str) -> dict[str, str]:
    """Give the variables of a PostgreSQL client, which takes the primary where there are several servers."""
    places, which = (
        (door, "") if isinstance(door, Endpoint) else (",".join(map(str, door)), "&target_session_attrs=primary")
    )
    url = f"postgresql://{role}@{places}/{DATABASE}?sslmode=verify-full&sslrootcert={root}{which}"
    return {"DATABASE_URL": url, "DATABASE_PASSWORD": SECRET}


SECRET_VARIABLES = {
    "DATABASE_PASSWORD": "postgres-{service}",
    "REDIS_PASSWORD": "redis-{service}",
    "S3_ACCESS_KEY": "s3-{service}.access",
    "S3_SECRET_KEY": "s3-{service}.secret",
    "JWT_KEY": "jwt",
    "LINK_KEYS": "links",
}


def _redis(layout: Layout, role: str) -> dict[str, str]:
    return {
        "REDIS_URL": f"rediss://{role}@{layout.addresses.endpoint('redis')}/0",
        "REDIS_SENTINELS": f"{NAME}@{','.join(str(layout.addresses.endpoint(each)) for each in SENTINELS)}",
        "REDIS_PASSWORD": SECRET,
        "REDIS_CA": str(layout.root_certificate),
    }


def _storage(layout: Layout, *buckets: str) -> dict[str, str]:
    return {
        "S3_ENDPOINT": f"http://{layout.addresses.endpoint('s3')}",
        "S3_REGION": REGION,
        "S3_ACCESS_KEY": SECRET,
        "S3_SECRET_KEY": SECRET,
        **{f"BUCKET_{bucket.upper()}": bucket for bucket in buckets},
    }


def _api(layout: Layout, _programs: Programs) -> dict[str, str]:
    addresses = layout.addresses
    return {
        **database_variables(addresses.endpoint("pgbouncer"), layout.root_certificate, "api"),
        **_redis(layout, "api"),
        **_storage(layout, s3.STAGING, s3.MASTERS, s3.PREVIEWS),
        "S3_PUBLIC_ENDPOINT": addresses.origin("s3"),
        "DATABASE_POOL_SIZE": "9",
        "TRUSTED_PROXIES": _TRUSTED_PROXIES,
        "CLIENT_LIMIT": "2/s, 40 at once",
        "ACCOUNT_LIMIT": "1/s, 20 at once",
        "UNLIMITED_NETWORKS": "127.0.0.1/32",  # whoever tries this system out, and makes load, does it from here
        "JWT_KEY": SECRET,
        "LINK_KEYS": SECRET,
        "API_ORIGIN": addresses.origin("api"),
        "PLAY_ORIGIN": addresses.origin("play"),
        "MASTER_RETENTION_S": "8",
        "LINK_LIFETIME_S": "300",
        "LINK_MAX_LIFETIME_S": _LINKS["LINK_MAX_LIFETIME_S"],
    }


def _worker(layout: Layout, programs: Programs) -> dict[str, str]:
    return {
        **database_variables(layout.addresses.endpoint("pgbouncer"), layout.root_certificate, "worker"),
        **_redis(layout, "worker"),
        **_storage(layout, s3.STAGING, s3.PREVIEWS),
        "DATABASE_POOL_SIZE": "4",
        "JOB_LEASE_S": "5",
        "JOB_ATTEMPTS": "3",
        "FFMPEG": str(programs.ffmpeg),
        "ENCODER": "auto",
    }


def _edge(layout: Layout, _programs: Programs) -> dict[str, str]:
    return {
        **_storage(layout, s3.PREVIEWS),
        **_LINKS,
        "LINK_KEYS": SECRET,
        "CACHE_MAX_BYTES": str(_CACHE_MAX_BYTES),
    }


def _frontend(layout: Layout, _programs: Programs) -> dict[str, str]:
    addresses = layout.addresses
    apis = ",".join(f"http://{addresses.endpoint(each)}" for each in INSTANCES if each.startswith("api-"))
    return {
        "API_INTERNAL_URL": apis,
        "TRUSTED_PROXIES": _TRUSTED_PROXIES,
        "S3_PUBLIC_ENDPOINT": addresses.origin("s3"),
        "APP_ORIGIN": addresses.origin("app"),
        "PLAY_ORIGIN": addresses.origin("play"),
    }
