"""Run an ASGI application under uvicorn until SIGTERM, then drain.

On SIGTERM readiness turns red and answers carry `Connection: close` for a notice period, in which the balancer takes
the instance out; then the listener closes and requests in flight get the rest of the ten seconds. SIGINT leaves out the
notice.
"""

import asyncio
import signal
from types import FrameType
from typing import Any

import uvicorn

from system.common import metrics
from system.common.config import ServiceSettings
from system.common.lifecycle import draining
from system.common.logging import get_logger, setup_logging
from system.common.reporting import setup_reporting
from system.common.tracing import end_tracing, setup_tracing

__all__ = ["serve"]

DRAIN_S = 10.0
NOTICE_S = 1.5  # two health check intervals of the ingress and some
KEEP_ALIVE_S = 150  # longer than the ingress keeps idle upstream connections (120 s), so that it is the one to close

log = get_logger("serve")


class Server(uvicorn.Server):
    """Announce the end before closing the listener, and exit 0 after a drain."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain at the first signal; stop at once at the second."""
        if draining.is_set():
            super().handle_exit(sig, frame)
            return
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(draining.set)
        loop.call_soon_threadsafe(loop.call_later, 0 if sig == signal.SIGINT else NOTICE_S, self._stop)

    def _stop(self) -> None:
        self.should_exit = True


def serve(app: Any, settings: ServiceSettings) -> None:
    """Serve until told to stop; returns after the drain, or exits 3 when the application cannot start."""
    setup_logging(settings)
    setup_reporting(settings)
    setup_tracing(settings)
    metrics.set_release(settings)
    config = uvicorn.Config(
        app,
        host=settings.listen_host,
        port=settings.listen_port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(DRAIN_S - NOTICE_S),
        backlog=512,
        h11_max_incomplete_event_size=32 * 1024,
    )
    Server(config).run()
    end_tracing()
