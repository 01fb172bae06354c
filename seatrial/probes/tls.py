"""A TLS handshake as a strict client sees it, and the certificates as they were sent."""

import contextlib
import ipaddress
import socket
import ssl
import struct
import time
import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from seatrial.errors import Invalid
from seatrial.probes.secure import closing
from seatrial.probes.text import describe

# SSLRequest: length 8, code 1234 5679 (PostgreSQL manual, "Message Formats").
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_LOCAL_LIMITS = {"NO_PROTOCOLS_AVAILABLE", "NO_CIPHERS_AVAILABLE"}


@dataclass(frozen=True)
class TlsAnswer:
    """One handshake.

    Attributes:
        ok: the handshake ended well and, when asked for, the chain and the name were verified.
        error: one line when it did not; None otherwise.
        protocol: "TLSv1.3"; None when no handshake ended at all.
        cipher: the suite's name, "TLS_AES_256_GCM_SHA384".
        alpn: the protocol chosen, None when none was.
        chain: the certificates in the order in which they were sent, leaf first.
        elapsed_s: of the handshake that sent the chain.
        address: of the peer that the handshake was with; None when none ended.
    """

    host: str
    port: int
    ok: bool
    error: str | None
    protocol: str | None = None
    cipher: str | None = None
    alpn: str | None = None
    chain: tuple[x509.Certificate, ...] = field(default=(), repr=False)
    elapsed_s: float = 0.0
    address: str | None = None

    @property
    def leaf(self) -> x509.Certificate | None:
        """The server's own certificate, None when none was sent."""
        return self.chain[0] if self.chain else None

    @property
    def not_after_s(self) -> float | None:
        """Seconds until the first certificate of the chain expires; negative when one has, None without a chain."""
        now = datetime.now(UTC)
        return min(((sent.not_valid_after_utc - now).total_seconds() for sent in self.chain), default=None)

    @property
    def names(self) -> tuple[str, ...]:
        """The DNS names and addresses of the leaf's subjectAltName."""
        if self.leaf is None:
            return ()
        try:
            names = self.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return ()
        addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
        return (*names.get_values_for_type(x509.DNSName), *addresses)


def handshake(
    host: str,
    port: int,
    *,
    address: str | None = None,
    ca: Path | None = None,
    verify: bool = True,
    starttls: str | None = None,
    highest: ssl.TLSVersion | None = None,
    ciphers: str | None = None,
    alpn: tuple[str, ...] = (),
    timeout_s: float = 5.0,
) -> TlsAnswer:
    """Shake hands with `host` at `address` and return what was negotiated and sent.

    The chain is taken from a handshake that trusts anything; with `verify`, a second one that trusts `ca` alone (the
    machine's roots without one) and asks for `host` by name decides `ok`. `starttls="postgres"` speaks libpq's
    SSLRequest first. `highest` offers nothing newer than that protocol, `ciphers` nothing but these TLS 1.2 suites.
    Raises Invalid when this client's own OpenSSL cannot offer what was asked: then nothing was measured.
    """
    place = (address or host, port)
    seen, error = _shake(place, host, _lax(highest, ciphers, alpn), starttls, timeout_s)
    if seen is None or error is not None:
        return TlsAnswer(host, port, ok=False, error=error)
    if verify:
        _, error = _shake(place, host, _strict(ca, highest, ciphers, alpn), starttls, timeout_s)
    protocol, cipher, chosen, chain, elapsed_s, peer = seen
    return TlsAnswer(host, port, error is None, error, protocol, cipher, chosen, chain, elapsed_s, peer)


_Seen = tuple[str | None, str | None, str | None, tuple[x509.Certificate, ...], float, str]


def _lax(highest: ssl.TLSVersion | None, ciphers: str | None, alpn: tuple[str, ...]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # The lowest security level: an unwilling client would make a weak server look strong.
    context.set_ciphers((ciphers or "ALL") + ":@SECLEVEL=0")
    return _limit(context, highest, alpn)


def _strict(
    ca: Path | None, highest: ssl.TLSVersion | None, ciphers: str | None, alpn: tuple[str, ...]
) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    if ciphers or highest:
        context.set_ciphers((ciphers or "ALL") + ":@SECLEVEL=0")
    return _limit(context, highest, alpn)


def _limit(context: ssl.SSLContext, highest: ssl.TLSVersion | None, alpn: tuple[str, ...]) -> ssl.SSLContext:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old protocols are offered on purpose
        context.minimum_version = min(highest or ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
        if highest is not None:
            context.maximum_version = highest
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return closing(context)


def _shake(
    place: tuple[str, int], host: str, context: ssl.SSLContext, starttls: str | None, timeout_s: float
) -> tuple[_Seen | None, str | None]:
    started = time.monotonic()
    try:
        with socket.create_connection(place, timeout_s) as plain:
            if starttls == "postgres" and (refusal := _ask_postgres(plain)):
                return None, refusal
            with context.wrap_socket(plain, server_hostname=_sni(host)) as secure:
                elapsed_s = time.monotonic() - started
                cipher = secure.cipher()
                chosen = secure.selected_alpn_protocol()
                peer = str(secure.getpeername()[0])
                return (secure.version(), cipher[0] if cipher else None, chosen, _chain(secure), elapsed_s, peer), None
    except ssl.SSLError as error:
        if error.reason in _LOCAL_LIMITS:
            raise Invalid(f"this client's OpenSSL cannot offer what the handshake needs: {error.reason}") from None
        return None, describe(error)
    except OSError as error:
        return None, describe(error)


def _sni(host: str) -> str:
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(host))
    return host


def _ask_postgres(plain: socket.socket) -> str | None:
    plain.sendall(_SSL_REQUEST)
    answer = plain.recv(1)
    if answer == b"S":
        return None
    return "the server refuses TLS" if answer == b"N" else f"not a PostgreSQL server: answered {answer!r} to SSLRequest"


def _chain(secure: ssl.SSLSocket) -> tuple[x509.Certificate, ...]:
    # Public since Python 3.13; before, the same call of the object beneath.
    source: Any = secure if hasattr(secure, "get_unverified_chain") else secure._sslobj  # type: ignore[attr-defined] # noqa: SLF001
    sent = source.get_unverified_chain() or ()
    return tuple(
        x509.load_der_x509_certificate(
            entry if isinstance(entry, bytes) else ssl.PEM_cert_to_DER_cert(entry.public_bytes())
        )
        for entry in sent
    )
