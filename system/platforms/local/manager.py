"""Patroni's REST interface of one member."""

import asyncio
import base64
import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from system.platforms.local.addresses import Endpoint
from system.platforms.local.secret_files import SecretFiles

_USER = "patroni"


class ManagerSilent(OSError):  # noqa: N818 - the name of what was seen
    """No answer came from the interface."""


class Manager:
    """Asks one member's Patroni.

    Args:
        endpoint: where it listens.
        root: the authority that its certificate is verified with.
        secrets: holds the password that it wants before it changes anything.
    """

    def __init__(self, endpoint: Endpoint, root: Path, secrets: SecretFiles) -> None:
        self._endpoint = endpoint
        self._root = root
        self._secrets = secrets

    async def ask(self, method: str, path: str, body: Any = None, *, timeout_s: float = 3.0) -> tuple[int, Any]:
        """Give status and answer, JSON taken apart where it is such; raises ManagerSilent."""
        return await asyncio.to_thread(self._ask, method, path, body, timeout_s)

    def _ask(self, method: str, path: str, body: Any, timeout_s: float) -> tuple[int, Any]:
        proof = base64.b64encode(f"{_USER}:{self._secrets.read('patroni-rest')}".encode()).decode()
        request = urllib.request.Request(
            f"https://{self._endpoint}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {proof}", "Content-Type": "application/json"},
        )
        tls = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(self._root)))
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), tls)
        try:
            with direct.open(request, timeout=timeout_s) as answer:
                return answer.status, _value(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _value(error.read())
        except OSError as error:
            raise ManagerSilent(f"{self._endpoint}: {error}") from None


def _value(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace").strip()
