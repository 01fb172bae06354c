"""The two members as one server: who is the primary, and how that is changed on purpose."""

import asyncio
import contextlib
import datetime as dt
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import conninfo, sql

from system.platforms.local.errors import PartFailed, PlatformError
from system.platforms.local.manager import Manager, ManagerSilent
from system.platforms.local.parts.member import CONSENSUS, Member, nudges
from system.platforms.local.parts.pgbouncer import PgBouncer
from system.platforms.local.parts.postgres import ADMIN, places

_POLL_S = 0.1
_SEARCH_S = 0.05
_AGREED_WITHIN_S = 120.0  # the first start makes the cluster meanwhile
_PAUSED_WITHIN_S = 20.0
_IN_SYNC_WITHIN_S = 60.0
_SWITCHED_WITHIN_S = 30.0
_RESTARTED_WITHIN_S = 50.0


class Cluster:
    """Finds the primary wherever it is, has the pooler follow it, and asks Patroni.

    Args:
        members: both members, the first one being the primary as shipped.
        pooler: what the services reach the primary through.
        tell: takes one line for the platform's log.
    """

    def __init__(self, members: Sequence[Member], pooler: PgBouncer, tell: Callable[[str], None]) -> None:
        self.members = {each.name: each for each in members}
        first = members[0]
        self._layout, self._secrets = first.layout, first.secrets
        self._pooler = pooler
        self._tell = tell
        root = first.authority.root_certificate
        self._managers = {each.name: Manager(each.manager, root, self._secrets) for each in members}
        self.endpoints = [each.endpoint for each in members]
        if not any(each.data.exists() for each in members):  # votes on another cluster's data would keep this one out
            shutil.rmtree(self._layout.data / "votes", ignore_errors=True)

    def admin_dsn(self, database: str) -> str:
        """Give the superuser's connection string to whoever is the primary."""
        return conninfo.make_conninfo(
            **places(self.endpoints),
            dbname=database,
            user=ADMIN,
            password=self._secrets.read("postgres-admin"),
            sslmode="require",  # the platform must reach the server even while a bad certificate is on trial
            connect_timeout=2,
        )

    async def now(self) -> dt.datetime:
        """Give the primary's clock, which sessions' starts are compared with."""
        async with self._admin() as connection:
            row = await (await connection.execute("SELECT clock_timestamp()")).fetchone()
        if row is None:
            raise PlatformError("postgres did not say what time it is")
        moment: dt.datetime = row[0]
        return moment

    async def sessions(self, role: str, before: dt.datetime | None, *, end: bool) -> int:
        """Count a role's sessions that began before a moment (None: all), and end them if asked to."""
        query = sql.SQL(
            "SELECT {} FROM pg_stat_activity WHERE usename = %s AND backend_start < coalesce(%s, clock_timestamp())"
        ).format(sql.SQL("pg_terminate_backend(pid)" if end else "pid"))
        async with self._admin() as connection:
            return len(await (await connection.execute(query, (role, before))).fetchall())

    async def follow(self) -> None:
        """Point the pooler at the primary, now and whenever a member tells of a change; runs until it is cancelled."""
        pipe = nudges(self._layout)
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe, 0o600)
        descriptor = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)  # held open for writing, so that no member waits
        nudged = asyncio.Event()

        def read() -> None:
            os.read(descriptor, 4096)
            nudged.set()

        loop = asyncio.get_running_loop()
        loop.add_reader(descriptor, read)
        told = self._pooler.server
        try:
            while True:
                await nudged.wait()
                nudged.clear()
                while (primary := await self._find()) is None:  # noqa: ASYNC110 - it tells nobody when it takes writes
                    await asyncio.sleep(_SEARCH_S)
                if primary.endpoint != told:
                    try:
                        await self._pooler.follow(primary.endpoint)
                    except (
                        psycopg.OperationalError
                    ):  # it does not run, or is too busy: again, for whoever is primary then
                        nudged.set()
                        await asyncio.sleep(_POLL_S)
                        continue
                    told = primary.endpoint
                    self._tell(f"{primary.name} is the primary now, and {self._pooler.name} follows it")
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)

    async def found(self) -> None:
        """Wait until there is a primary; raises PartFailed when it takes too long."""

        async def there() -> bool:
            return await self._find() is not None

        await self._until(there, _IN_SYNC_WITHIN_S, "a primary")

    async def state(self) -> dict[str, Any]:
        """Give what Patroni knows: the primary, whether maintenance is on, and each member; raises PartFailed."""
        for manager in self._managers.values():
            with contextlib.suppress(ManagerSilent):
                status, known = await manager.ask("GET", "/cluster")
                if status == 200:
                    return _state(known)
        raise PartFailed("postgres", "no member's Patroni answers")

    async def holder(self) -> str:
        """Wait until a member holds the lock, and give its name."""
        found: list[str] = []

        async def held() -> bool:
            found[:] = [each for each in [(await self.state())["primary"]] if each]
            return bool(found)

        await self._until(held, _SWITCHED_WITHIN_S, "a member that holds the lock")
        return found[0]

    async def in_sync(self, name: str) -> None:
        """Wait until whatever is acknowledged is with that member, too; raises PartFailed when it takes too long."""

        async def reached() -> bool:
            found = [each for each in (await self.state())["members"] if each["name"] == name]
            return [(each["role"], each["state"]) for each in found] == [("sync_standby", "streaming")]

        await self._until(reached, _IN_SYNC_WITHIN_S, f"{name} in sync")

    async def configure(self) -> None:
        """Have the members agree on what is shipped, and end the maintenance in which they were stopped.

        A member writes nothing that is equal to what it knows, and just after its start it may not know of that maintenance yet.
        Raises PartFailed, with what each of them said last, when it takes too long.
        """
        wanted = CONSENSUS | {"begun": dt.datetime.now(dt.UTC).isoformat()}

        async def agreed() -> bool:
            seen = []
            for manager in self._managers.values():
                try:
                    status, said = await manager.ask("PUT", "/config", wanted)
                except ManagerSilent as error:
                    seen.append(str(error))
                    continue
                if status == 200:
                    return True
                seen.append(f"{status} {said}")
            raise PartFailed("postgres", "; ".join(seen))

        await self._until(agreed, _AGREED_WITHIN_S, "members that agree on what is shipped")

    async def maintenance(self, *, on: bool) -> None:
        """Stop Patroni from acting, or let it act again, and wait until every member that answers has noticed."""
        await self._any("PATCH", "/config", {"pause": on or None})

        async def noticed() -> bool:
            seen = []
            for manager in self._managers.values():
                with contextlib.suppress(ManagerSilent):
                    _, own = await manager.ask("GET", "/patroni")
                    seen.append(bool(own.get("pause")))
            return bool(seen) and all(each == on for each in seen)

        await self._until(noticed, _PAUSED_WITHIN_S, f"maintenance {'on' if on else 'off'} at every member")
        for member in self.members.values():
            member.maintained = on

    async def switch(self, to: str) -> dict[str, Any]:
        """Make a member the primary in order, once it is in sync; gives who it was before, and the seconds it took."""
        started = time.monotonic()
        before = await self.holder()
        if before != to:
            await self.in_sync(to)
            before = await self.holder()
            asked = {"leader": before, "candidate": to}
            status, said = await self._any("POST", "/switchover", asked, timeout_s=_SWITCHED_WITHIN_S)
            if status != 200:
                raise PartFailed(to, f"the switchover failed: {said}")

        async def moved() -> bool:
            found = await self._find()
            return found is not None and found.name == to and self._pooler.server == found.endpoint

        await self._until(moved, _SWITCHED_WITHIN_S, f"{to} taking writes")
        return {"primary": to, "previous": before, "seconds": round(time.monotonic() - started, 3)}

    async def restart_server(self, name: str) -> str:
        """Restart a member's server below its Patroni, so that no other becomes the primary; gives why it did not start."""
        try:
            status, said = await self._managers[name].ask("POST", "/restart", {}, timeout_s=_RESTARTED_WITHIN_S)
        except ManagerSilent as error:
            return str(error)
        return "" if status == 200 else str(said)

    async def _any(self, method: str, path: str, body: Any, timeout_s: float = 3.0) -> tuple[int, Any]:
        """Ask whichever member's Patroni answers, and wait for one that is only just starting."""
        found: list[tuple[int, Any]] = []

        async def answered() -> bool:
            for manager in self._managers.values():
                with contextlib.suppress(ManagerSilent):
                    found.append(await manager.ask(method, path, body, timeout_s=timeout_s))
                    return True
            return False

        await self._until(answered, _PAUSED_WITHIN_S, "an answer of any member's Patroni")
        return found[0]

    async def _find(self) -> Member | None:
        with contextlib.suppress(psycopg.OperationalError):
            async with self._admin() as connection:
                port = connection.info.port
                return next(each for each in self.members.values() if each.endpoint.port == port)
        return None

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        async with await psycopg.AsyncConnection.connect(self.admin_dsn("postgres"), autocommit=True) as connection:
            yield connection

    async def _until(self, reached: Callable[[], Awaitable[bool]], within_s: float, what: str) -> None:
        """Ask until it is so; a Patroni that is silent meanwhile may only just be starting."""
        deadline = time.monotonic() + within_s
        while True:
            seen = ""
            try:
                if await reached():
                    return
            except PartFailed as error:
                seen = f" ({error.reason})"
            if time.monotonic() > deadline:
                raise PartFailed("postgres", f"not reached within {within_s:g} s: {what}{seen}")
            await asyncio.sleep(_POLL_S)


def _state(known: dict[str, Any]) -> dict[str, Any]:
    members = [
        {
            "name": each["name"],
            "role": {"leader": "primary"}.get(each["role"], each["role"]),
            "state": each["state"],
            "timeline": each.get("timeline"),
            "nofailover": bool(each.get("tags", {}).get("nofailover")),
        }
        for each in known["members"]
    ]
    primary = next((each["name"] for each in members if each["role"] == "primary"), None)
    return {"primary": primary, "maintenance": bool(known.get("pause")), "members": members}
