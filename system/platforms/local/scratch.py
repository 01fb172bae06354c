"""Scratch servers: empty PostgreSQL servers of the same build, for migrations and restores, thrown away after use."""

import asyncio
import json
import shutil
from typing import Any

from system.platforms.local.bootstrap_postgres import DATABASE, bootstrap
from system.platforms.local.errors import BadRequest
from system.platforms.local.instance import Instance
from system.platforms.local.keeper import Keeper
from system.platforms.local.parts.postgres import ADMIN, Postgres
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
        index = next(
            (each for each in range(self._instance.layout.addresses.scratch_places) if each not in self._taken), None
        )
        if index is None:
            raise BadRequest("no place for another scratch server: drop one first", 409)
        self._taken.add(index)
        name = f"scratch-{index + 1}"
        layout = self._instance.layout
        directory = layout.data / "scratch" / name
        (directory / "secrets").mkdir(mode=0o700, parents=True)
        secrets = SecretFiles(directory / "secrets")  # its superuser must not be able to sign in to the live server
        secrets.make_for("postgres")
        server = Postgres(
            layout,
            self._instance.programs,
            self._instance.children,
            secrets,
            name=name,
            endpoint=layout.addresses.scratch(index),
            data=directory / "postgres",
            durable=False,
        )
        keeper = Keeper(server, self._instance.children, self._instance.tell)
        self._instance.keepers[name] = keeper
        self._servers[name] = server
        try:
            keeper.start()
            await keeper.wait_ready()
            await bootstrap(server.admin_dsn("postgres"), server.admin_dsn(DATABASE), secrets)
        except BaseException:
            await self.drop(name)
            raise
        return {
            "id": name,
            "host": server.endpoint.address,
            "port": server.endpoint.port,
            "dbname": DATABASE,
            "user": ADMIN,
            "password_file": str(secrets.path("postgres-admin")),
        }

    async def drop(self, name: str) -> None:
        """Stop one and remove its data; raises BadRequest when there is none."""
        if name not in self._servers:
            raise BadRequest(f"there is no scratch server {name!r}", 404)
        server = self._servers.pop(name)
        await self._instance.keepers[name].stop()
        del self._instance.keepers[name]
        await asyncio.to_thread(shutil.rmtree, server.data.parent, ignore_errors=True)
        self._taken.discard(int(name.rsplit("-", 1)[1]) - 1)

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
