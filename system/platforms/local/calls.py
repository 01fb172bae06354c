"""The calls of the control protocol; their shapes stand in the repository as platform.schema.json."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

from system.platforms.local import accounts, leaks, links, live_migrations, region, reports, strengths
from system.platforms.local.arguments import Arguments
from system.platforms.local.base_backup import back_up
from system.platforms.local.ca import LEAF_DAYS
from system.platforms.local.certificates import Wanted, replace_certificate
from system.platforms.local.clocks import MOST_S, move_clock
from system.platforms.local.errors import BadRequest, PartFailed
from system.platforms.local.instance import Instance
from system.platforms.local.members import lose, restart
from system.platforms.local.parts.ingress import LIFETIME_S
from system.platforms.local.previous import build_previous
from system.platforms.local.recover import recover
from system.platforms.local.rollout import Rollout
from system.platforms.local.rotation import Rotation
from system.platforms.local.scratch import ScratchServers
from system.platforms.local.segments import end_segment

# PostgreSQL tries a segment that failed again after a minute.
_ARCHIVED_WITHIN_S = 75.0
_SIGNALS = {"KILL": signal.SIGKILL, "TERM": signal.SIGTERM}
Answer = dict[str, Any]
_Handler = Callable[[Arguments], Awaitable[Answer]]


class Calls:
    """Finds and runs a call.

    Args:
        instance: what the calls act on.
        stop: set by `down`.
    """

    def __init__(self, instance: Instance, stop: asyncio.Event) -> None:
        self._instance = instance
        self._stop = stop
        self._rollout = Rollout(instance)
        self._scratch = ScratchServers(instance)
        self._rotation = Rotation(instance)
        self._table: dict[tuple[str, str], _Handler] = {
            ("GET", "status"): self._status,
            ("GET", "logs"): self._logs,
            ("GET", "processes"): self._processes,
            ("GET", "listeners"): self._listeners,
            ("GET", "config"): self._config,
            ("GET", "secrets"): self._secrets,
            ("GET", "releases"): self._releases,
            ("GET", "cluster"): self._cluster,
            ("GET", "plan"): self._plan,
            ("POST", "scan"): self._scan,
            ("POST", "restart"): self._restart,
            ("POST", "kill"): self._kill,
            ("POST", "pause"): self._pause,
            ("POST", "resume"): self._resume,
            ("POST", "stop"): self._stop_part,
            ("POST", "start"): self._start_part,
            ("POST", "lose"): self._lose,
            ("POST", "lose_region"): self._lose_region,
            ("POST", "keep"): self._keep,
            ("POST", "link"): self._link,
            ("POST", "switchover"): self._switchover,
            ("POST", "maintenance"): self._maintenance,
            ("POST", "deploy"): self._deploy,
            ("POST", "previous"): self._previous,
            ("POST", "rollback"): self._rollback,
            ("POST", "canary"): self._canary,
            ("POST", "patch"): self._patch,
            ("POST", "scale"): self._scale,
            ("POST", "certificate"): self._certificate,
            **({("POST", "clock"): self._clock} if instance.programs.clock else {}),
            ("POST", "rotate"): self._rotate,
            ("POST", "account"): self._account,
            ("POST", "migrate"): self._migrate,
            ("POST", "backup"): self._backup,
            ("POST", "archive"): self._archive,
            ("POST", "restore"): self._restore,
            ("POST", "recover"): self._recover,
            ("POST", "scratch"): self._scratch_make,
            ("DELETE", "scratch"): self._scratch_drop,
            ("POST", "down"): self._down,
        }
        if not instance.places.refusal:
            self._table |= {("GET", "disk"): self._disks, ("POST", "disk"): self._disk}

    async def run(self, method: str, path: str, arguments: dict[str, Any]) -> tuple[int, Answer]:
        """Run one call; gives the HTTP status and the answer, raises PlatformError."""
        words = path.strip("/").split("/")
        if len(words) == 3 and words[:2] == ["v1", "scratch"] and method == "DELETE":
            arguments = {**arguments, "id": words.pop()}
        if len(words) != 2 or words[0] != "v1":
            raise BadRequest(f"there is no call {path}", 404)
        handler = self._table.get((method, words[1]))
        if handler is None:
            allowed = [each for each, name in self._table if name == words[1]]
            if not allowed:
                raise BadRequest(f"there is no call {path}", 404)
            raise BadRequest(f"{path} takes {' and '.join(allowed)}, not {method}", 405)
        given = Arguments(arguments)
        answer = await handler(given)
        return 202 if words[1] == "down" else 200, answer

    async def _status(self, arguments: Arguments) -> Answer:
        arguments.finish()
        return reports.status(self._instance, sorted({name for _, name in self._table}))

    async def _logs(self, arguments: Arguments) -> Answer:
        part, lines = arguments.text("part"), arguments.integer("lines", 100, least=1, most=100_000)
        arguments.finish()
        return reports.logs(self._instance, part, lines)

    async def _processes(self, arguments: Arguments) -> Answer:
        arguments.finish()
        return reports.processes(self._instance)

    async def _listeners(self, arguments: Arguments) -> Answer:
        arguments.finish()
        return reports.listeners(self._instance)

    async def _config(self, arguments: Arguments) -> Answer:
        arguments.finish()
        return reports.config(self._instance)

    async def _secrets(self, arguments: Arguments) -> Answer:
        nonce = arguments.text("nonce")
        arguments.finish()
        return await asyncio.to_thread(strengths.report, self._instance, nonce)

    async def _releases(self, arguments: Arguments) -> Answer:
        arguments.finish()
        return {"changes": self._instance.history.newest_first()}

    async def _scan(self, arguments: Arguments) -> Answer:
        texts, canaries = arguments.texts("texts"), arguments.names("canaries")
        arguments.finish()
        # Logs may be long: the supervisor goes on meanwhile.
        return await asyncio.to_thread(leaks.scan, self._instance, texts, canaries)

    async def _restart(self, arguments: Arguments) -> Answer:
        name = arguments.text("part")
        settings = arguments.mapping("settings")
        release, at_once = arguments.optional_text("release"), arguments.flag("at_once")
        arguments.finish()
        keeper = self._instance.keeper(name)
        async with self._instance.changing, self._instance.redis.restarting(name):
            if release is not None:
                self._instance.releases.path(release)
                self._instance.service(name).release = release
            keeper.part.settings = settings
            try:
                await restart(self._instance, keeper, at_once=at_once)
            except PartFailed as error:
                return {"part": name, "ready": False, "state": keeper.state, "reason": error.reason}
        return {"part": name, "ready": not at_once, "state": keeper.state}

    async def _kill(self, arguments: Arguments) -> Answer:
        name, signum = arguments.text("part"), arguments.choice("signal", _SIGNALS, "KILL")
        child, stay_down = arguments.optional_text("child"), arguments.flag("stay_down")
        arguments.finish()
        keeper = self._instance.keeper(name)
        if not stay_down:
            return {"part": name, "pids": keeper.kill(_SIGNALS[signum], child)}
        if child is not None:
            raise BadRequest("a part stays down as a whole, not a child of it")
        async with self._instance.changing:
            if keeper.pid is None:
                raise PartFailed(name, f"is {keeper.state}, there is nothing to kill")
            pid = keeper.pid
            await keeper.stop(_SIGNALS[signum])
        return {"part": name, "pids": [pid]}

    async def _lose(self, arguments: Arguments) -> Answer:
        name = arguments.text("part")
        arguments.finish()
        async with self._instance.changing:
            await lose(self._instance, name)
        return {"part": name, "state": self._instance.keeper(name).state}

    async def _link(self, arguments: Arguments) -> Answer:
        name, mode = arguments.text("part"), arguments.choice("mode", links.MODES, links.OPEN)
        arguments.finish()
        sockets = await links.set_link(self._instance.keeper(name), mode)
        return {"part": name, "mode": mode, "sockets": sockets}

    async def _cluster(self, arguments: Arguments) -> Answer:
        arguments.finish()
        return await self._instance.cluster.state()

    async def _maintenance(self, arguments: Arguments) -> Answer:
        on = arguments.flag("on")
        arguments.finish()
        async with self._instance.changing:
            await self._instance.cluster.maintenance(on=on)
        return {"on": on}

    async def _pause(self, arguments: Arguments) -> Answer:
        name = arguments.text("part")
        arguments.finish()
        keeper = self._instance.keeper(name)
        keeper.pause()
        return {"part": name, "state": keeper.state}

    async def _resume(self, arguments: Arguments) -> Answer:
        name = arguments.text("part")
        arguments.finish()
        keeper = self._instance.keeper(name)
        keeper.resume()
        return {"part": name, "state": keeper.state}

    async def _stop_part(self, arguments: Arguments) -> Answer:
        name = arguments.text("part")
        arguments.finish()
        keeper = self._instance.keeper(name)
        async with self._instance.changing:
            await keeper.stop()
        return {"part": name, "state": keeper.state}

    async def _start_part(self, arguments: Arguments) -> Answer:
        name = arguments.text("part")
        arguments.finish()
        keeper = self._instance.keeper(name)
        async with self._instance.changing:
            keeper.start()
            await keeper.wait_ready()
        return {"part": name, "state": keeper.state}

    async def _lose_region(self, arguments: Arguments) -> Answer:
        arguments.finish()
        async with self._instance.changing:
            await region.lose(self._instance)
        return self._end()

    async def _plan(self, arguments: Arguments) -> Answer:
        arguments.finish()
        return await self._instance.keeping.report()

    async def _keep(self, arguments: Arguments) -> Answer:
        without, hold = arguments.names("without"), arguments.flag("hold")
        arguments.finish()
        keeping = self._instance.keeping
        keeping.held = False
        await keeping.keep(without)
        keeping.held = hold
        return {}

    async def _switchover(self, arguments: Arguments) -> Answer:
        to, started = arguments.text("to"), time.monotonic()
        arguments.finish()
        self._instance.keeper(to)
        members, servers = self._instance.cluster.members, self._instance.redis.servers
        if to not in (*members, *servers):
            raise BadRequest(f"only {', '.join((*members, *servers))} can be a primary, not {to!r}")
        async with self._instance.changing:
            if to in members:
                return await self._instance.cluster.switch(to)
            previous = await self._instance.redis.switch_to(to)
        return {"primary": to, "previous": previous, "seconds": round(time.monotonic() - started, 3)}

    async def _deploy(self, arguments: Arguments) -> Answer:
        edits, services = arguments.edits("patch"), arguments.names("services")
        settings = arguments.settings("settings")
        at_once, migrate = arguments.flag("at_once"), arguments.flag("migrate")
        arguments.finish()
        return await self._rollout.deploy(edits, services, settings, at_once=at_once, migrate=migrate)

    async def _previous(self, arguments: Arguments) -> Answer:
        arguments.finish()
        configuration = self._instance.releases.configuration(self._instance.release)
        return dict(await asyncio.to_thread(build_previous, self._instance.layout.releases, configuration))

    async def _rollback(self, arguments: Arguments) -> Answer:
        release, at_once = arguments.text("release"), arguments.flag("at_once")
        arguments.finish()
        return await self._rollout.rollback(release, at_once=at_once)

    async def _scale(self, arguments: Arguments) -> Answer:
        service, count = arguments.text("service"), arguments.integer("count", 0, least=1, most=100)
        arguments.finish()
        return await self._rollout.scale(service, count)

    async def _certificate(self, arguments: Arguments) -> Answer:
        name = arguments.text("part")
        wanted = Wanted(
            tuple(arguments.names("names")),
            arguments.integer("days", LEAF_DAYS, least=-3650, most=3650),
            arguments.flag("self_signed"),
            arguments.integer("seconds", LIFETIME_S, least=10, most=86400),
            arguments.flag("lost"),
        )
        arguments.finish()
        async with self._instance.changing:
            return await replace_certificate(self._instance, name, wanted)

    async def _clock(self, arguments: Arguments) -> Answer:
        name, seconds = arguments.text("part"), arguments.integer("seconds", 0, least=-MOST_S, most=MOST_S)
        arguments.finish()
        async with self._instance.changing:
            return dict(await move_clock(self._instance, name, seconds))

    async def _canary(self, arguments: Arguments) -> Answer:
        edits, names = arguments.edits("patch"), arguments.names("instances")
        arguments.finish()
        return await self._rollout.canary(edits, names)

    async def _patch(self, arguments: Arguments) -> Answer:
        edits = arguments.edits("patch")
        arguments.finish()
        async with self._instance.changing:
            self._instance.patched = edits
        return {"patched": sorted({each.file for each in edits})}

    async def _rotate(self, arguments: Arguments) -> Answer:
        name, step = arguments.text("secret"), arguments.choice("step", ("begin", "complete"), "begin")
        by = arguments.optional_text("by")
        arguments.finish()
        async with self._instance.changing:
            answer = await (self._rotation.begin(name, by) if step == "begin" else self._rotation.complete(name, by))
            await self._instance.keeping.keep()
        return answer

    async def _account(self, arguments: Arguments) -> Answer:
        email, replace = arguments.text("email"), arguments.flag("replace")
        arguments.finish()
        path = await accounts.make(self._instance, email, replace=replace)
        await self._instance.keeping.keep()
        return {"email": email, "password_file": str(path)}

    async def _migrate(self, arguments: Arguments) -> Answer:
        database, through = arguments.optional_text("database"), arguments.optional_text("through")
        direction = arguments.choice("direction", ("up", "down"), "up")
        steps, to = arguments.integer("steps", 0, least=0, most=1000) or None, arguments.optional_text("to")
        arguments.finish()
        if database is None and through is None:
            if (direction, steps) != ("up", None):
                raise BadRequest("the live server is migrated to a revision, not by steps or down")
            return await live_migrations.move(self._instance, to)
        if to is not None:
            raise BadRequest("only the live server is migrated to a revision")
        return await self._scratch.migrate(database, through, direction, steps)

    async def _backup(self, arguments: Arguments) -> Answer:
        arguments.finish()
        async with self._instance.changing:
            await back_up(self._instance)
        return {}

    async def _archive(self, arguments: Arguments) -> Answer:
        arguments.finish()
        began = time.monotonic()
        segment = await asyncio.to_thread(end_segment, self._instance.layout, _ARCHIVED_WITHIN_S)
        return {"segment": segment, "seconds": round(time.monotonic() - began, 2)}

    async def _restore(self, arguments: Arguments) -> Answer:
        backup, to = arguments.optional_text("backup"), arguments.moment("to")
        arguments.finish()
        return await self._scratch.restore(backup, to)

    async def _recover(self, arguments: Arguments) -> Answer:
        bucket, prefix, at = arguments.text("bucket"), arguments.text("prefix"), arguments.moment("at")
        dry_run = arguments.flag("dry_run")
        arguments.finish()
        if at is None:
            raise BadRequest("at is missing")
        return await asyncio.to_thread(recover, self._instance, bucket, prefix, at, dry_run=dry_run)

    async def _scratch_make(self, arguments: Arguments) -> Answer:
        arguments.finish()
        return await self._scratch.make()

    async def _scratch_drop(self, arguments: Arguments) -> Answer:
        name = arguments.text("id")
        arguments.finish()
        await self._scratch.drop(name)
        return {"id": name}

    async def _disks(self, arguments: Arguments) -> Answer:
        arguments.finish()
        places = self._instance.places
        kept = [name for name in self._instance.keepers if places.has(name)]
        return {"places": [await asyncio.to_thread(places.look, name) for name in kept]}

    async def _disk(self, arguments: Arguments) -> Answer:
        name, full, places = arguments.text("part"), arguments.flag("full"), self._instance.places
        arguments.finish()
        await asyncio.to_thread(places.fill if full else places.free, name)
        return await asyncio.to_thread(places.look, name)

    async def _down(self, arguments: Arguments) -> Answer:
        arguments.finish()
        return self._end()

    def _end(self) -> Answer:
        asyncio.get_running_loop().call_later(0.05, self._stop.set)  # the answer goes out first
        return {"stopping": True}
