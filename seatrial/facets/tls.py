"""TLS handshakes and TCP connections as a handle offers them."""

import ssl

from seatrial.probes import tcp, tls, tls_scan
from seatrial.probes.tls import TlsAnswer
from seatrial.probes.tls_scan import TlsScan
from seatrial.scope import Scope


class ObserveTls:
    """Handshakes with any host, at the address that the profile names for it."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def handshake(
        self,
        host: str,
        port: int,
        *,
        address: str | None = None,
        verify: bool = True,
        starttls: str | None = None,
        highest: ssl.TLSVersion | None = None,
        ciphers: str | None = None,
        alpn: tuple[str, ...] = (),
        timeout_s: float = 5.0,
    ) -> TlsAnswer:
        """Shake hands and return what was negotiated and sent; see `probes.tls.handshake`.

        The chain is verified against the CA that the profile gives for that host: Postgres' and Redis' own for their
        hosts, the public one for any other.
        """
        self._scope.meter.add(connections=2 if verify else 1, requests=1)
        profile = self._scope.profile
        ca, override = profile.ca, profile.resolve.get(host)
        for place in (profile.postgres, profile.redis):
            if place is not None and host == place.host:
                ca, override = place.ca, place.address or override
        return tls.handshake(
            host,
            port,
            address=address or override,
            ca=ca,
            verify=verify,
            starttls=starttls,
            highest=highest,
            ciphers=ciphers,
            alpn=alpn,
            timeout_s=timeout_s,
        )

    def scan(self, host: str, port: int, *, most_connections: int) -> TlsScan:
        """Find out what the public host agrees to, by at most so many connections; see `probes.tls_scan.scan`."""
        profile = self._scope.profile
        found = tls_scan.scan(
            host, port, address=profile.resolve.get(host), ca=profile.ca, most_connections=most_connections
        )
        self._scope.meter.add(connections=found.connections, requests=found.connections)
        return found


class ObserveTcp:
    """Connection attempts."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def connect(self, address: str, port: int, timeout_s: float = 1.0) -> str:
        """Return "open", "refused", "timeout" or the error's text."""
        self._scope.meter.add(connections=1)
        return tcp.connect(self._scope.profile.resolve.get(address, address), port, timeout_s)
