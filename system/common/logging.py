"""Write logs as one JSON object a line, each with the request and trace id of the request being served."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from system.common.config import ServiceSettings

__all__ = ["get_logger", "request_id", "setup_logging", "trace_id"]

request_id: ContextVar[str] = ContextVar("request_id", default="")
trace_id: ContextVar[str] = ContextVar("trace_id", default="")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


class JsonFormatter(logging.Formatter):
    """Format a record as JSON; whatever was passed in `extra` becomes a field of its own."""

    def __init__(self, settings: ServiceSettings) -> None:
        super().__init__()
        self._who = {"service": settings.service, "instance": settings.instance, "release": settings.release}

    def format(self, record: logging.LogRecord) -> str:
        """Give the line, without its newline."""
        line: dict[str, Any] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            **self._who,
            "message": record.getMessage(),
            "logger": record.name,
            "request_id": request_id.get(),
            "trace_id": trace_id.get(),
        }
        for name, value in vars(record).items():
            if name not in _STANDARD and name not in line:
                line[name] = value
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def setup_logging(settings: ServiceSettings) -> None:
    """Send every logger of the process to stdout as JSON; libraries speak from WARNING on."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(settings))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in ("system", "uvicorn"):
        logging.getLogger(name).setLevel(settings.log_level)


def get_logger(name: str) -> logging.Logger:
    """Get a logger below `system`."""
    return logging.getLogger(name if name.startswith("system.") else f"system.{name}")
