"""Keeps one part running: start, readiness, restart with bounded backoff, pause, stop."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from system.platforms.local import processes
from system.platforms.local.children import Child, Children
from system.platforms.local.errors import PartFailed
from system.platforms.local.part import Part

_BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_STABLE_S = 10.0
_PROBE_EVERY_S = 0.05
_PROBE_TIMEOUT_S = 2.0
_EVER = float("inf")


class State(StrEnum):
    """Where a part stands; `failed` means that it keeps ending before it is ready, and is still being retried."""

    STARTING = "starting"
    READY = "ready"
    STOPPED = "stopped"
    PAUSED = "paused"
    FAILED = "failed"


class Keeper:
    """Runs one part.

    Args:
        part: what to run.
        children: the supervisor's children.
        tell: called with one line about every unexpected end.
    """

    def __init__(self, part: Part, children: Children, tell: Callable[[str], None]) -> None:
        self.part = part
        self.state = State.STOPPED
        self.restarts = 0
        self.trouble = "not started"
        self._children = children
        self._tell = tell
        self._child: Child | None = None
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._gave_out = asyncio.Event()
        self._unready_s = _EVER

    @property
    def pid(self) -> int | None:
        """Process id of the part, None while it does not run."""
        return self._child.pid if self._child is not None else None

    def start(self, unready_s: float = _EVER) -> None:
        """Start the part, and keep it running until `stop`.

        Args:
            unready_s: how long it may answer that it is not ready before nobody waits for it any more.
        """
        if self._task is None:
            self._unready_s = unready_s
            self.state = State.STARTING
            self.trouble = "it has not answered yet"
            self._ready.clear()
            self._gave_out.clear()
            self._task = asyncio.create_task(self._keep(), name=self.part.name)

    async def wait_ready(self) -> None:
        """Wait until the part is ready; raises PartFailed when it ends before that, or takes longer than it may."""
        deadline_s = self.part.ready_deadline_s
        ready = asyncio.ensure_future(self._ready.wait())
        gave_out = asyncio.ensure_future(self._gave_out.wait())
        try:
            await asyncio.wait({ready, gave_out}, timeout=deadline_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
            gave_out.cancel()
        if not self._ready.is_set():
            early = "" if self._gave_out.is_set() else f"not ready after {deadline_s:g} s: "
            raise PartFailed(self.part.name, early + self.trouble)

    async def stop(self, signum: signal.Signals | None = None) -> None:
        """End the part in order, by force when it takes longer than its grace, and keep it down.

        Args:
            signum: what to ask it with instead of the part's own stop signal.
        """
        task, child = self._task, self._child
        if task is None:
            return
        self._task = None
        self.resume()
        task.cancel()
        await asyncio.wait({task})
        if child is not None and not child.exited.done():
            processes.send([child.pid], signum or self.part.stop_signal)
            done, _ = await asyncio.wait({child.exited}, timeout=self.part.stop_grace_s)
            if not done:
                processes.send([child.pid], signal.SIGKILL)
                await child.exited
        await self._after_end(child)
        self.state = State.STOPPED
        self.trouble = "stopped"

    def pause(self) -> None:
        """Freeze the part and everything below it; it is not restarted meanwhile."""
        if self._child is None or self.state is not State.READY:
            raise PartFailed(self.part.name, f"is {self.state}, only a ready part can be paused")
        self.state = State.PAUSED
        processes.send(self._tree(), signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused part go on."""
        if self.state is State.PAUSED:
            processes.send(self._tree(), signal.SIGCONT)
            self.state = State.READY

    def kill(self, signum: signal.Signals, child: str | None) -> list[int]:
        """Signal the part, or every process below it whose command holds `child`; give the pids."""
        if self._child is None:
            raise PartFailed(self.part.name, f"is {self.state}, there is nothing to kill")
        pids = [self._child.pid]
        if child is not None:
            pids = [each.pid for each in processes.descendants(pids[0]) if child in each.command]
            if not pids:
                raise PartFailed(self.part.name, f"no process below it has {child!r} in its command")
        processes.send(pids, signum)
        return pids

    def _tree(self) -> list[int]:
        if self._child is None:
            return []
        return [self._child.pid, *(each.pid for each in processes.descendants(self._child.pid))]

    async def _keep(self) -> None:
        attempt = 0
        while True:
            started = time.monotonic()
            try:
                code = await self._once()
            except PartFailed as error:
                self.trouble = error.reason
            except OSError as error:
                self.trouble = f"could not be started: {error}"
            else:
                ended = f"ended with exit code {code}{self._last_words()}"
                self.trouble = f"killed by {signal.Signals(-code).name}" if code < 0 else ended
            was_ready = self._ready.is_set()
            attempt = 0 if was_ready and time.monotonic() - started > _STABLE_S else attempt + 1
            self._ready.clear()
            if not was_ready:
                self._gave_out.set()
            self.state = State.STARTING if attempt < len(_BACKOFF_S) else State.FAILED
            self._tell(f"{self.part.name}: {self.trouble}; restarting")
            await asyncio.sleep(_BACKOFF_S[min(attempt, len(_BACKOFF_S)) - 1] if attempt else 0)
            self.restarts += 1

    async def _once(self) -> int:
        await self.part.prepare()
        child = self._children.spawn(self.part.command(), self.part.log, dies_by=self.part.dies_by)
        self._child = child
        probing = asyncio.create_task(self._probe_until_ready())
        try:
            first: set[asyncio.Future[Any]] = {child.exited, probing}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if probing.done() and not child.exited.done():
                probing.result()
                self.state = State.READY
                self._ready.set()
            code = await asyncio.shield(child.exited)
        finally:
            probing.cancel()
        await self._after_end(child)
        return code

    async def _after_end(self, child: Child | None) -> None:
        """Leave nothing of a dead part behind, as the end of a container would."""
        self._ready.clear()
        if child is not None:
            with contextlib.suppress(ProcessLookupError):  # nobody is left in its group
                os.killpg(child.pid, signal.SIGKILL)
            await self._children.kill_orphans()
        self._child = None

    async def _probe_until_ready(self) -> None:
        answers_since = _EVER
        while True:
            try:
                async with asyncio.timeout(_PROBE_TIMEOUT_S):
                    self.trouble = await self.part.probe()
                answers_since = min(answers_since, time.monotonic())
            except TimeoutError:
                self.trouble = f"no answer within {_PROBE_TIMEOUT_S:g} s"
            except OSError as error:
                self.trouble = f"{self.part.endpoint}: {error.strerror or error}"
            if not self.trouble:
                return
            if time.monotonic() - answers_since > self._unready_s:
                self._gave_out.set()
            await asyncio.sleep(_PROBE_EVERY_S)

    def _last_words(self) -> str:
        lines = self.part.log.read_text(errors="replace").strip().splitlines()[-1:] if self.part.log.exists() else []
        return f": {lines[0]}" if lines else ""
