"""What a rotation does to the files alone: the rings of signing keys, and the end of a rotation that was cut off."""

import json
import secrets as random
from typing import Any

from system.platforms.local.secret_files import SecretFiles

RINGS = ("jwt", "links")
PASSWORDS = ("postgres-api", "postgres-worker", "redis-api", "redis-worker")
PAIRS = ("s3-api", "s3-worker", "s3-edge", "s3-backup", "s3-restore")
NAMES = (*RINGS, *PASSWORDS, *PAIRS)


Ring = dict[str, Any]


def settle(files: SecretFiles) -> None:
    """Complete what was cut off; only while nothing runs, since the stores take what the files say at their start."""
    for name in RINGS:
        if len(read_ring(files, name)["keys"]) > 1:
            activate(files, name)
            retire(files, name)
    for name in (*PASSWORDS, *PAIRS):
        files.publish(name)
        files.forget(name)


def read_ring(files: SecretFiles, name: str) -> Ring:
    """Read a ring of signing keys; a bare key is the key k1, as the services take it."""
    text = files.read(name)
    if not text.startswith("{"):
        return {"active": "k1", "keys": {"k1": text.encode().hex()}}
    ring: Ring = json.loads(text)
    return ring


def extend(files: SecretFiles, name: str) -> None:
    """Add a new key, which verifies and does not sign yet, unless there are two already."""
    ring = read_ring(files, name)
    if len(ring["keys"]) == 1:
        number = int(ring["active"].removeprefix("k")) + 1
        files.write(name, json.dumps({**ring, "keys": {**ring["keys"], f"k{number}": random.token_hex(32)}}))


def activate(files: SecretFiles, name: str) -> None:
    """Sign with the newest key."""
    ring = read_ring(files, name)
    files.write(name, json.dumps({**ring, "active": list(ring["keys"])[-1]}))


def retire(files: SecretFiles, name: str) -> None:
    """Keep the active key alone."""
    ring = read_ring(files, name)
    files.write(name, json.dumps({**ring, "keys": {ring["active"]: ring["keys"][ring["active"]]}}))
