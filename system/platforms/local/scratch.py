"""Scratch servers: PostgreSQL servers of the same build, empty or recovered from a backup, thrown away after use."""

import asyncio
import datetime as dt
import json
import shutil
import time
from pathlib import Path
from typing import Any

from system.platforms.local.addresses import Endpoint
from system.platforms.local.bootstrap_postgres import DATABASE, bootstrap
from system.platforms.local.errors import BadRequest, PartFailed
from system.platforms.local.fetching import fetch
from system.platforms.local.instance import Instance
from system.platforms.local.keeper import Keeper
from system.platforms.local.parts.postgres import ADMIN, Postgres
from system.platforms.local.parts.restored import Restored
from system.platforms.local.secret_files import SecretFiles


class ScratchServers:
    """Makes and drops scratch servers.

    Args:
        instance: the instance that they belong to.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._servers: dict[str, Postgres] = {}
        self._taken: set[int] = set()
        shutil.rmtree(instance.layout.data / "scratch", ignore_errors=True)

    async def make(self) -> dict[str, Any]:
        """Start one with the roles and an empty database; gives how to connect as its superuser."""
        name, endpoint, secrets = self._take()
        instance = self._instance
        data = self._folder(name) / "postgres"
        server = Postgres(
            instance.layout,
            instance.programs,
            instance.children,
            secrets,
            name=name,
            endpoint=endpoint,
            data=data,
            durable=False,
        )
        try:
            await self._start(server)
            await bootstrap(server.admin_dsn("postgres"), server.admin_dsn(DATABASE), secrets)
        except BaseException:
            await self.drop(name)
            raise
        return _door(server)

    async def restore(self, backup: str | None, to: dt.datetime | None) -> dict[str, Any]:
        """Recover one from a backup, by default the newest that ended before `to`, and the log behind it; see `scratch_answer`.

        Raises PartFailed where nothing can be fetched, or recovery does not reach `to`.
        """
        name, endpoint, secrets = self._take()
        instance, began = self._instance, time.monotonic()
        folder = self._folder(name)
        server = Restored(
            instance.layout,
            instance.programs,
            instance.children,
            secrets,
            name=name,
            endpoint=endpoint,
            folder=folder,
            to=to,
        )
        try:
            fetched = await fetch(instance, server, backup, to)
            fetched_at = time.monotonic()
            try:
                await self._start(server)
            except PartFailed as error:
                raise PartFailed(name, server.failure() or error.reason) from None
            await server.claim()
            reached = await server.reached()
        except BaseException:
            await self.drop(name)
            raise
        seconds = {"fetch": round(fetched_at - began, 2), "recover": round(time.monotonic() - fetched_at, 2)}
        return {**_door(server), "backup": fetched["backup"], "ended": fetched["ended"], **reached, "seconds": seconds}

    def _take(self) -> tuple[str, Endpoint, SecretFiles]:
        """Take a free place; its superuser must not be able to sign in to the live server."""
        addresses = self._instance.layout.addresses
        index = next((each for each in range(addresses.scratch_places) if each not in self._taken), None)
        if index is None:
            raise BadRequest("no place for another scratch server: drop one first", 409)
        self._taken.add(index)
        name = f"scratch-{index + 1}"
        directory = self._folder(name) / "secrets"
        directory.mkdir(mode=0o700, parents=True)
        secrets = SecretFiles(directory)
        secrets.make_for("postgres")
        return name, addresses.scratch(index), secrets

    async def _start(self, server: Postgres) -> None:
        keeper = Keeper(server, self._instance.children, self._instance.tell)
        self._instance.keepers = {**self._instance.keepers, server.name: keeper}  # never changed in place: see Instance
        self._servers[server.name] = server
        keeper.start()
        await keeper.wait_ready()

    def _folder(self, name: str) -> Path:
        return self._instance.layout.data / "scratch" / name

    async def drop(self, name: str) -> None:
        """Stop one and remove its data; raises BadRequest when there is none."""
        place = name.removeprefix("scratch-")
        index = int(place) - 1 if place.isdigit() else -1
        if index not in self._taken:
            raise BadRequest(f"there is no scratch server {name!r}", 404)
        if self._servers.pop(name, None) is not None:
            await self._instance.keepers[name].stop()
            self._instance.keepers = {each: keeper for each, keeper in self._instance.keepers.items() if each != name}
        await asyncio.to_thread(shutil.rmtree, self._folder(name), ignore_errors=True)
        self._taken.discard(index)

    async def migrate(
        self, name: str | None, through: str | None, direction: str = "up", steps: int | None = None
    ) -> dict[str, Any]:
        """Bring a scratch server to head, or some steps up or down, or the live one to head.

        `through` is a part to connect to in the live one's place.
        """
        if name is not None and name not in self._servers:
            raise BadRequest(f"there is no scratch server {name!r}", 404)
        server = self._servers[name] if name is not None else None
        door = self._instance.keeper(through).part.endpoint if through is not None else None
        if server is None and (direction, steps) != ("up", None):
            raise BadRequest("only a scratch server is migrated by steps or down")
        action = [direction, *(["--steps", str(steps)] if steps else [])]
        result = json.loads(await self._instance.migrate(server, door, action))
        moved = {"up": "applied", "down": "reverted"}[direction]
        return {"applied": [], "reverted": [], "head": result["head"], moved: result["changed"]}


def _door(server: Postgres) -> dict[str, Any]:
    """Say how to connect to a scratch server as its superuser."""
    return {
        "id": server.name,
        "host": server.endpoint.address,
        "port": server.endpoint.port,
        "dbname": DATABASE,
        "user": ADMIN,
        "password_file": str(server.secrets.path(f"postgres-{ADMIN}")),
    }
