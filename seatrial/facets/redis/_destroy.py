"""Strikes on a live Redis, each with its inverse in the undo log before it acts."""

import re
from base64 import b64decode, b64encode

import redis as driver

from seatrial.errors import HarnessError
from seatrial.facets.redis._observe import ObserveRedis, own_client
from seatrial.facets.redis._streams import StreamStrikes
from seatrial.inverses import inverse
from seatrial.scope import Scope

# What ACL SETUSER's "reset" does, without the flag "sanitize-payload" that it would add to the user's line.
_BLANK = ("off", "resetpass", "resetkeys", "resetchannels", "clearselectors", "nocommands")


class DestroyRedis(StreamStrikes, ObserveRedis):
    """Changes to settings, users, streams and keys."""

    def config_set(self, name: str, value: str, *, at: str | None = None) -> None:
        """CONFIG SET; the inverse sets the value of now."""
        before = self.config(name, at=at)[name]
        self._strike("config_set", name=name, value=before, at=at)
        own_client(self._scope, at=at).config_set(name, value)

    def acl_set(self, user: str, *rules: str, at: str | None = None) -> None:
        """ACL SETUSER with these rules on top of the user's own; the inverse resets it to its line in ACL LIST."""
        client = own_client(self._scope, at=at)
        line = next((str(line) for line in client.acl_list() if str(line).split()[1] == user), None)
        self._strike("acl_set", user=user, line=line, at=at)
        client.execute_command("ACL SETUSER", user, *rules)

    def set_key(self, key: str, value: str, ttl_s: int | None = None) -> None:
        """Set a string key that is not there yet; the inverse deletes it."""
        client = own_client(self._scope)
        if client.exists(key):
            raise HarnessError(f"redis already has the key {key!r}")
        self._strike("delete", key=key)
        client.set(key, value, ex=ttl_s)

    def flush(self) -> int:
        """FLUSHDB, and return how many keys there were; the inverse restores each that has not been made anew meanwhile."""
        client, keys = own_client(self._scope, decode=False), 0
        for name in client.scan_iter(count=1000):
            payload, left_ms = client.dump(name), int(client.pttl(name))
            if payload is None or left_ms in {-2, 0}:  # it has expired meanwhile, or does so now
                continue
            kept = b64encode(payload).decode()
            # -1 is no expiry, for which RESTORE has 0.
            self._strike("restore", key=name.decode(), ttl_ms=max(left_ms, 0), payload=kept)
            keys += 1
        client.flushdb()
        return keys


def acl_rules(line: str) -> list[str]:
    """Return the rules of an ACL LIST line, "user api on #<hash> ~jobs:* (~x +get)"; a selector is one rule."""
    return re.findall(r"\([^)]*\)|\S+", line)[2:]


@inverse("redis.config_set")
def _undo_config_set(scope: Scope, *, name: str, value: str, at: str | None = None) -> None:
    own_client(scope, at=at).config_set(name, value)


@inverse("redis.acl_set")
def _undo_acl_set(scope: Scope, *, user: str, line: str | None, at: str | None = None) -> None:
    client = own_client(scope, at=at)
    if line is None:
        client.acl_deluser(user)
    else:
        client.execute_command("ACL SETUSER", user, *_BLANK, *acl_rules(line))


@inverse("redis.restore")
def _undo_flush(scope: Scope, *, key: str, ttl_ms: int, payload: str) -> None:
    client = own_client(scope, decode=False)
    try:
        client.restore(key, ttl_ms, b64decode(payload))
    except driver.ResponseError as error:
        if "BUSYKEY" not in str(error):
            raise


@inverse("redis.delete")
def _undo_set_key(scope: Scope, *, key: str) -> None:
    own_client(scope).delete(key)
