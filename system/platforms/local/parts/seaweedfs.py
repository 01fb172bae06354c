"""SeaweedFS: S3 with one identity per service, object lock, and its other interfaces kept quiet."""

import socket
from pathlib import Path

from system.platforms.local import http_probe
from system.platforms.local.addresses import Endpoint
from system.platforms.local.children import Command
from system.platforms.local.layout import Layout
from system.platforms.local.links import PLAIN_TCP
from system.platforms.local.part import Part
from system.platforms.local.parts.s3_identities import IDENTITIES, identities_file
from system.platforms.local.programs import Programs
from system.platforms.local.secret_files import SecretFiles

_OWN_KEYS = (
    ("s3.sse", "kek", "s3-kek"),
    ("jwt.signing", "key", "s3-jwt-write"),
    ("jwt.signing.read", "key", "s3-jwt-read"),
    ("jwt.filer_signing", "key", "s3-jwt-filer-write"),
    ("jwt.filer_signing.read", "key", "s3-jwt-filer-read"),
)


class SeaweedFS(Part):
    """The object store.

    Args:
        layout: directories and addresses.
        programs: the programs to run.
        secrets: holds keys of identities and of the store itself.
    """

    stop_grace_s = 3.0  # a SIGTERM takes it 16 to 26 s; kill -9 has lost no acknowledged object in any test
    ready_deadline_s = 40.0

    def __init__(self, layout: Layout, programs: Programs, secrets: SecretFiles) -> None:
        super().__init__(layout, programs, "s3", "s3", layout.addresses.endpoint("s3"))
        self._secrets = secrets
        self._data = layout.data / "s3"
        self._home = layout.run / "s3"
        self._identities = layout.run / "s3.json"
        self._withheld: list[socket.socket] = []

    async def prepare(self) -> None:
        """Write the identities, and keep the store away from the public address."""
        if not self._withheld:
            self._withheld = [_bound(endpoint) for endpoint in self.layout.addresses.withheld()]
        self._data.mkdir(mode=0o700, exist_ok=True)
        # In its home, and not in its environment, which every process of the same user may read.
        own = self._home / ".seaweedfs"
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = (f'[{section}]\n{name} = "{self._secrets.read(secret)}"\n' for section, name, secret in _OWN_KEYS)
        _write(own / "security.toml", "".join(keys))
        self._write_identities(self._keys())

    def write_keys(self, identity: str, accepted: list[str]) -> None:
        """Write exactly these keys of an identity; a running store takes them on SIGHUP."""
        self._write_identities({**self._keys(), identity: accepted})

    def _keys(self) -> dict[str, list[str]]:
        return {name: self._secrets.accepted(f"s3-{name}") for name in IDENTITIES}

    def _write_identities(self, keys: dict[str, list[str]]) -> None:
        _write(self._identities, identities_file(keys))

    def command(self) -> Command:
        """Run master, volume server, filer and S3 gateway in one process."""
        flags = [f"-{name}={value}" for name, value in self._flags().items()]
        environment = {
            **PLAIN_TCP,
            "HOME": str(self._home),
            "PATH": "/usr/bin:/bin",
            "TZ": "UTC",
            "GOMEMLIMIT": "512MiB",  # it holds some 200 MiB: half of this, and it did little but collect garbage
        }
        return Command([self.programs.weed, "-logtostderr=true", "server", *flags], environment, self._data)

    async def probe(self) -> str:
        """Ask the gateway for its health."""
        status = await http_probe.status(self.endpoint, "/healthz")
        return "" if status == 200 else f"/healthz answers {status}"

    def config(self) -> dict[str, str]:
        """Give the flags."""
        return self._flags()

    def _flags(self) -> dict[str, str]:
        addresses, run = self.layout.addresses, self.layout.run
        address = self.endpoint.address
        origin = addresses.origin("app")
        flags = {
            "dir": str(self._data),
            "ip": address,
            "ip.bind": address,
            "master.port": str(addresses.endpoint("s3-master").port),
            "master.peers": "none",  # without it a warm start elects a leader for 20 s
            # Resuming, it replays its log before or after it sees that it leads, as threads fall; before, it takes no object for 15 s.
            "master.resumeState": "false",
            "master.volumeSizeLimitMB": "256",
            "master.telemetry": "false",
            "volume.port": str(addresses.endpoint("s3-volume").port),
            "volume.max": "100",
            "volume.preStopSeconds": "0",
            "filer": "true",
            "filer.port": str(addresses.endpoint("s3-filer").port),
            "filer.localSocket": str(run / "filer.sock"),
            "filer.allowedOrigins": origin,
            "filer.disableHttp": "true",  # plain requests to it bypass object lock
            "disableHttp": "true",
            "s3": "true",
            "s3.port": str(self.endpoint.port),
            "s3.ip.bind": address,
            "s3.config": str(self._identities),
            "s3.localSocket": str(run / "s3.sock"),
            "s3.allowedOrigins": origin,
            "s3.port.iceberg": "0",
            "s3.port.lance": "0",
            "s3.iam": "false",
            "s3.allowDeleteBucketNotEmpty": "false",
            "s3.autoCreateBucket": "false",
        }
        return {**flags, **{name.lstrip("-"): str(value) for name, value in self.settings.items()}}


def _write(path: Path, text: str) -> None:
    """Replace a file of secrets in one step."""
    half = path.with_suffix(".half")
    half.unlink(missing_ok=True)
    half.touch(mode=0o600)
    half.write_text(text)
    half.rename(path)


def _bound(endpoint: Endpoint) -> socket.socket:
    """Bind a socket that never listens: connections are refused, and nobody else can listen there.

    SeaweedFS opens each of its ports on `localhost` as well, and goes on without when it cannot.
    """
    held = socket.socket()
    held.bind((endpoint.address, endpoint.port))
    return held
