"""Redis as a whole: its servers and Sentinels, what concerns them all, and the way back after a failover."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial

from system.platforms.local.errors import PartFailed
from system.platforms.local.keeper import Keeper, State
from system.platforms.local.layout import Layout
from system.platforms.local.parts.redis import Redis, RedisProgram
from system.platforms.local.parts.sentinel import Sentinel
from system.platforms.local.programs import Programs
from system.platforms.local.redis_primary import NAME, SENTINELS, SERVERS, primary
from system.platforms.local.redis_wire import RefusedError
from system.platforms.local.secret_files import SecretFiles

_IN_SYNC_S = 20.0
_SWITCHED_S = 20.0
_SEEN_S = 3.0
_NO_WRITES, _WRITES = ("min-replicas-to-write", "99"), ("min-replicas-to-write", "0")
_PATIENCE_MS = "30000"
_JUST_ANSWERED_MS = 500
_POLL_S = 0.05


class RedisGroup:
    """The servers and the Sentinels.

    Args:
        layout: directories and addresses.
        programs: the programs to run.
        secrets: holds the users' passwords.
    """

    def __init__(self, layout: Layout, programs: Programs, secrets: SecretFiles) -> None:
        self._layout = layout
        self.servers = {name: Redis(layout, programs, secrets, name) for name in SERVERS}
        self.sentinels = {name: Sentinel(layout, programs, secrets, name) for name in SENTINELS}
        self.parts: dict[str, RedisProgram] = {**self.servers, **self.sentinels}
        self.keepers: Mapping[str, Keeper] = {}

    async def set_passwords(self, user: str, passwords: list[str]) -> None:
        """Have every one that runs accept exactly these passwords of a user; one that is down reads them at its start."""
        for part in self._running():
            await part.set_passwords(user, passwords)

    async def newest_clients(self) -> dict[str, int]:
        """Give the number of the newest connection of each."""
        return {part.name: await part.newest_client() for part in self._running()}

    async def sessions(self, user: str, before: dict[str, int] | None, *, end: bool) -> int:
        """Count a user's connections that are older than these, or all of them, and end them if asked to."""
        counts = [
            await part.sessions(user, before.get(part.name, 0) if before is not None else None, end=end)
            for part in self._running()
        ]
        return sum(counts)

    async def in_sync(self) -> None:
        """Wait until the replica has a copy of all that the primary has; raises PartFailed."""
        leader = self.servers[primary(self._layout)]
        for replica in self.servers.values():
            if replica is not leader:
                await _demand(replica, "is not in sync", partial(_follows, replica, leader), _IN_SYNC_S)

    @asynccontextmanager
    async def restarting(self, name: str) -> AsyncIterator[None]:
        """Have the Sentinels wait longer while the primary is restarted on purpose: that is no death."""
        if name != primary(self._layout):
            yield
            return
        watching = self._watching()
        for sentinel in watching:
            await sentinel.set_option("down-after-milliseconds", _PATIENCE_MS)
        try:
            yield
            if self.keepers[name].state is State.READY:
                for sentinel in watching:
                    await _eventually(partial(_sees, sentinel), _SEEN_S)
        finally:
            for sentinel in watching:
                await sentinel.set_option("down-after-milliseconds", sentinel.watch["down-after-milliseconds"])

    async def switch_to(self, name: str) -> str:
        """Make a server the primary, in step with the Sentinels and without losing a write, and name the one of before.

        Writes are refused meanwhile, for two seconds or so. Raises PartFailed.
        """
        target = self.servers[name]
        leader = self.servers[primary(self._layout)]
        if leader is not target:
            place = leader.endpoint
            if (await target.replication()).get("role") == "master":  # it was frozen while it was replaced
                await target.call("REPLICAOF", place.address, str(place.port))
                await target.call("CLIENT", "KILL", "TYPE", "normal")
            await _demand(target, "is not in sync", partial(_follows, target, leader), _IN_SYNC_S)
            # Not CLIENT PAUSE: it holds the Sentinels' own messages as well, and they take the server for dead.
            await leader.call("CONFIG", "SET", *_NO_WRITES)
            try:
                await _demand(target, "lags behind", partial(_follows, target, leader), _SEEN_S)
                await _demand(target, "no Sentinel would make it the primary", self._taken_on, _SWITCHED_S)
                await _demand(target, "was not made the primary", partial(self._agreed, target), _SWITCHED_S)
                await leader.call("REPLICAOF", target.endpoint.address, str(target.endpoint.port))
            finally:
                await leader.call("CONFIG", "SET", *_WRITES)
                await leader.call("CLIENT", "KILL", "TYPE", "normal")
        await self.in_sync()
        return leader.name

    async def _taken_on(self) -> bool:
        """Ask the Sentinels for a failover, one after the other; one refuses while it knows no replica that is fit."""
        for sentinel in self._watching():
            with suppress(RefusedError):
                await sentinel.call("SENTINEL", "FAILOVER", NAME)
                return True
        return False

    async def _agreed(self, target: Redis) -> bool:
        """Say whether the server is the primary, and every Sentinel knows."""
        if (await target.replication()).get("role") != "master":
            return False
        known = [await each.known() for each in self._watching()]
        return all(each["ip"] == target.endpoint.address and each["flags"] == "master" for each in known)

    def _running(self) -> list[RedisProgram]:
        return [part for name, part in self.parts.items() if self.keepers[name].pid is not None]

    def _watching(self) -> list[Sentinel]:
        return [each for name, each in self.sentinels.items() if self.keepers[name].state is State.READY]


async def _follows(replica: Redis, leader: Redis) -> bool:
    """Say whether what is said to the leader now arrives: right after a copy nothing is passed on for a while."""
    await leader.call("PUBLISH", NAME, "in sync?")
    sent = int((await leader.replication())["master_repl_offset"])
    state = await replica.replication()
    from_leader = state.get("master_host") == leader.endpoint.address and state.get("master_link_status") == "up"
    return from_leader and int(state["slave_repl_offset"]) >= sent


async def _sees(sentinel: Sentinel) -> bool:
    known = await sentinel.known()
    return known["flags"] == "master" and int(known["last-ok-ping-reply"]) < _JUST_ANSWERED_MS


async def _eventually(condition: Callable[[], Awaitable[bool]], within_s: float) -> bool:
    """Wait for a condition; a server whose role changes ends its connections, ours as well, so that a lost one is no."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        with suppress(ConnectionError):
            if await condition():
                return True
        await asyncio.sleep(_POLL_S)
    return False


async def _demand(part: RedisProgram, what: str, condition: Callable[[], Awaitable[bool]], within_s: float) -> None:
    if not await _eventually(condition, within_s):
        raise PartFailed(part.name, f"{what} within {within_s:g} s")
