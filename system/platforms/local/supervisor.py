"""The supervisor: starts the parts, keeps them running, answers the control protocol, stops everything in order."""

import argparse
import asyncio
import datetime as dt
import os
import signal
import sys
from pathlib import Path

from system.platforms.local.boot import boot
from system.platforms.local.children import Children
from system.platforms.local.control import ControlServer
from system.platforms.local.errors import PartFailed
from system.platforms.local.history import Change
from system.platforms.local.instance import Instance, Timings
from system.platforms.local.layout import Layout
from system.platforms.local.listeners import listeners
from system.platforms.local.places import Places
from system.platforms.local.processes import become_subreaper, die_with_parent, kill_descendants
from system.platforms.local.programs import Programs
from system.platforms.local.progress import CallerGone, Progress

_LAST_LINES = 15
_ORDERLY_S = 25.0  # as the guardian's, which may be gone; less than `down` waits


def main(arguments: list[str]) -> int:
    """Run the instance until it is asked to stop; 0 after an orderly stop, 1 when it did not come up."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--base-port", type=int, required=True)
    parser.add_argument("--started", type=float, required=True, help="time.monotonic() of the call of `up`")
    parser.add_argument("--lock", type=int, required=True)
    parser.add_argument("--progress", type=int, required=True)
    parser.add_argument("--alive", type=int, required=True)
    parser.add_argument("--stay", action="store_true", help="go on reporting after the start")
    parser.add_argument("--unwatched", action="store_true", help="start nothing that watches the system")
    options = parser.parse_args(arguments)
    places = Places(Layout.of(options.state, options.base_port))
    places.mount()
    become_subreaper()
    die_with_parent(signal.SIGTERM)
    if os.getppid() != options.parent:
        return 1  # the guardian died before the line above took effect
    for descriptor in (options.lock, options.alive):
        os.set_inheritable(descriptor, False)
    try:
        return asyncio.run(_run(options, places))
    finally:
        kill_descendants()  # what the orderly way has left; the guardian may be gone


async def _run(options: argparse.Namespace, places: Places) -> int:
    layout = Layout.of(options.state, options.base_port)
    progress = Progress(options.progress)
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)

    def tell(line: str) -> None:
        print(f"{dt.datetime.now(dt.UTC).isoformat(timespec='milliseconds')} {line}", flush=True)
        try:
            progress.send(line=line)
        except CallerGone:
            stop.set()

    present, timings = listeners(), Timings(options.started)
    instance = Instance(
        layout, Programs.find(), Children(), tell, timings, present, places, watched=not options.unwatched
    )
    server = ControlServer(instance, stop)
    await server.start()
    try:
        failed = await _start(instance, progress, stop)
        if not failed and not stop.is_set():
            if not options.stay:
                progress.close()
            await stop.wait()
    finally:
        tell("stopping")
        try:
            async with asyncio.timeout(_ORDERLY_S):
                await instance.stop()
        except TimeoutError:
            tell(f"not stopped in order within {_ORDERLY_S:g} s: killing what is left")
            kill_descendants()
            os._exit(1)
        await server.stop()
        await instance.children.kill_orphans()
    return 1 if failed else 0


async def _start(instance: Instance, progress: Progress, stop: asyncio.Event) -> bool:
    """Start everything unless asked to stop meanwhile; give whether it failed, after having said so."""
    starting = asyncio.create_task(boot(instance, progress))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not starting.done():
        starting.cancel()
        await asyncio.wait({starting})
        return False
    try:
        starting.result()
        instance.timings.ready_s = instance.timings.now_s()
        instance.history.add(Change(instance.release, None, "up", "in force", "", instance.timings.ready_s))
        progress.send(ready=True, seconds=instance.timings.ready_s)
    except PartFailed as error:
        log = instance.layout.log(error.part)
        lines = log.read_text(errors="replace").splitlines()[-_LAST_LINES:] if log.exists() else []
        progress.send(failed=error.part, reason=error.reason, log=str(log), lines=lines)
        return True
    except CallerGone:
        return True
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
