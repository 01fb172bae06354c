"""The command line's own way to the control socket."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from system.platforms.local.errors import PlatformError


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("control", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def call(
    socket_path: Path, method: str, path: str, body: dict[str, Any] | None = None, *, timeout_s: float = 5.0
) -> dict[str, Any] | None:
    """Make one call; None when nobody listens, PlatformError when the answer is an error."""
    connection = _UnixConnection(socket_path, timeout_s)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
        raise PlatformError(f"{socket_path} does not answer: {error or type(error).__name__}") from None
    finally:
        connection.close()
    if response.status >= 400:
        raise PlatformError(str(answer.get("error")))
    return answer
