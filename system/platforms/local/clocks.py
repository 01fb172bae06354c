"""Move the clock of one instance of a service, as that of a machine of its own may go wrong.

libfaketime is preloaded at a restart, and reads from a file how far the time of day is moved; the monotonic clock, which timers
go by, stays as it is. (A time namespace of the kernel moves the monotonic clock only.)
"""

from collections.abc import Mapping
from pathlib import Path

from system.platforms.local.errors import BadRequest
from system.platforms.local.instance import Instance
from system.platforms.local.members import restart
from system.platforms.local.parts.services import Service

# Certificates of the stores were valid an hour ago, and the object store forgives a quarter of an hour.
MOST_S = 600
_SHARED = Path("/dev/shm")  # noqa: S108 - where libfaketime keeps its own


async def move_clock(instance: Instance, name: str, seconds: int) -> Mapping[str, object]:
    """Have an instance's clock be so many seconds ahead, behind where negative; 0 gives the machine's own back.

    Raises BadRequest for what is no instance of a service, PartFailed for one that does not become ready.
    """
    keeper = instance.keeper(name)
    part = keeper.part
    if not isinstance(part, Service):
        raise BadRequest(f"only instances of the services have a clock to move, not {name!r}")
    preloaded, part.clock_s = part.clock_s is not None, seconds or None
    if seconds:
        half = part.clock_file.with_suffix(".new")
        half.write_text(f"{seconds:+d}\n")
        half.replace(part.clock_file)
    if preloaded != bool(seconds):
        pid = keeper.pid
        await restart(instance, keeper, at_once=False)
        _forget(part, pid if preloaded else None)
    return {"part": name, "seconds": seconds}


def _forget(part: Service, pid: int | None) -> None:
    """Remove what a process with a moved clock has left behind."""
    if pid is not None:
        part.clock_file.unlink(missing_ok=True)
        for kind in ("faketime_shm", "sem.faketime_sem"):
            (_SHARED / f"{kind}_{pid}").unlink(missing_ok=True)
