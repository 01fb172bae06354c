"""Report what nobody foresaw to a collector of errors that speaks Sentry's protocol, where there is one.

What is reported is what is logged as an error, with its stack, and neither variables nor anything of the request but its ids: an
error's report is read by more people than may read what users send.
"""

import logging
from typing import TYPE_CHECKING

from system.common.config import ServiceSettings
from system.common.logging import request_id, trace_id

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

__all__ = ["setup_reporting"]

_LAST_WORDS_S = 2


def setup_reporting(settings: ServiceSettings) -> None:
    """Send every error that is logged from now on, in a thread of its own; without a collector, do nothing."""
    if not settings.errors_url:
        return
    import sentry_sdk  # noqa: PLC0415 - slow to import, and of no use without a collector
    from sentry_sdk.integrations.atexit import AtexitIntegration  # noqa: PLC0415
    from sentry_sdk.integrations.logging import LoggingIntegration  # noqa: PLC0415

    sentry_sdk.init(
        dsn=settings.errors_url,
        release=settings.release,
        server_name=settings.instance,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            LoggingIntegration(level=None, event_level=logging.ERROR),
            AtexitIntegration(callback=lambda _pending, _timeout: None),
        ],
        include_local_variables=False,
        before_send=lambda event, hint: _with_ids(settings, event, hint),
        shutdown_timeout=_LAST_WORDS_S,
        # A level means gzip. Else it is Brotli wherever a library for that happens to be installed, and not every collector reads it.
        _experiments={"transport_compression_level": 9},
    )


def _with_ids(settings: ServiceSettings, event: "Event", _hint: "Hint") -> "Event":
    """Add which request it was, by the ids that its lines in the logs have."""
    event.setdefault("tags", {}).update({"service": settings.service, "request_id": request_id.get()})
    if trace := trace_id.get():
        event.setdefault("contexts", {}).setdefault("trace", {})["trace_id"] = trace
    event.pop("environment", None)  # the SDK's guess; each environment has a collector of its own
    return event
