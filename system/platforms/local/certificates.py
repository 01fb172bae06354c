"""Replace the certificate of a store while it runs: another name, an expired or a self-signed one, the proper one."""

import signal
from typing import Any

from system.platforms.local import processes
from system.platforms.local.ca import proper_names
from system.platforms.local.errors import BadRequest
from system.platforms.local.instance import Instance
from system.platforms.local.keeper import State


async def replace_certificate(
    instance: Instance, name: str, names: list[str], *, days: int, self_signed: bool
) -> dict[str, Any]:
    """Issue a new certificate and have the part use it for every later connection; raises BadRequest.

    Args:
        instance: the instance.
        name: `postgres` or a server of Redis.
        names: alternative names; empty for the proper ones.
        days: validity from now; zero or less makes an expired one.
        self_signed: not signed by the instance's authority.
    """
    places = ("postgres", *instance.redis.servers)
    if name not in places:
        raise BadRequest(f"only {', '.join(places)} have certificates to replace, not {name!r}")
    keeper = instance.keeper(name)
    proper = proper_names(name, keeper.part.endpoint)
    instance.authority.issue(name, names or proper, days=days, self_signed=self_signed)
    pinned = bool(names) or days <= 0 or self_signed
    if keeper.state is State.READY and keeper.pid is not None:
        if name == "postgres":
            server = instance.postgres.postmaster()
            processes.send([server] if server else [], signal.SIGHUP)
        else:
            await instance.redis.servers[name].reload_certificate()
    return {"part": name, "names": names or proper, "proper": not pinned}
