"""The instance's secrets: made at the first boot, one file each, readable by their owner only."""

import json
import os
import secrets
from pathlib import Path

from system.platforms.local.parts.s3_identities import IDENTITIES

_STORE_USERS = {
    "postgres": ("admin", "migrator", "api", "worker", "observer"),
    "redis": ("admin", "api", "worker", "observer"),
}
_S3_INTERNAL = ("s3-kek", "s3-jwt-write", "s3-jwt-read", "s3-jwt-filer-write", "s3-jwt-filer-read")
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

    def make_all(self) -> None:
        """Make every secret that is not there yet; existing ones stay."""
        for store in _STORE_USERS:
            self.make_for(store)
        for identity in IDENTITIES:
            self._keep(f"s3-{identity}.access", secrets.token_hex(10).upper())
            self.make(f"s3-{identity}.secret")
        for name in _S3_INTERNAL:
            self._keep(name, secrets.token_hex(32))
        self.make("jwt")
        self._keep("links", json.dumps({"active": "k1", "keys": {"k1": secrets.token_hex(32)}}))
        for number in range(1, len(ACCOUNTS) + 1):
            self.make(f"account-{number}")

    def make_for(self, store: str) -> None:
        """Make the passwords of one store's users: `postgres` or `redis`."""
        for user in _STORE_USERS[store]:
            self.make(f"{store}-{user}")

    def make(self, name: str) -> Path:
        """Make one random secret of 256 bits unless it is there; give its path."""
        return self._keep(name, secrets.token_urlsafe(32))

    def values(self) -> set[str]:
        """Collect every value, for masking."""
        return {self.read(path.name) for path in self._directory.iterdir()}

    def _keep(self, name: str, value: str) -> Path:
        path = self.path(name)
        if not path.exists():
            half = path.with_name(f".{name}.new")
            half.unlink(missing_ok=True)
            descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(value)
            half.rename(path)
        return path
