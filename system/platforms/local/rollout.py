"""Deploy, roll back and scale.

In turn, a new release is first tried in a free slot of every service; only when all of them are ready is any instance
replaced, one of a service after the other, so that no service ever has fewer instances than it should, and clients notice
nothing. What does not become ready is rolled back. At once, all stop and all start together: a few seconds of outage for
a fraction of the time, for whoever rehearses with nobody watching.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any

from system.platforms.local import live_migrations
from system.platforms.local.addresses import SLOTS
from system.platforms.local.errors import BadRequest, PartFailed
from system.platforms.local.history import Change, Outcome
from system.platforms.local.instance import Instance
from system.platforms.local.keeper import Keeper
from system.platforms.local.parts.services import SECRET_VARIABLES, Service
from system.platforms.local.releases import Edit
from system.platforms.local.serving import wait_serving

_UNREADY_S = 10.0  # a store is found, and an encoder tried, within a few seconds of the start
_SEEN_S = 1.5  # the ingress asks every second who is ready

Settings = Mapping[str, Mapping[str, str | None]]


class Rollout:
    """Moves the services of an instance between releases, and changes their numbers.

    Args:
        instance: the instance.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def deploy(
        self, edits: list[Edit], services: list[str], settings: Settings, *, at_once: bool, migrate: bool
    ) -> dict[str, Any]:
        """Build a release from the source tree and move every instance to it.

        What the release in force was patched and configured with stays, until a rollback leaves it behind.

        Args:
            edits: further edits of the copied source.
            services: those to try first, before the others are touched.
            settings: service -> variable -> value, in the place of the value so far; None removes it.
            at_once: with an outage.
            migrate: bring the live schema up first; where that fails, no instance is moved.
        """
        _known([*services, *settings])
        async with self._instance.changing:
            release = await asyncio.to_thread(self._build, edits, settings)
            return await self._change("deploy", release, services, at_once=at_once, migrate=migrate)

    async def canary(self, edits: list[Edit], names: list[str]) -> dict[str, Any]:
        """Build a release and put it on these instances alone; `release` stays what it is until a deploy.

        Raises BadRequest when one of them does not become ready: then all of them are back.
        """
        services = [each for each in self._instance.services if each.name in names]
        if unknown := sorted(set(names) - {each.name for each in services}):
            raise BadRequest(f"there is no instance {', '.join(unknown)} of a service")
        async with self._instance.changing:
            release = await asyncio.to_thread(self._build, edits, {})
            previous = self._instance.release
            try:
                await self._replace(services, release)
            except PartFailed as error:
                await self._replace([each for each in services if each.release != previous], previous)
                raise BadRequest(f"canary {release} went back to {previous}: {error}", 409) from None
        return {"release": release, "previous": previous}

    async def rollback(self, release: str, *, at_once: bool) -> dict[str, Any]:
        """Go to a release that was built before; raises BadRequest when there is none.

        Where everything runs it already nothing changes, and nothing is noted.
        """
        self._instance.releases.path(release)
        async with self._instance.changing:
            if {self._instance.release, *(each.release for each in self._instance.services)} == {release}:
                return {"release": release, "previous": release, "seconds": 0.0}
            return await self._change("rollback", release, [], at_once=at_once)

    async def scale(self, service: str, count: int) -> dict[str, Any]:
        """Run so many instances of a service; the newest go first. Raises BadRequest when one does not become ready."""
        _known([service])
        async with self._instance.changing:
            names = [each.name for each in self._instance.services if each.service == service]
            if count >= len(SLOTS[service]):
                raise BadRequest(f"{service} has room for {len(SLOTS[service]) - 1} instances and a release on trial")
            more = [self._instance.open_slot(service, self._instance.release) for _ in range(count - len(names))]
            try:
                await _all(_started(each) for each in more)
            except PartFailed as error:
                await _all(self._instance.close_slot(each.part.name) for each in more)
                raise BadRequest(f"{service} stays at {len(names)}: {error}", 409) from None
            await _all(self._instance.close_slot(name) for name in names[count:])
        return {"service": service, "count": count, "previous": len(names)}

    def _build(self, edits: list[Edit], settings: Settings) -> str:
        """Build from what the release in force was made of, what every release is patched with, and what is new."""
        releases, now = self._instance.releases, self._instance.release
        every = dict.fromkeys([*releases.edits(now), *self._instance.patched, *edits])
        return releases.build(list(every), _configured(releases.configuration(now), settings))

    async def _change(
        self, by: str, release: str, first: list[str], *, at_once: bool, migrate: bool = False
    ) -> dict[str, Any]:
        previous, started, reason = self._instance.release, time.monotonic(), ""
        try:
            if migrate:
                await live_migrations.make_ready(self._instance, release)
            await self._move(release, first, at_once=at_once)
            self._instance.release = release
        except PartFailed as error:
            reason = str(error)
        worse = ""
        if reason:
            try:
                await self._move(previous, [], at_once=at_once)
            except PartFailed as error:
                worse = str(error)
        seconds = round(time.monotonic() - started, 2)
        outcome: Outcome = "failed" if worse else "rolled back" if reason else "in force"
        self._instance.history.add(Change(release, previous, by, outcome, reason, seconds))
        if worse:
            raise BadRequest(f"release {release} failed ({reason}), and so does {previous}: {worse}", 500)
        if reason:
            raise BadRequest(f"release {release} was rolled back to {previous}: {reason}", 409)
        return {"release": release, "previous": previous, "seconds": seconds}

    async def _move(self, release: str, first: list[str], *, at_once: bool) -> None:
        moving = [each for each in self._instance.services if each.release != release]
        if at_once:
            await self._restart(moving, release)
        elif moving:
            await self._roll(moving, release, first)

    async def _restart(self, moving: list[Service], release: str) -> None:
        keepers = [self._instance.keepers[each.name] for each in moving]
        await _all(keeper.stop(signal.SIGINT) for keeper in keepers)
        for service, keeper in zip(moving, keepers, strict=True):
            service.release = release
            keeper.start()
        await _all(keeper.wait_ready() for keeper in keepers)
        await wait_serving(self._instance.layout, self._instance.authority)

    async def _roll(self, moving: list[Service], release: str, first: list[str]) -> None:
        """Try the release in a free slot of each service, then replace the instances of each, one after the other."""
        groups: dict[str, list[Service]] = {}
        for service in moving:
            groups.setdefault(service.service, []).append(service)
        tried: list[Keeper] = []
        try:
            for wave in ([each for each in groups if each in first], [each for each in groups if each not in first]):
                trying = [self._instance.open_slot(service, release) for service in wave]
                tried += trying
                await _all(_started(each) for each in trying)
            await asyncio.sleep(_SEEN_S)
            await _all(self._replace(group, release) for group in groups.values())
        finally:
            await _all(self._instance.close_slot(each.part.name) for each in tried)

    async def _replace(self, services: list[Service], release: str) -> None:
        for service in services:
            keeper = self._instance.keepers[service.name]
            await keeper.stop()
            service.release = release
            await _started(keeper)
            await asyncio.sleep(_SEEN_S)


async def _started(keeper: Keeper) -> None:
    keeper.start(_UNREADY_S)
    await keeper.wait_ready()


async def _all(work: Iterable[Awaitable[object]]) -> None:
    """Do everything side by side to its end, and raise the first error then."""
    for result in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _known(services: list[str]) -> None:
    if unknown := sorted(set(services) - set(SLOTS)):
        raise BadRequest(f"there is no service {', '.join(unknown)}; services are {', '.join(SLOTS)}")


def _configured(configuration: dict[str, dict[str, str]], settings: Settings) -> dict[str, dict[str, str]]:
    if secret := sorted({name for values in settings.values() for name in values} & set(SECRET_VARIABLES)):
        raise BadRequest(f"{', '.join(secret)}: secrets are no configuration of a release; rotate them")
    return {
        service: {name: value for name, value in {**values, **settings.get(service, {})}.items() if value is not None}
        for service, values in configuration.items()
    }
