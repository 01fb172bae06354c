"""The control server: HTTP/1.1 and JSON on a unix socket, one call per connection."""

import asyncio
import json
import traceback
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import h11

from system.platforms.local.calls import Calls
from system.platforms.local.errors import BadRequest, PlatformError
from system.platforms.local.instance import Instance

_LARGEST_BODY = 1 << 20


class ControlServer:
    """Serves the control protocol on STATE/control.sock.

    Args:
        instance: what the calls act on.
        stop: set by the call `down`.
    """

    def __init__(self, instance: Instance, stop: asyncio.Event) -> None:
        self._instance = instance
        self._calls = Calls(instance, stop)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; only our own user may connect."""
        path = self._instance.layout.control_socket
        path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, path)
        path.chmod(0o600)

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
        self._instance.layout.control_socket.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        try:
            request, body = await _receive(connection, reader)
            status, answer = await self._answer(request, body)
        except (h11.RemoteProtocolError, ConnectionError) as error:
            status, answer = 400, {"error": f"no HTTP request: {error}"}
        try:
            if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                writer.write(_response(connection, status, json.dumps(answer).encode()))
                await writer.drain()
        except ConnectionError:
            pass  # the caller left without waiting for its answer
        finally:
            writer.close()

    async def _answer(self, request: h11.Request, body: bytes) -> tuple[int, dict[str, Any]]:
        target = urlsplit(request.target.decode("ascii"))
        try:
            arguments = dict(parse_qsl(target.query)) | _parse(body)
            status, answer = await self._calls.run(request.method.decode("ascii"), target.path, arguments)
        except BadRequest as error:
            return error.status, {"error": str(error)}
        except PlatformError as error:
            return 409, {"error": str(error)}
        except Exception as error:  # noqa: BLE001 - a defect of one call must not end the supervisor
            traceback.print_exc()  # into the platform's log
            return 500, {"error": f"{type(error).__name__}: {error}"}
        return status, answer


def _parse(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        value = json.loads(body)
    except json.JSONDecodeError as error:
        raise BadRequest(f"the body is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadRequest("the body must be a JSON object")
    return value


async def _receive(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[h11.Request, bytes]:
    request: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > _LARGEST_BODY:
                raise h11.RemoteProtocolError(f"a body of more than {_LARGEST_BODY} bytes")
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            return request, body
        else:
            raise ConnectionError("the caller closed the connection")


def _response(connection: h11.Connection, status: int, body: bytes) -> bytes:
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("Connection", "close")]
    head = h11.Response(status_code=status, headers=headers, reason=HTTPStatus(status).phrase.encode())
    sent = [connection.send(head), connection.send(h11.Data(data=body)), connection.send(h11.EndOfMessage())]
    return b"".join(part for part in sent if part)
