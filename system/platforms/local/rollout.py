"""Deploy and roll back, in turn or at once.

In turn, an instance of a service stops when the one before it is ready again, and clients notice nothing. At once, all
stop and all start together: a few seconds of outage for half the time, for whoever rehearses with nobody watching.
"""

import asyncio
import signal
from typing import Any

from system.platforms.local.errors import BadRequest, PartFailed
from system.platforms.local.instance import Instance
from system.platforms.local.parts.services import Service
from system.platforms.local.releases import Edit
from system.platforms.local.serving import wait_serving


class Rollout:
    """Moves the services of an instance between releases.

    Args:
        instance: the instance.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def deploy(self, edits: list[Edit], services: list[str], *, at_once: bool) -> dict[str, Any]:
        """Build a release from the source tree with the edits and roll it out.

        Every instance ends on the new release, whatever `services` names: those are rolled first, and one that fails
        there keeps the release from all others. Raises BadRequest when it was rolled back.
        """
        known = {each.service for each in self._instance.services}
        if unknown := sorted(set(services) - known):
            raise BadRequest(f"there is no service {', '.join(unknown)}; services are {', '.join(sorted(known))}")
        async with self._instance.changing:
            release = await asyncio.to_thread(self._instance.releases.build, [*self._instance.patched, *edits])
            previous = self._instance.release
            try:
                if services and not at_once:
                    await self._roll([each for each in self._instance.services if each.service in services], release)
                await self._move(release, at_once=at_once)
            except PartFailed as error:
                await self._move(previous, at_once=at_once)
                raise BadRequest(f"release {release} was rolled back to {previous}: {error}", 409) from None
            self._instance.release = release
        return {"release": release, "previous": previous}

    async def canary(self, edits: list[Edit], names: list[str]) -> dict[str, Any]:
        """Build a release and put it on these instances alone; `release` stays what it is until a deploy.

        Raises BadRequest when one of them does not become ready: then all of them are back.
        """
        services = [each for each in self._instance.services if each.name in names]
        if unknown := sorted(set(names) - {each.name for each in services}):
            raise BadRequest(f"there is no instance {', '.join(unknown)} of a service")
        async with self._instance.changing:
            release = await asyncio.to_thread(self._instance.releases.build, [*self._instance.patched, *edits])
            previous = self._instance.release
            try:
                await self._roll(services, release)
            except PartFailed as error:
                await self._roll(services, previous)
                raise BadRequest(f"canary {release} went back to {previous}: {error}", 409) from None
        return {"release": release, "previous": previous}

    async def rollback(self, release: str, *, at_once: bool) -> dict[str, Any]:
        """Go to a release that was built before; raises BadRequest when there is none."""
        self._instance.releases.path(release)
        async with self._instance.changing:
            previous = self._instance.release
            try:
                await self._move(release, at_once=at_once)
            except PartFailed as error:
                raise BadRequest(f"release {release} does not become ready: {error}", 409) from None
            self._instance.release = release
        return {"release": release, "previous": previous}

    async def _move(self, release: str, *, at_once: bool) -> None:
        if not at_once:
            await self._roll(self._instance.services, release)
            return
        moving = [each for each in self._instance.services if each.release != release]
        keepers = [self._instance.keepers[each.name] for each in moving]
        await asyncio.gather(*(keeper.stop(signal.SIGINT) for keeper in keepers))
        for service, keeper in zip(moving, keepers, strict=True):
            service.release = release
            keeper.start()
        await asyncio.gather(*(keeper.wait_ready() for keeper in keepers))
        await wait_serving(self._instance.layout, self._instance.authority)

    async def _roll(self, services: list[Service], release: str) -> None:
        """Roll every service that is not there yet; services side by side, instances of one in turn."""
        groups: dict[str, list[Service]] = {}
        for service in services:
            if service.release != release:
                groups.setdefault(service.service, []).append(service)
        results = await asyncio.gather(
            *(self._roll_in_turn(group, release) for group in groups.values()), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _roll_in_turn(self, services: list[Service], release: str) -> None:
        for service in services:
            keeper = self._instance.keepers[service.name]
            await keeper.stop()
            service.release = release
            keeper.start()
            await keeper.wait_ready()
