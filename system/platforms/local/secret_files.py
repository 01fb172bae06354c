"""The instance's secrets: made at the first boot, one file each, readable by their owner only.

During its rotation a secret has up to three values, each in a place of its own: `X` is in use, `X.new` is to come, `X.old`
is on its way out. Each step is one rename or one link, so that a kill between any two leaves a state that can be gone on
from. The key pair of a store's identity is a folder behind a symbolic link, which makes replacing both files one step.
"""

import json
import os
import secrets
import shutil
from pathlib import Path

from system.platforms.local.parts.s3_identities import IDENTITIES

_STORE_USERS = {
    "postgres": ("admin", "replicator", "backup", "migrator", "api", "worker", "observer"),
    "redis": ("admin", "api", "worker", "observer", "replica", "sentinel"),
}
_S3_INTERNAL = ("s3-kek", "s3-jwt-write", "s3-jwt-read", "s3-jwt-filer-write", "s3-jwt-filer-read")
_OF_PARTS = ("pgbouncer-console", "patroni-rest", "patroni-votes")
_PAIR = ("access", "secret")
ACCOUNTS = tuple(f"trial{number}@example.test" for number in range(1, 5))


class SecretFiles:
    """Reads and makes the files below one directory.

    Args:
        directory: exists, mode 0700.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, name: str) -> Path:
        """Give the path of a secret's file."""
        return self._directory / name

    def read(self, name: str) -> str:
        """Give a secret's value."""
        return self.path(name).read_text().rstrip("\n")

    def missing(self) -> list[str]:
        """Name every secret of `make_all` that is not there, or leads nowhere."""
        users = [f"{store}-{user}" for store, users in _STORE_USERS.items() for user in users]
        pairs = [f"s3-{identity}.{part}" for identity in IDENTITIES for part in _PAIR]
        accounts = [f"account-{number}" for number in range(1, len(ACCOUNTS) + 1)]
        names = (*users, *pairs, *_S3_INTERNAL, *_OF_PARTS, "jwt", "links", *accounts, "verdict-key")
        return [name for name in names if not self.path(name).is_file()]

    def make_all(self) -> None:
        """Make every secret that is not there yet; existing ones stay."""
        for store in _STORE_USERS:
            self.make_for(store)
        for identity in IDENTITIES:
            self._make_pair(f"s3-{identity}")
        for name in _S3_INTERNAL:
            self._keep(name, secrets.token_hex(32))
        for name in _OF_PARTS:
            self.make(name)
        self.make("jwt")
        self._keep("links", json.dumps({"active": "k1", "keys": {"k1": secrets.token_hex(32)}}))
        for number in range(1, len(ACCOUNTS) + 1):
            self.make(f"account-{number}")
        self.make("verdict-key")

    def make_for(self, store: str) -> None:
        """Make the passwords of one store's users: `postgres` or `redis`."""
        for user in _STORE_USERS[store]:
            self.make(f"{store}-{user}")

    def make(self, name: str) -> Path:
        """Make one random secret of 256 bits unless it is there; give its path."""
        return self._keep(name, secrets.token_urlsafe(32))

    def files(self) -> list[Path]:
        """List every file that holds a secret; the places of a pair are seen once, through their folders."""
        found = []
        for folder, folders, names in os.walk(self._directory, followlinks=False):
            found += [Path(folder, name) for name in (*folders, *names)]
        return sorted(path for path in found if path.is_file() and not path.is_symlink())

    def values(self) -> set[str]:
        """Collect every value, for masking."""
        return {line for path in self.files() for line in path.read_text().splitlines() if line}

    def write(self, name: str, value: str) -> None:
        """Replace a secret's value in one step."""
        half = self._half(name)
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(value)
        half.rename(self.path(name))

    def stage(self, name: str) -> None:
        """Make the value to come, unless it is there."""
        new = self._slot(name, "new")
        if new.exists():
            return
        if self._is_pair(name):
            self._link(new, self._folder(name, *_random_pair()))
        else:
            self.write(new.name, secrets.token_urlsafe(32))

    def set_aside(self, name: str) -> None:
        """Keep the value in use as the old one, unless an old one is kept already."""
        old = self._slot(name, "old")
        if not os.path.lexists(old):
            os.link(self._slot(name, "now"), old, follow_symlinks=False)

    def publish(self, name: str) -> None:
        """Put the value to come in the place of the one in use; without one nothing changes."""
        new = self._slot(name, "new")
        if new.exists():
            self.set_aside(name)
            new.rename(self._slot(name, "now"))

    def forget(self, name: str) -> None:
        """Remove the old value, and the folder of a pair that never came into use."""
        self._slot(name, "old").unlink(missing_ok=True)
        if self._is_pair(name):
            home = self.path(f"{name}.d")
            kept = {link.resolve() for link in home.iterdir() if link.is_symlink()}
            for folder in [each for each in home.iterdir() if not each.is_symlink() and each.resolve() not in kept]:
                shutil.rmtree(folder)

    def accepted(self, name: str, *, old: bool = True) -> list[str]:
        """Give the distinct values that the store must accept now; a pair's are joined by a line feed."""
        slots = [self._slot(name, each) for each in ("now", "new", *(("old",) if old else ()))]
        return list(dict.fromkeys(self._text(name, slot) for slot in slots if slot.exists()))

    def rotating(self, name: str) -> bool:
        """Say whether a rotation has begun and is not complete."""
        return any(os.path.lexists(self._slot(name, each)) for each in ("new", "old"))

    def overlapping(self, name: str) -> bool:
        """Say whether the new value is in use and the old one still kept."""
        return os.path.lexists(self._slot(name, "old")) and not os.path.lexists(self._slot(name, "new"))

    def _text(self, name: str, slot: Path) -> str:
        if not self._is_pair(name):
            return slot.read_text().splitlines()[-1]
        return "\n".join((slot / part).read_text() for part in _PAIR)

    def _is_pair(self, name: str) -> bool:
        return self.path(f"{name}.d").is_dir()

    def _slot(self, name: str, place: str) -> Path:
        if self._is_pair(name):
            return self.path(f"{name}.d") / place
        return self.path(name if place == "now" else f"{name}.{place}")

    def _make_pair(self, name: str) -> None:
        home = self.path(f"{name}.d")
        home.mkdir(mode=0o700, exist_ok=True)
        if not (home / "now").exists():
            self._link(home / "now", self._folder(name, *_random_pair()))
        for part in _PAIR:
            if not self.path(f"{name}.{part}").is_symlink():
                self._link(self.path(f"{name}.{part}"), home / "now" / part)

    def _folder(self, name: str, access: str, secret: str) -> Path:
        folder = self.path(f"{name}.d") / access.lower()
        folder.mkdir(mode=0o700)
        for part, value in zip(_PAIR, (access, secret), strict=True):
            with os.fdopen(os.open(folder / part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(value)
        return folder

    def _link(self, place: Path, target: Path) -> None:
        half = self._half(place.name)
        half.symlink_to(os.path.relpath(target, place.parent))
        half.rename(place)

    def _half(self, name: str) -> Path:
        half = self.path(f".{name}.half")
        half.unlink(missing_ok=True)
        return half

    def _keep(self, name: str, value: str) -> Path:
        if not self.path(name).exists():
            self.write(name, value)
        return self.path(name)


def _random_pair() -> tuple[str, str]:
    return secrets.token_hex(10).upper(), secrets.token_urlsafe(32)
