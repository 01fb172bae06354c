"""One small HTTP request for readiness probes: status only, no client library to import."""

import asyncio
import ssl

from system.platforms.local.addresses import Endpoint


async def status(endpoint: Endpoint, path: str, *, tls: ssl.SSLContext | None = None, host: str | None = None) -> int:
    """Give the status of a GET; raises OSError when there is no answer.

    Args:
        endpoint: where to connect.
        path: path to ask for.
        tls: verifies the certificate for `host`; None speaks plain HTTP.
        host: server name and Host header.
    """
    name = host if tls is not None else None
    reader, writer = await asyncio.open_connection(endpoint.address, endpoint.port, ssl=tls, server_hostname=name)
    try:
        request = (
            f"GET {path} HTTP/1.1\r\nHost: {host or endpoint.address}:{endpoint.port}\r\nConnection: close\r\n\r\n"
        )
        writer.write(request.encode())
        words = (await reader.readline()).decode(errors="replace").split(" ", 2)
    finally:
        writer.close()
    if len(words) < 2 or not words[1].isdigit():
        raise OSError(f"{endpoint}: no HTTP answer")
    return int(words[1])
