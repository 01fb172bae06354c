"""Accounts of the product, made through its own command so that passwords are stored as it stores them."""

import hashlib
import re
import secrets
from pathlib import Path

from system.platforms.local.errors import BadRequest
from system.platforms.local.instance import Instance
from system.platforms.local.secret_files import ACCOUNTS

_SET_ACCOUNTS = """
import sys
from system.api.__main__ import set_account
sys.exit(max(set_account(*line.rstrip("\\n").split("\\t")) for line in sys.stdin))
"""
_EMAIL = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,190}")


async def ensure(instance: Instance) -> None:
    """Make the trial accounts at the first boot."""
    done = instance.postgres.data / "seatrial-accounts"  # lives and dies with the database
    if done.exists():
        return
    passwords = {email: instance.secrets.read(f"account-{number}") for number, email in enumerate(ACCOUNTS, 1)}
    await _make(instance, passwords)
    done.touch()


async def make(instance: Instance, email: str, *, replace: bool = False) -> Path:
    """Make one account, or set its password again, a new one where that is asked for; give the password's file. Raises BadRequest."""
    if not _EMAIL.fullmatch(email):
        raise BadRequest(f"{email!r} is no e-mail address")
    known = f"account-{ACCOUNTS.index(email) + 1}" if email in ACCOUNTS else None
    path = instance.secrets.make(known or f"account-{hashlib.sha256(email.encode()).hexdigest()[:12]}")
    if replace:
        instance.secrets.write(path.name, secrets.token_urlsafe(32))
    await _make(instance, {email: instance.secrets.read(path.name)})
    return path


async def _make(instance: Instance, passwords: dict[str, str]) -> None:
    """Run the api's own command function for all accounts in one process: each start of it costs two CPU seconds."""
    needed = ("DATABASE_URL", "DATABASE_PASSWORD_FILE")
    environment = {name: value for name, value in instance.service("api-1").variables().items() if name in needed}
    stdin = "".join(f"{email}\t{password}\n" for email, password in passwords.items()).encode()
    await instance.run_release("accounts", ["-c", _SET_ACCOUNTS], environment, stdin)
