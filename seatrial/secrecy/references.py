"""References to secrets: a profile names where a secret is, and it is read from there when it is needed."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from seatrial.errors import ProfileError

SOPS_TIMEOUT_S = 30


@dataclass(frozen=True)
class Reference:
    """One reference, taken apart.

    Attributes:
        kind: env, file or sops.
        place: the variable's name, or the file's path as it is written.
        key: the key inside of a SOPS file, else empty.
    """

    kind: str
    place: str
    key: str = ""

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Take `env:NAME`, `file:PATH` or `sops:PATH#KEY` apart."""
        kind, _, rest = text.partition(":")
        if kind != "sops":
            return cls(kind, rest)
        place, _, key = rest.rpartition("#")
        return cls(kind, place, key)

    def __str__(self) -> str:
        return f"{self.kind}:{self.place}" + (f"#{self.key}" if self.kind == "sops" else "")


def read(reference: Reference, profile: Path) -> str:
    """Return the value; raises ProfileError that names the profile and the reference, never the value."""
    where = f"{profile}: secret {reference}"
    if reference.kind == "env":
        if not (value := os.environ.get(reference.place, "")):
            raise ProfileError(f"{where} is missing: set the environment variable {reference.place}")
        return value
    path = profile.parent / reference.place
    return _file(where, path) if reference.kind == "file" else _sops(where, path, reference.key)


def _file(where: str, path: Path) -> str:
    try:
        value = path.read_text().strip()
    except OSError as error:
        raise ProfileError(f"{where} is missing: {error.strerror} ({path})") from None
    except UnicodeDecodeError as error:
        raise ProfileError(f"{where} is not UTF-8 at byte {error.start} ({path})") from None
    if not value:
        raise ProfileError(f"{where} is empty ({path})")
    return value


def _sops(where: str, path: Path, key: str) -> str:
    command = [sops_program(where), "decrypt", "--extract", f'["{key}"]', str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SOPS_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise ProfileError(f"{where}: sops took more than {SOPS_TIMEOUT_S} s") from None
    if done.returncode or not done.stdout.strip():
        last = done.stderr.strip().splitlines()[-1:] or ["no value"]
        raise ProfileError(f"{where} could not be decrypted: {last[0]}")
    return done.stdout.strip()


def sops_program(where: str) -> str:
    """Return the path of sops: the one beside this Python before any other; raises ProfileError without one."""
    beside_us = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    program = shutil.which("sops", path=beside_us)
    if program is None:
        raise ProfileError(f"{where} needs the program sops on PATH")
    return program
