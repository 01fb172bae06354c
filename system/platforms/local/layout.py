"""Where things lie: the project, the cache of unpacked programs, and the state directory of one instance."""

import os
from dataclasses import dataclass
from pathlib import Path

from system.platforms.local.addresses import Addresses

PROJECT = Path(__file__).resolve().parents[3]
CACHE = PROJECT / ".cache"
DEFAULT_STATE = Path(".state/local")
_SOCKET_PATH_MAX = 107  # sockaddr_un.sun_path less its final zero


@dataclass(frozen=True)
class Layout:
    """The state directory of one instance and its addresses.

    Attributes:
        state: absolute path; everything that the instance writes lies below.
        addresses: the endpoints of the instance.
    """

    state: Path
    addresses: Addresses

    @classmethod
    def of(cls, state: Path, base_port: int) -> "Layout":
        """Make the layout of a state directory; a relative path starts at the working directory."""
        return cls(Path(os.path.abspath(state)), Addresses(base_port))  # noqa: PTH100 - keeps symbolic links

    @property
    def ca(self) -> Path:
        """The certificate authority and the leaf certificates."""
        return self.state / "ca"

    @property
    def root_certificate(self) -> Path:
        """The authority's own certificate, which clients trust."""
        return self.ca / "root.crt"

    @property
    def secrets(self) -> Path:
        """One file per secret, 0600."""
        return self.state / "secrets"

    @property
    def releases(self) -> Path:
        """Immutable copies of the system's source, by release id."""
        return self.state / "releases"

    @property
    def history(self) -> Path:
        """What was deployed and rolled back, one line each."""
        return self.state / "history.jsonl"

    @property
    def run(self) -> Path:
        """Sockets, pids, generated configuration: worthless after `down`."""
        return self.state / "run"

    @property
    def logs(self) -> Path:
        """One log file per part."""
        return self.state / "logs"

    @property
    def data(self) -> Path:
        """What the stores keep."""
        return self.state / "data"

    def work(self, part: str) -> Path:
        """Give the directory of a service's working files; see `places`."""
        return self.state / "work" / part / "files"

    @property
    def control_socket(self) -> Path:
        """The socket of the control protocol."""
        return self.state / "control.sock"

    @property
    def lock_file(self) -> Path:
        """Locked by guardian and supervisor for as long as either of them lives."""
        return self.state / "instance.lock"

    @property
    def gate_marker(self) -> Path:
        """Says that a gate has made this directory, and that the next one may empty it where this one was killed."""
        return self.state / "booted-by-gate"

    @property
    def guardian_pid(self) -> Path:
        """Holds the guardian's process id."""
        return self.run / "guardian.pid"

    @property
    def platform_log(self) -> Path:
        """What guardian and supervisor say themselves."""
        return self.logs / "platform.log"

    @property
    def kept(self) -> Path:
        """What outlives the region, beside the store: the plan and the key that opens it."""
        return self.state / "kept"

    @property
    def plan(self) -> Path:
        """The plan that a rebuild goes by, with every secret, encrypted."""
        return self.kept / "plan.sops.json"

    @property
    def age_key(self) -> Path:
        """The private key that opens the plan."""
        return self.kept / "age.key"

    @property
    def lost(self) -> Path:
        """What a lost region held, until another one is in its place."""
        return self.state / "lost"

    @property
    def replaced(self) -> Path:
        """What a lost region held, once another one is in its place."""
        return self.state / "replaced"

    @property
    def rebuilding(self) -> Path:
        """There while a rebuild has not come so far that it counts."""
        return self.state / "rebuilding"

    def log(self, part: str) -> Path:
        """Give the log file of a part."""
        return self.logs / f"{part}.log"

    def sockets(self) -> list[Path]:
        """List every unix socket of the instance."""
        return [self.control_socket, self.run / "ingress.sock", self.run / "s3.sock", self.run / "filer.sock"]

    def too_long_sockets(self) -> list[Path]:
        """List the sockets whose path the kernel does not take."""
        every = [*self.sockets(), self.run / ".s.PGSQL.65535"]  # the last one is a restored server's
        return [path for path in every if len(os.fsencode(path)) > _SOCKET_PATH_MAX]

    def make(self) -> None:
        """Create the directories; what holds secrets, keys or data is open to its owner only."""
        self.state.mkdir(parents=True, exist_ok=True)
        for path in (self.logs, self.releases):
            path.mkdir(exist_ok=True)
        for path in (self.secrets, self.ca, self.data, self.run, self.state / "work"):
            path.mkdir(mode=0o700, exist_ok=True)
            path.chmod(0o700)
