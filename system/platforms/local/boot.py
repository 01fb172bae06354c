"""The start of an instance: everything at once, each step as soon as what it needs is there."""

import asyncio
from collections.abc import Awaitable

from system.platforms.local import accounts
from system.platforms.local.bootstrap_postgres import DATABASE, bootstrap
from system.platforms.local.buckets import ensure_buckets, require_buckets
from system.platforms.local.errors import PartFailed
from system.platforms.local.instance import Instance
from system.platforms.local.progress import Progress
from system.platforms.local.rebuilding import restore_database
from system.platforms.local.redis_primary import SERVERS
from system.platforms.local.serving import wait_serving


async def boot(instance: Instance, progress: Progress) -> None:
    """Start everything; raises PartFailed for the first part that does not come up."""
    start = _Start(instance, progress)
    try:
        async with asyncio.TaskGroup() as group:
            steps = (
                start.votes,
                start.database,
                start.redis,
                start.s3,
                start.pooler,
                start.front,
                start.services,
                start.copies,
            )
            for step in steps:
                group.create_task(step())
    except BaseExceptionGroup as errors:
        raise _first(errors) from None


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


class _Start:
    def __init__(self, instance: Instance, progress: Progress) -> None:
        self._instance = instance
        self._progress = progress
        self._redis_ready = asyncio.Event()
        self._roles_ready = asyncio.Event()
        self._pooler_ready = asyncio.Event()
        self._migrated = asyncio.Event()
        self._serves = asyncio.Event()
        self._buckets_ready = asyncio.Event()
        self._front_ready = asyncio.Event()
        self._rebuilds = instance.layout.rebuilding.exists()

    async def votes(self) -> None:
        await self._part("arbiter")

    async def database(self) -> None:
        """Start the first member, and the second one only where it is not the first one's standby: it may be ahead, or all there is."""
        if self._rebuilds:
            await self._buckets_ready.wait()
            await self._front_ready.wait()
            await restore_database(self._instance, self._done)
        cluster, first, standby = self._instance.cluster, self._instance.postgres, self._instance.standby
        self._instance.follow()
        async with asyncio.TaskGroup() as group:
            group.create_task(cluster.configure())
            group.create_task(self._part("postgres"))
            if standby.data.exists() and not (standby.follows and first.data.exists()):
                group.create_task(self._part(standby.name))
        if first.follows:
            await self._step("switched back", cluster.switch("postgres"))
        await self._step("primary", cluster.found())
        dsns = cluster.admin_dsn("postgres"), cluster.admin_dsn(DATABASE)
        await self._step("roles", bootstrap(*dsns, self._instance.secrets))
        self._roles_ready.set()
        await self._step("migrations", self._instance.migrate())
        self._migrated.set()

    async def pooler(self) -> None:
        await self._part("pgbouncer")
        self._pooler_ready.set()

    async def redis(self) -> None:
        """Start the servers, the primary first, and then those who watch them: what they miss they take for dead."""
        redis = self._instance.redis
        for server in sorted(redis.servers.values(), key=lambda each: each.role):
            await self._part(server.name)
        await asyncio.gather(*(self._part(name) for name in redis.sentinels))
        if redis.servers[SERVERS[0]].role != "primary":
            await self._step("switched back", redis.switch_to(SERVERS[0]))
        self._redis_ready.set()
        await self._step("replication", redis.in_sync())

    async def s3(self) -> None:
        await self._part("s3")
        store = self._instance.layout, self._instance.secrets
        if self._rebuilds:
            await self._step("buckets there", asyncio.to_thread(require_buckets, *store))
        await self._step("buckets", asyncio.to_thread(ensure_buckets, *store))
        self._buckets_ready.set()

    async def front(self) -> None:
        self._instance.ingress.forget_without_key()
        await asyncio.gather(self._part("ingress"), self._part("dns"))
        self._front_ready.set()

    async def services(self) -> None:
        await self._redis_ready.wait()
        await self._roles_ready.wait()
        await self._pooler_ready.wait()
        async with asyncio.TaskGroup() as group:
            for service in self._instance.services:
                group.create_task(self._part(service.name))
            group.create_task(self._accounts())
        await self._step("serving", wait_serving(self._instance.layout, self._instance.authority))
        self._instance.timings.serving_s = self._instance.timings.now_s()
        self._serves.set()

    async def copies(self) -> None:
        """Make standby and backup once the services serve, one after the other: copying takes what their start needs."""
        await self._serves.wait()
        await self._part("autoscaler")
        await self._instance.cluster.holder()  # a member without data that finds none would begin a cluster of its own
        await self._part("postgres-standby")
        await self._buckets_ready.wait()
        watching = [part.name for part in self._instance.watching]
        await asyncio.gather(
            self._step("in sync", self._instance.cluster.in_sync("postgres-standby")),
            *(self._part(name) for name in ("backups", *watching[:1])),
        )
        await self._step("kept", self._instance.keeping.keep())
        # Last: before, every alert would be about the start.
        await asyncio.gather(*(self._part(name) for name in watching[1:]))

    async def _accounts(self) -> None:
        await self._migrated.wait()
        await self._step("accounts", accounts.ensure(self._instance))

    async def _part(self, name: str) -> None:
        keeper = self._instance.keepers[name]
        keeper.start()
        await keeper.wait_ready()
        self._done(name)

    async def _step(self, name: str, work: Awaitable[object]) -> None:
        try:
            await work
        except PartFailed:
            raise
        except Exception as error:  # any library's error: it becomes the one line that `up` ends with
            line = str(error).strip().splitlines()[:1] or [""]
            raise PartFailed(name, f"{type(error).__name__}: {line[0]}") from error
        self._done(name)

    def _done(self, name: str) -> None:
        seconds = self._instance.timings.reached[name] = self._instance.timings.now_s()
        self._progress.send(part=name, state="ready", seconds=seconds)
