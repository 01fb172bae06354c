"""Replace one secret while everything runs: the new value is accepted before it is used, the old one until it is retired.

`begin` ends in the overlap: services use the new value, and what was made with the old one still works. `complete` ends
the overlap, and every session that was opened with the old value. Each step can be repeated, so that both go on from
wherever an earlier attempt has stopped; a rotation that a crash of the whole instance has cut off is completed by the
next `up`, before anything starts.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

from system.platforms.local import processes
from system.platforms.local.bootstrap_postgres import set_password
from system.platforms.local.buckets import store_client
from system.platforms.local.errors import BadRequest, PartFailed
from system.platforms.local.instance import Instance
from system.platforms.local.parts.s3_identities import PREVIEWS
from system.platforms.local.rotating_files import NAMES, PAIRS, RINGS, activate, extend, read_ring, retire

_MOVED_WITHIN_S = 8.0  # a statement of a service takes five seconds at most
_RELOAD_S = 10.0
_POLL_S = 0.05


class Rotation:
    """Rotates the secrets of an instance.

    Args:
        instance: the instance.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._files = instance.secrets
        self._by: dict[str, str | None] = {}  # secret -> who began its last rotation; `up` completes what it finds
        self._since: dict[str, Any] = {}  # secret -> what tells its store's older sessions from newer ones

    def rotating(self, name: str) -> bool:
        """Say whether a rotation of the secret has begun and is not complete; raises BadRequest for an unknown one."""
        self._known(name)
        if name in RINGS:
            return len(read_ring(self._files, name)["keys"]) > 1
        return self._files.rotating(name)

    async def begin(self, name: str, by: str | None = None) -> dict[str, Any]:
        """Bring the new value into use beside the old one; raises BadRequest when it is in overlap already."""
        started = time.monotonic()
        if self.rotating(name):
            raise BadRequest(f"the rotation of {name} has begun already: complete it first", 409)
        self._by[name] = by
        await self._begin(name)
        return self._answer(name, started)

    async def complete(self, name: str, by: str | None = None) -> dict[str, Any]:
        """End a rotation wherever it stands, that of `by` alone if given; without one nothing changes."""
        started = time.monotonic()
        if self.rotating(name) and by in (None, self._by.get(name)):
            await self._begin(name)
            await self._end(name)
        return self._answer(name, started)

    def _known(self, name: str) -> None:
        if name not in NAMES:
            raise BadRequest(f"there is no secret {name!r} to rotate; there are {', '.join(NAMES)}", 404)

    def _answer(self, name: str, started: float) -> dict[str, Any]:
        return {"secret": name, "rotating": self.rotating(name), "seconds": round(time.monotonic() - started, 3)}

    async def _begin(self, name: str) -> None:
        if name in RINGS:
            extend(self._files, name)  # every verifier knows the new key before it signs
            activate(self._files, name)
        elif self._files.overlapping(name):
            return
        elif name.startswith("postgres-"):
            await self._begin_postgres(name)
        else:
            self._files.stage(name)
            await self._apply(name)
            self._since[name] = await self._marker(name)
            self._files.publish(name)

    async def _begin_postgres(self, name: str) -> None:
        """PostgreSQL keeps one password for a role, so for a moment the services hold both and try them in turn."""
        self._files.stage(name)
        self._files.set_aside(name)
        self._files.write(name, f"{self._files.read(f'{name}.old')}\n{self._files.read(f'{name}.new')}")
        self._since[name] = await self._marker(name)
        if self._instance.keepers["pgbouncer"].pid is None:  # it reads them when it starts
            await self._alter(name)
        else:
            async with self._instance.pooler.passwords_change():
                await self._alter(name)
        self._files.publish(name)

    async def _alter(self, name: str) -> None:
        """Give the role its new password; where that fails the pooler is told the old one, which the server has."""
        new = self._files.read(f"{name}.new")
        try:
            await set_password(self._instance.cluster.admin_dsn("postgres"), name.partition("-")[2], new)
        except BaseException:
            self._files.write(name, self._files.read(f"{name}.old"))
            raise

    async def _end(self, name: str) -> None:
        if name in RINGS:
            retire(self._files, name)
            return
        await self._apply(name, old=False)
        await self._end_sessions(name)
        self._files.forget(name)

    async def _apply(self, name: str, *, old: bool = True) -> None:
        """Have the store accept what the files say, with or without the old value."""
        accepted = self._files.accepted(name, old=old)
        if name.startswith("redis-"):
            await self._instance.redis.set_passwords(name.partition("-")[2], accepted)
        elif name in PAIRS:
            await self._set_keys(name, accepted)

    async def _set_keys(self, name: str, accepted: list[str]) -> None:
        """Have the running store read its identities again, and see that it accepts exactly these."""
        store = self._instance.keepers["s3"]
        self._instance.s3.write_keys(name.partition("-")[2], accepted)
        if store.pid is None:
            return  # it reads them when it starts
        processes.send([store.pid], signal.SIGHUP)
        wanted = {pair: pair in accepted for pair in self._files.accepted(name)}
        deadline = time.monotonic() + _RELOAD_S
        while {pair: await asyncio.to_thread(self._opens, pair) for pair in wanted} != wanted:
            if time.monotonic() > deadline:
                raise PartFailed("s3", f"it does not take the keys of {name} within {_RELOAD_S:g} s")
            await asyncio.sleep(_POLL_S)

    def _opens(self, pair: str) -> bool:
        from botocore.exceptions import ClientError  # noqa: PLC0415 - slow to import, see buckets

        client = store_client(self._instance.layout, *pair.split("\n"))
        try:
            client.list_objects_v2(Bucket=PREVIEWS, MaxKeys=1)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code not in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied"):
                raise
            return code == "AccessDenied"  # not every identity may list that bucket
        return True

    async def _marker(self, name: str) -> Any:
        """Give what a session of the store is compared with to tell whether it was opened before now."""
        if name.startswith("postgres-"):
            return await self._instance.cluster.now()
        if name.startswith("redis-"):
            return await self._instance.redis.newest_clients()
        return None

    async def _end_sessions(self, name: str) -> None:
        """Let the services leave the sessions that the old password has opened, then end those that are left."""
        user, since = name.partition("-")[2], self._since.pop(name, None)
        sessions: Callable[[bool], Awaitable[int]]
        if name.startswith("postgres-"):
            sessions = lambda end: self._instance.cluster.sessions(user, since, end=end)  # noqa: E731
        elif name.startswith("redis-"):
            sessions = lambda end: self._instance.redis.sessions(user, since, end=end)  # noqa: E731
        else:
            return
        deadline = time.monotonic() + _MOVED_WITHIN_S
        while await sessions(time.monotonic() > deadline):  # noqa: ASYNC110 - the store tells nobody when one ends
            await asyncio.sleep(_POLL_S)
