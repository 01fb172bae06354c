"""A real browser as a handle offers it: it presses buttons, so from `exercise` on."""

import base64
import hashlib
from contextlib import AbstractContextManager
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from seatrial.errors import Invalid
from seatrial.probes import browser, tls
from seatrial.probes.browser import Tab
from seatrial.probes.http import READS
from seatrial.scope import Scope


class ExerciseBrowser:
    """Chromium, which finds the hosts of the profile's [urls] and no other."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def start(self) -> AbstractContextManager[Tab]:
        """Start a browser with an empty profile; all of it ends with the context. See `probes.browser.browser`."""
        profile = self._scope.profile
        hosts = frozenset(host for url in profile.urls.values() if (host := urlsplit(url).hostname))
        trusted = self._authorities() if profile.ca else frozenset()
        return browser.browser(profile.resolve, hosts, trusted, self._count)

    def _count(self, method: str) -> None:
        self._scope.meter.add(requests=1, writes=0 if method in READS else 1)

    def _authorities(self) -> frozenset[str]:
        """Return the keys above the leaf that each host serves, in chains that lead to the profile's own authority."""
        profile, keys = self._scope.profile, set()
        for parts in map(urlsplit, sorted(set(profile.urls.values()))):
            if parts.scheme != "https" or not parts.hostname:
                continue
            self._scope.meter.add(connections=2, requests=1)
            seen = tls.handshake(
                parts.hostname, parts.port or 443, address=profile.resolve.get(parts.hostname), ca=profile.ca
            )
            if not seen.ok:
                raise Invalid(f"no browser can believe {parts.hostname}: {seen.error}")
            for above in seen.chain[1:]:
                key = above.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
                keys.add(base64.b64encode(hashlib.sha256(key).digest()).decode())
        return frozenset(keys)
