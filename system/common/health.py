"""Probe what a service depends on: all probes at once, each within its time, no answer older than a second."""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from system.common import metrics
from system.common.lifecycle import draining
from system.common.logging import get_logger

__all__ = ["Probe", "Readiness", "ReadinessReport"]

Probe = Callable[[], Awaitable[object]]
PROBE_TIMEOUT_S = 1.0
MAX_AGE_S = 1.0

log = get_logger("health")


@dataclass(frozen=True)
class ReadinessReport:
    """Hold the answer of /readyz: its status code and its body."""

    status_code: int
    body: dict[str, Any]


class Readiness:
    """Run named probes; a probe succeeds when it returns, and fails by raising or by taking over `timeout_s`.

    What is lost of `spared` is named and no reason to be called not ready: the service does its work without it.
    """

    def __init__(
        self, probes: Mapping[str, Probe], timeout_s: float = PROBE_TIMEOUT_S, *, spared: Collection[str] = ()
    ) -> None:
        self._probes, self._timeout_s, self._spared = probes, timeout_s, spared
        self._lock = asyncio.Lock()
        self._results: dict[str, str] = {}
        self._running: dict[str, asyncio.Future[object]] = {}
        self._taken_s = float("-inf")

    async def report(self) -> ReadinessReport:
        """Give 200 when every dependency that is needed answered and the process is not draining, else 503; the lost ones are named."""
        async with self._lock:
            if time.monotonic() - self._taken_s > MAX_AGE_S:
                details = await asyncio.gather(*(self._run(name, probe) for name, probe in self._probes.items()))
                self._results = dict(zip(self._probes, details, strict=True))
                self._taken_s = time.monotonic()
        needed = [detail for name, detail in self._results.items() if name not in self._spared]
        ready = not draining.is_set() and not any(needed)
        whole = ready and not any(self._results.values())
        status = "ok" if whole else "degraded" if ready else "draining" if draining.is_set() else "unavailable"
        dependencies = {name: {"ok": not detail, "detail": detail} for name, detail in self._results.items()}
        return ReadinessReport(200 if ready else 503, {"status": status, "dependencies": dependencies})

    async def _run(self, name: str, probe: Probe) -> str:
        detail = await self._detail(name, probe)
        if name not in self._results or bool(detail) != bool(self._results[name]):
            level = logging.WARNING if detail else logging.INFO
            log.log(
                level, "dependency %s", "lost" if detail else "answers", extra={"dependency": name, "detail": detail}
            )
        metrics.dependency_up.labels(name).set(0 if detail else 1)
        return detail

    async def _detail(self, name: str, probe: Probe) -> str:
        """Wait for the probe no longer than its time, even where it does not heed being cancelled; '' means it answers.

        A probe that hangs on is not joined by another one.
        """
        task = self._running.pop(name, None) or asyncio.ensure_future(probe())
        done, _ = await asyncio.wait({task}, timeout=self._timeout_s)
        if not done:
            task.cancel()
            self._running[name] = task
            return f"no answer within {self._timeout_s:g} s"
        if task.cancelled():
            return "no answer to the last probe"
        error = task.exception()
        if error is not None:
            log.debug("probe failed", extra={"dependency": name, "reason": str(error)})
        return _named(error) if error else ""


def _named(error: BaseException) -> str:
    """Name an error without its text, which may hold addresses; what the kernel says of it holds none."""
    said = f" ({os.strerror(error.errno)})" if type(error) is OSError and error.errno else ""
    return f"{type(error).__name__}{said}"
