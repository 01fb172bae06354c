"""A region lost, and an empty place filled again: what of a state directory is the region's, and where it stands meanwhile.

The store is another provider's and outlives the region, and so does what is kept outside (`kept`): `data/s3` and `kept` stay.
Everything else goes: databases, Redis, services, ingress, their secrets and certificates. What is lost is only set aside, so
that a rebuild that did not come about costs nothing: the next `up` puts it back. From the moment at which the restored
database may archive, the rebuilt region is the one that counts; the old one would archive another history into the same place.
"""

import asyncio
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from system.platforms.local import kept
from system.platforms.local.errors import PlatformError
from system.platforms.local.layout import Layout

if TYPE_CHECKING:
    from system.platforms.local.instance import Instance


async def lose(instance: "Instance") -> None:
    """Kill everything at once, and take away all that the region held."""
    await asyncio.gather(*(keeper.stop(signal.SIGKILL) for keeper in instance.keepers.values()))
    await asyncio.to_thread(_set_aside, instance.layout)


def settle(layout: Layout) -> None:
    """Put a lost region back that was not rebuilt; raises PlatformError where a rebuild was broken off and none is there."""
    if layout.rebuilding.exists():
        if not layout.lost.exists():
            raise PlatformError(f"the rebuild of {layout.state} has not ended: `rebuild` begins it anew")
        _clear(layout)
        layout.rebuilding.unlink()
    if layout.lost.exists():
        for path in _held(layout.lost):
            place = layout.state / path.relative_to(layout.lost)
            _remove(place)
            place.parent.mkdir(mode=0o700, exist_ok=True)
            path.rename(place)
        shutil.rmtree(layout.lost)
    shutil.rmtree(layout.replaced, ignore_errors=True)


def begin(layout: Layout) -> None:
    """Bring the secrets into an empty place; raises PlatformError, and leaves it empty, where the plan lacks anything."""
    if layout.rebuilding.exists():
        _clear(layout)
    elif there := [path for path in _held(layout.state) if not path.is_dir() or any(path.iterdir())]:
        raise PlatformError(f"{there[0]} is there: a rebuild takes a place that holds no more than data/s3 and kept")
    plan = kept.read(layout)
    layout.rebuilding.touch()
    plan.unpack(layout)
    if lacks := plan.missing(layout):
        _clear(layout)
        layout.rebuilding.unlink()
        raise PlatformError(f"the plan lacks {', '.join(lacks)}: nothing was started ({layout.plan})")
    layout.make()


def finish(layout: Layout) -> None:
    """Have the rebuilt region count from now on."""
    layout.rebuilding.unlink()
    if layout.lost.exists():
        layout.lost.rename(layout.replaced)
        shutil.rmtree(layout.replaced)


def _set_aside(layout: Layout) -> None:
    layout.lost.mkdir(mode=0o700)
    (layout.lost / layout.data.name).mkdir(mode=0o700)
    for path in list(_held(layout.state)):
        path.rename(layout.lost / path.relative_to(layout.state))
    for path in layout.run.iterdir():  # generated, and full of passwords
        if path != layout.guardian_pid:
            _remove(path)


def _held(top: Path) -> Iterator[Path]:
    """List what is the region's below a state directory, or below what was set aside of one."""
    places = Layout.of(top, 0)
    for path in (places.secrets, places.ca, places.releases, places.history):
        if path.exists():
            yield path
    if places.data.exists():
        yield from (path for path in places.data.iterdir() if path.name != "s3")


def _clear(layout: Layout) -> None:
    for path in list(_held(layout.state)):
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
