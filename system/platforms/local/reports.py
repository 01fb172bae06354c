"""What the platform says about itself: answers of the reading calls."""

import os
from typing import Any

from system.platforms.local import listeners as kernel
from system.platforms.local.addresses import PUBLIC_ADDRESS
from system.platforms.local.errors import BadRequest
from system.platforms.local.instance import Instance
from system.platforms.local.parts.member import Member
from system.platforms.local.parts.services import SECRET, SECRET_VARIABLES
from system.platforms.local.processes import Process, table


def status(instance: Instance, calls: list[str]) -> dict[str, Any]:
    """Answer `status`."""
    parts = [
        {
            "name": name,
            "service": keeper.part.service,
            "pid": keeper.pid,
            "address": keeper.part.endpoint.address,
            "port": keeper.part.endpoint.port,
            "state": keeper.state,
            "release": keeper.part.release,
            "role": keeper.part.role,
            "restarts": keeper.restarts,
            "settings": {key: _masked(key, value) for key, value in keeper.part.settings.items()},
            **({"role": "standby" if keeper.part.follows else "primary"} if isinstance(keeper.part, Member) else {}),
        }
        for name, keeper in instance.keepers.items()
    ]
    places = instance.layout.addresses.declared()
    declared = [endpoint for name in places if name in instance.keepers for endpoint in places[name]]
    extra = [keeper.part.endpoint for keeper in instance.keepers.values() if keeper.part.endpoint not in declared]
    return {
        "environment": "local",
        "state": str(instance.layout.state),
        "ready": instance.ready,
        "release": instance.release,
        "public_address": PUBLIC_ADDRESS,
        "calls": calls,
        "parts": parts,
        "patched": sorted({each.file for each in instance.patched}),
        "declared_ports": [{"address": each.address, "port": each.port} for each in (*declared, *extra)],
        "timings": {"serving_s": instance.timings.serving_s, "ready_s": instance.timings.ready_s},
        "reached": dict(instance.timings.reached),
    }


def logs(instance: Instance, part: str, lines: int) -> dict[str, Any]:
    """Answer `logs`; besides the parts, `platform`, `migrations` and `accounts` have logs."""
    known = sorted(path.stem for path in instance.layout.logs.glob("*.log"))
    if part not in known:
        raise BadRequest(f"there is no log of {part!r}; logs are {', '.join(known)}", 404)
    return {"lines": instance.layout.log(part).read_text(errors="replace").splitlines()[-lines:]}


def processes(instance: Instance) -> dict[str, Any]:
    """Answer `processes`: the guardian and everything below it."""
    everything = table()
    roots = {keeper.pid: name for name, keeper in instance.keepers.items() if keeper.pid is not None}
    found = []
    for process in everything.values():
        part = _part(process, everything, roots)
        if part is not None:
            found.append({"part": part, "pid": process.pid, "ppid": process.ppid, "command": process.command})
    return {"processes": sorted(found, key=lambda each: int(each["pid"]))}


def listeners(instance: Instance) -> dict[str, Any]:
    """Answer `listeners`: those from before the start, and all of now."""
    everything = table()
    roots = {keeper.pid: name for name, keeper in instance.keepers.items() if keeper.pid is not None}
    now = []
    for each in kernel.listeners():
        process = everything.get(each.pid) if each.pid is not None else None
        part = _part(process, everything, roots) if process is not None else None
        now.append({"address": each.address, "port": each.port, "pid": each.pid, "part": part})
    before = [{"address": each.address, "port": each.port} for each in instance.before]
    return {"before": before, "now": now}


def config(instance: Instance) -> dict[str, Any]:
    """Answer `config`; no value of a secret is in it."""
    secrets = instance.secrets.values()
    return {
        "parts": {
            name: {key: SECRET if value in secrets else value for key, value in keeper.part.config().items()}
            for name, keeper in instance.keepers.items()
        }
    }


def _part(process: Process, everything: dict[int, Process], roots: dict[int, str]) -> str | None:
    """Say which part a process belongs to: the nearest one above it, `platform` for supervisor and guardian."""
    current: Process | None = process
    own = (os.getpid(), os.getppid())
    while current is not None:
        if current.pid in roots:
            return roots[current.pid]
        if current.pid in own:
            return "platform"
        current = everything.get(current.ppid)
    return None


def _masked(name: str, value: Any) -> Any:
    return SECRET if name in SECRET_VARIABLES and value is not None else value
