"""The connection to a platform's control protocol: HTTP and JSON on a unix socket."""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

from seatrial.errors import EnvironmentFault
from seatrial.probes.text import describe, one_line

__all__ = ["PlatformDown", "PlatformSocket"]

READ_TIMEOUT_S = 15.0
CHANGE_TIMEOUT_S = 240.0


class PlatformDown(EnvironmentFault):
    """Nobody listens at the control socket: nothing runs, or not yet."""


class PlatformSocket:
    """Asks the control socket; a refusal or silence of the platform is an EnvironmentFault with its line."""

    def __init__(self, path: Path) -> None:
        self.socket = path
        self._http = httpx2.Client(
            transport=httpx2.HTTPTransport(uds=str(path)), base_url="http://platform", trust_env=False
        )

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _knock(self, call: str) -> None:
        # httpcore2 leaves its socket open when a unix socket cannot be connected, so that is tried first.
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(READ_TIMEOUT_S)  # or a full queue would keep us waiting without end
            try:
                door.connect(str(self.socket))
            except OSError as error:
                down = isinstance(error, FileNotFoundError | ConnectionRefusedError)
                raise (PlatformDown if down else EnvironmentFault)(
                    f"platform {call}: {describe(error)} ({self.socket}); is the platform up?"
                ) from None

    def _ask(
        self,
        method: str,
        call: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        missing_ok: bool = False,
    ) -> dict[str, Any]:
        limit_s = READ_TIMEOUT_S if method == "GET" else CHANGE_TIMEOUT_S
        self._knock(call)
        try:
            answer = self._http.request(method, f"/v1/{call}", json=body, params=params, timeout=limit_s)
        except httpx2.TimeoutException:
            raise EnvironmentFault(f"platform {call}: no answer within {limit_s:g} s ({self.socket})") from None
        except httpx2.HTTPError as error:
            raise EnvironmentFault(f"platform {call}: {describe(error)} ({self.socket})") from None
        if missing_ok and answer.status_code == httpx2.codes.NOT_FOUND:
            return {}
        return _object(call, answer)


def _object(call: str, answer: httpx2.Response) -> dict[str, Any]:
    try:
        data = answer.json() if answer.content else {}
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise EnvironmentFault(f"platform {call}: {answer.status_code}, not a JSON object: {one_line(answer.text)!r}")
    if answer.is_error:
        raise EnvironmentFault(f"platform {call}: {one_line(data.get('error') or answer.status_code)}")
    return data
