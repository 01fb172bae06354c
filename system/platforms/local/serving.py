"""Serving: every public host answers ready through the ingress."""

import asyncio
import ssl
import time

from system.platforms.local import http_probe
from system.platforms.local.ca import Authority
from system.platforms.local.errors import PartFailed
from system.platforms.local.layout import Layout

_PROBES = (("api", "/readyz"), ("app", "/readyz"), ("play", "/readyz"), ("s3", "/healthz"))
_DEADLINE_S = 20.0
_POLL_S = 0.1


async def wait_serving(layout: Layout, authority: Authority) -> None:
    """Ask each public host through the ingress until it answers 200; raises PartFailed with the last answer."""
    addresses = layout.addresses
    tls = ssl.create_default_context(cafile=str(authority.root_certificate))
    deadline = time.monotonic() + _DEADLINE_S
    for name, path in _PROBES:
        while True:
            try:
                seen = str(
                    await http_probe.status(addresses.endpoint("https"), path, tls=tls, host=addresses.host(name))
                )
            except OSError as error:
                seen = str(error)
            if seen == "200":
                break
            if time.monotonic() > deadline:
                raise PartFailed("serving", f"{addresses.origin(name)}{path}: {seen} after {_DEADLINE_S:g} s")
            await asyncio.sleep(_POLL_S)
