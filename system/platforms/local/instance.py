"""One running instance of the system: its parts, their keepers, and the one-shot programs between them."""

import asyncio
import itertools
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from system.platforms.local.addresses import MEMBERS, SLOTS, Endpoint
from system.platforms.local.barman import shell_command
from system.platforms.local.bootstrap_postgres import DATABASE
from system.platforms.local.ca import Authority
from system.platforms.local.children import Children, Command
from system.platforms.local.cluster import Cluster
from system.platforms.local.errors import BadRequest, PartFailed
from system.platforms.local.history import History
from system.platforms.local.keeper import Keeper, State
from system.platforms.local.keeping import Keeping
from system.platforms.local.layout import Layout
from system.platforms.local.listeners import Listener
from system.platforms.local.part import Part
from system.platforms.local.parts.arbiter import Arbiter
from system.platforms.local.parts.autoscaler import Autoscaler
from system.platforms.local.parts.backups import Backups
from system.platforms.local.parts.exporter import Exporter
from system.platforms.local.parts.ingress import Ingress
from system.platforms.local.parts.member import Member
from system.platforms.local.parts.nameserver import NameServer
from system.platforms.local.parts.pager import Pager
from system.platforms.local.parts.pgbouncer import PgBouncer
from system.platforms.local.parts.postgres import Postgres
from system.platforms.local.parts.seaweedfs import SeaweedFS
from system.platforms.local.parts.services import Service, configuration, database_variables, instances
from system.platforms.local.parts.traces import Traces
from system.platforms.local.parts.watching import Alertmanager, Prometheus
from system.platforms.local.places import Places
from system.platforms.local.programs import Programs
from system.platforms.local.redis_group import RedisGroup
from system.platforms.local.releases import Edit, Releases
from system.platforms.local.rotating_files import settle
from system.platforms.local.secret_files import SecretFiles

_DATABASES = ("pgbouncer", "redis")
_LAST = ("s3", "ingress")  # PostgreSQL archives through both while it stops
_MAINTENANCE_WITHIN_S = 5.0
_MIGRATED_WITHIN_S = 600.0  # the runner waits two minutes for another, one for each lock, and fills rows in between


@dataclass
class Timings:
    """When things were reached, in seconds since `up` was called.

    Attributes:
        started: time.monotonic() of the call.
        serving_s: every service answers ready through the ingress.
        ready_s: everything is up, accounts included.
        reached: by step of the start.
    """

    started: float
    serving_s: float | None = None
    ready_s: float | None = None
    reached: dict[str, float] = field(default_factory=dict)

    def now_s(self) -> float:
        """Give the seconds since the call."""
        return round(time.monotonic() - self.started, 2)


@dataclass
class Instance:
    """Everything that the supervisor runs.

    Attributes:
        layout: directories and addresses.
        programs: the programs to run.
        children: the supervisor's children.
        tell: takes one line for the platform's log.
        timings: see Timings.
        before: listeners that were there before us.
        places: where the services keep their working files.
        watched: whether what watches the system is a part of it.
        release: what all services run, or will once a deploy is through.
        patched: edits of the source that every later release is built with.
        keepers: by part name.
        changing: held by every call that stops or starts parts.
    """

    layout: Layout
    programs: Programs
    children: Children
    tell: Callable[[str], None]
    timings: Timings
    before: list[Listener]
    places: Places
    watched: bool
    release: str = ""
    patched: list[Edit] = field(default_factory=list)
    keepers: dict[str, Keeper] = field(default_factory=dict)
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _migrating: set[str] = field(default_factory=set)
    _following: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.secrets = SecretFiles(self.layout.secrets)
        self.keeping = Keeping(self.layout, self.children)
        self.secrets.make_all()
        settle(self.secrets)
        self.authority = Authority(self.layout.ca)
        self.authority.ensure_root()
        self.releases = Releases(self.layout.releases)
        self.release = self.releases.build((), configuration(self.layout, self.programs, watched=self.watched))
        self.history = History(self.layout.history)
        archive = shell_command(self.layout, "wal-archive", "%p")
        self.postgres, self.standby = (
            Member(self.layout, self.programs, self.children, self.secrets, name, archive) for name in MEMBERS
        )
        self.arbiter = Arbiter(self.layout, self.programs, self.secrets)
        self.pooler = PgBouncer(self.layout, self.programs, self.secrets, DATABASE, self.postgres.endpoint)
        self.cluster = Cluster((self.postgres, self.standby), self.pooler, self.tell)
        self.redis = RedisGroup(self.layout, self.programs, self.secrets)
        self.s3 = SeaweedFS(self.layout, self.programs, self.secrets)
        self.backups = Backups(self.layout, self.programs)
        self.autoscaler = Autoscaler(self.layout, self.programs)
        self.ingress = Ingress(self.layout, self.programs)
        self.nameserver = NameServer(self.layout, self.programs)
        self.services = instances(self.layout, self.programs, self.secrets, self.release)
        self.watching = self._watching()
        parts = (
            self.postgres,
            self.standby,
            self.arbiter,
            self.pooler,
            *self.redis.parts.values(),
            self.s3,
            self.backups,
            self.autoscaler,
            self.ingress,
            self.nameserver,
            *self.watching,
        )
        for part in (*parts, *self.services):
            self.keepers[part.name] = Keeper(part, self.children, self.tell)
        self.redis.keepers = {name: self.keepers[name] for name in self.redis.parts}

    def _watching(self) -> tuple[Part, ...]:
        """Make what watches the system, where that is on this machine, first what takes longest to start.

        The pager collects the services' errors and `traces` their spans; both need nothing but Python.
        """
        if not self.watched:
            self.tell("nothing watches the system: it was started with --unwatched")
            return ()
        watchers = self.programs.watchers
        collecting = (Pager(self.layout, self.programs), Traces(self.layout, self.programs))
        if watchers is None:
            self.tell(
                "nothing watches the system: neither on PATH nor in .cache are Prometheus and Alertmanager (make setup)"
            )
            return collecting
        return (
            Exporter(self.layout, self.programs),
            *collecting,
            Alertmanager(self.layout, self.programs, watchers, "alertmanager"),
            Prometheus(self.layout, self.programs, watchers, "prometheus"),
        )

    def keeper(self, name: str) -> Keeper:
        """Give a part's keeper; raises BadRequest when there is no such part."""
        if name not in self.keepers:
            raise BadRequest(f"there is no part {name!r}; parts are {', '.join(self.keepers)}", 404)
        return self.keepers[name]

    @property
    def ready(self) -> bool:
        """Whether the start is over and every part is ready."""
        return self.timings.ready_s is not None and all(keeper.state is State.READY for keeper in self.keepers.values())

    async def stop(self) -> None:
        """Stop everything: first what serves, then the databases, the primary after its standby, then what they archive to."""
        last = [self.keepers[name] for name in _LAST]
        members = [self.keepers[name] for name in (*MEMBERS, self.arbiter.name)]
        databases = [each for each in self.keepers.values() if each.part.service in _DATABASES]
        serving = [each for each in self.keepers.values() if each not in (*databases, *members, *last)]
        if self._following is not None:
            self._following.cancel()
        await asyncio.gather(*(keeper.stop() for keeper in serving))
        await asyncio.gather(*(keeper.stop() for keeper in databases), self._stop_cluster())
        await asyncio.gather(*(keeper.stop() for keeper in last))

    def follow(self) -> None:
        """Have the pooler follow the primary from now on."""
        self._following = asyncio.create_task(self.cluster.follow())

    async def _stop_cluster(self) -> None:
        """Stop both members, so that neither takes the other's place, and the third vote last."""
        followers_first = sorted((self.postgres, self.standby), key=lambda each: not each.follows)
        keepers = [self.keepers[each.name] for each in followers_first]
        if all(keeper.pid is not None for keeper in keepers) and await self._in_maintenance():
            await asyncio.gather(*(keeper.stop() for keeper in keepers))
        else:
            for keeper in keepers:
                await keeper.stop()
        await self.keepers[self.arbiter.name].stop()

    async def _in_maintenance(self) -> bool:
        try:
            async with asyncio.timeout(_MAINTENANCE_WITHIN_S):
                await self.cluster.maintenance(on=True)
        except (PartFailed, TimeoutError):
            return False
        return True

    async def run_release(
        self,
        name: str,
        arguments: list[str],
        environment: dict[str, str],
        stdin: bytes = b"",
        release: str | None = None,
        deadline_s: float = 60.0,
    ) -> str:
        """Run Python with a release, by default the current one, to its end, and give what it printed; raises PartFailed."""
        directory = self.releases.path(release or self.release)
        base = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONPATH": str(directory)}
        command = Command([sys.executable, *arguments], {**base, **environment}, directory)
        return await self.children.run(name, command, self.layout.log(name), stdin=stdin, deadline_s=deadline_s)

    async def migrate(
        self,
        server: Postgres | None = None,
        through: Endpoint | None = None,
        action: Sequence[str] = ("up",),
        coming: str | None = None,
    ) -> str:
        """Move the schema of the primary, or of a server, as `migrator`, directly or through a pooler; gives the runner's JSON line.

        The revisions are the current release's, or those of one that is `coming`, which contracts nothing.
        """
        secrets = server.secrets if server else self.secrets
        door = through or (server.endpoint if server else None)
        environment = database_variables(door or self.cluster.endpoints, self.layout.root_certificate, "migrator")
        del environment["DATABASE_PASSWORD"]
        environment["DATABASE_PASSWORD_FILE"] = str(secrets.path("postgres-migrator"))
        # Two at once must not read each other's lines, so each has a log of its own.
        numbered = (f"migrations-{number}" if number > 1 else "migrations" for number in itertools.count(1))
        name = next(each for each in numbered if each not in self._migrating)
        self._migrating.add(name)
        try:
            old = [] if coming else ["--old", *self._old_releases(server)]
            line = ["-m", "system.migrations", *action, "--json", *old]
            output = await self.run_release(name, line, environment, release=coming, deadline_s=_MIGRATED_WITHIN_S)
        finally:
            self._migrating.discard(name)
        return output.strip().splitlines()[-1]

    def open_slot(self, service: str, release: str) -> Keeper:
        """Take a service's first free slot for one more instance, which is not started yet."""
        name = next(each for each in SLOTS[service] if each not in self.keepers)
        part = Service(self.layout, self.programs, self.secrets, name, release)
        keeper = Keeper(part, self.children, self.tell)
        # Never changed in place: threads walk over both.
        self.services = [*self.services, part]
        self.keepers = {**self.keepers, name: keeper}
        return keeper

    async def close_slot(self, name: str) -> None:
        """Stop an instance in order, and give its slot back."""
        await self.keepers[name].stop()
        self.services = [each for each in self.services if each.name != name]
        self.keepers = {each: keeper for each, keeper in self.keepers.items() if each != name}

    def _old_releases(self, server: Postgres | None) -> list[str]:
        """List the releases that serve with this server, besides the one of now."""
        if server is not None:
            return []
        serving = {each.release for each in self.services if self.keepers[each.name].state is not State.STOPPED}
        return sorted(serving - {self.release})

    def service(self, name: str) -> Service:
        """Give a service instance by its name."""
        return next(each for each in self.services if each.name == name)
