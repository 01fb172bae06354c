"""Debian's packages, unpacked privately: apt with directories of its own fetches and verifies, nothing is installed."""

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from system.platforms.local.errors import SetupError

LOCK = Path(__file__).with_name("debian.lock")
CLOCK = Path("usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
_OPTIONAL = {"libfaketime": "the platform then offers no `clock`"}


@dataclass(frozen=True)
class Pin:
    """One line of debian.lock.

    Attributes:
        name: binary package.
        version: full Debian version, with epoch and revision.
        sha256: digest of the .deb, hexadecimal.
    """

    name: str
    version: str
    sha256: str


def read_lock(text: str, name: str = LOCK.name) -> list[Pin]:
    """Parse a lock file; raises SetupError naming the line."""
    pins = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match line.split():
            case [package, version, sha256] if re.fullmatch(r"[0-9a-f]{64}", sha256):
                pins.append(Pin(package, version, sha256))
            case _:
                raise SetupError(f"{name}:{number}: expected `name version sha256`, found {line!r}")
    return pins


def upstream(version: str) -> str:
    """Strip epoch and Debian revision: 5:7.0.15-1~deb12u10 -> 7.0.15."""
    return version.split(":", 1)[-1].rsplit("-", 1)[0]


def fill(tree: Path) -> None:
    """Fetch and unpack the locked packages into `tree`; raises CalledProcessError or SetupError."""
    print("setup: Debian packages of debian.lock (Redis 7 with TLS, PgBouncer, nginx, testssl.sh, wrk, libfaketime)")
    unpack(tree, LOCK)
    if (tree / CLOCK).exists():
        (tree / CLOCK).write_bytes(leave_sleep_alone((tree / CLOCK).read_bytes()))
    libraries = tree / "usr/lib/x86_64-linux-gnu"
    for program, flag in (
        ("usr/bin/redis-server", "--version"),
        ("usr/sbin/pgbouncer", "--version"),
        ("usr/sbin/nginx", "-v"),
    ):
        _run([str(tree / program), flag], tree, {"LD_LIBRARY_PATH": str(libraries)})


def leave_sleep_alone(library: bytes) -> bytes:
    """Take `clock_nanosleep` out of what libfaketime replaces, so that programs find the C library's.

    Its own one (0.9.10) refuses every sleep until a moment of the monotonic clock with EINVAL, which is what Python's
    `time.sleep` asks for. Of the name's two places the first is the table of symbols, the other one its look-up of the original.
    """
    symbol = b"\0clock_nanosleep\0"
    if library.count(symbol) != 2:
        raise SetupError(
            f"libfaketime names clock_nanosleep {library.count(symbol)} times, not twice: it is another one"
        )
    return library.replace(symbol, b"\0-lock_nanosleep\0", 1)


def unpack(tree: Path, lock: Path) -> None:
    """Fetch and unpack the packages of a lock file into `tree`; raises CalledProcessError or SetupError."""
    for tool in ("apt-get", "apt-cache", "dpkg"):
        if not shutil.which(tool):
            raise SetupError(
                f"{tool} is not on this machine: what {lock.name} names are Debian 12's packages, run on Debian 12"
            )
    work = tree / "apt"
    shutil.rmtree(work, ignore_errors=True)
    for path in ("state/lists/partial", "cache/archives/partial", "debs"):
        (work / path).mkdir(parents=True)
    (work / "state/status").touch()
    _apt(work, "apt-get", "update")
    for pin in read_lock(lock.read_text(), lock.name):
        try:
            deb = _download(work, pin, lock.name)
        except SetupError as error:
            if pin.name not in _OPTIONAL:
                raise
            print(f"setup: {error}; {_OPTIONAL[pin.name]}")
            continue
        _run(["dpkg", "-x", str(deb), str(tree)], work)
    shutil.rmtree(work)


def _download(work: Path, pin: Pin, lock: str) -> Path:
    version = pin.version
    known = re.findall(r"^Version: (\S+)$", _apt(work, "apt-cache", "show", "--all-versions", pin.name), re.MULTILINE)
    if not known:
        raise SetupError(f"apt knows no {pin.name}: is Debian's archive in its sources and reachable?")
    if version not in known:
        same = [each for each in known if upstream(each) == upstream(version)]
        if not same:
            raise SetupError(
                f"{lock} pins {pin.name} {version}, this machine's archive has {', '.join(known)}: "
                f"another upstream version is not taken unseen; edit {lock}"
            )
        version = same[0]
        print(
            f"setup: {pin.name} {version} instead of {pin.version}: same upstream, the archive moved; apt verified it"
        )
    for leftover in (work / "debs").iterdir():
        leftover.unlink()
    _apt(work, "apt-get", "download", f"{pin.name}={version}")
    (deb,) = (work / "debs").iterdir()
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    if version == pin.version and digest != pin.sha256:
        raise SetupError(f"{pin.name} {version} has sha256 {digest}, {lock} says {pin.sha256}")
    return deb


def _apt(work: Path, tool: str, *arguments: str) -> str:
    options = {
        "Dir::State": work / "state",
        "Dir::State::status": work / "state/status",
        "Dir::Cache": work / "cache",
        "APT::Sandbox::User": "",  # root would drop to _apt, which cannot write here
        "Acquire::Retries": 0,
        "Acquire::Languages": "none",
    }
    command = [tool, "-q", *(f"-o{name}={value}" for name, value in options.items()), *arguments]
    return _run(command, work / "debs")


def _run(command: list[str], directory: Path, extra: dict[str, str] | None = None) -> str:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **(extra or {})}
    done = subprocess.run(command, cwd=directory, env=environment, check=True, capture_output=True, text=True)
    return done.stdout
