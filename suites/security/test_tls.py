"""Certificates and the way from HTTP to HTTPS, on every public host."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from seatrial import BLOCKER, Observe, check, require
from seatrial.probes.text import without_queries
from seatrial.profile import DnsSection
from suites.client import require_refused

PUBLIC = ("app", "api", "play", "s3")
MOST_HOPS = 5


@dataclass(frozen=True)
class Host:
    """A public host of the profile."""

    role: str
    name: str
    port: int
    http_port: int

    @property
    def http_origin(self) -> str:
        """Where the host listens without TLS."""
        return f"http://{self.name}:{self.http_port}"


def public_hosts(observe: Observe) -> list[Host]:
    """Return the declared public hosts; where HTTP listens is said by [urls] redirect, else port 80."""
    http_port = urlsplit(observe.profile.urls.get("redirect", "")).port or 80
    found = []
    for role in PUBLIC:
        parts = urlsplit(observe.profile.urls.get(role, ""))
        if parts.scheme == "https" and parts.hostname:
            found.append(Host(role, parts.hostname, parts.port or 443, http_port))
    return found


def own_hosts(observe: Observe) -> list[Host]:
    """Return the public hosts without an object store that is rented: what another company's host agrees to is not ours to mend.

    It is the host of [s3] where the profile lists addresses or aliases of its hosts, and none of that one.
    """
    profile = observe.profile
    section = profile.dns or DnsSection()
    listed = {*profile.resolve, *section.addresses, *section.aliases}
    store = urlsplit(profile.s3.endpoint).hostname if profile.s3 else None
    return [host for host in public_hosts(observe) if host.name != store or not listed or host.name in listed]


@check("SEC-TLS-01", severity=BLOCKER, component="ingress")
def test_every_host_serves_a_valid_chain(observe: Observe) -> None:
    """Every public host serves a full, valid chain for its name.

    Why it matters: a server that leaves out its intermediate works in browsers that have cached it or fetch it, and
    fails in every other client: mobile applications, webhooks, the team's own monitoring.

    How it is measured: a handshake with each host of [urls] (app, api, play, s3), verified against the profile's CA,
    or the machine's roots without one, and against the name. OpenSSL fetches nothing, so a missing intermediate is an
    error. Each certificate must be signed by the next one sent, be in its validity period, and the leaf must name the
    host.

    Not covered: revocation, certificate transparency, protocol versions and ciphers (SEC-TLS-03).
    """
    seen: dict[str, Any] = {}
    with observe.cases(at_least=len(PUBLIC)) as cases:
        for host in public_hosts(observe):
            with cases(host.name):
                answer = observe.tls.handshake(host.name, host.port)
                seen[host.name] = {
                    "ok": answer.ok,
                    "error": answer.error,
                    "chain": [_name(sent) for sent in answer.chain],
                }
                require(answer.ok, f"a chain for {host.name} that verifies", answer.error)
                require(host.name in _covered(answer.names, host.name), f"a leaf for {host.name}", f"{answer.names}")
                require(
                    len(answer.chain) > 1 or not _is_self_signed(answer.chain[0]),
                    "a leaf that a CA signed",
                    "self-signed",
                )
                for below, above in zip(answer.chain, answer.chain[1:], strict=False):
                    require(_signed_by(below, above), f"{_name(below)} signed by the next one sent", _name(above))
                now = datetime.now(UTC)
                for sent in answer.chain:
                    valid = sent.not_valid_before_utc <= now < sent.not_valid_after_utc
                    require(
                        valid, f"{_name(sent)} valid now", f"{sent.not_valid_before_utc} to {sent.not_valid_after_utc}"
                    )
    observe.evidence("hosts", seen)


@check("SEC-TLS-02", severity=BLOCKER, component="ingress")
def test_no_certificate_is_about_to_expire(observe: Observe) -> None:
    """No certificate on the way to any public host expires within the renewal window.

    Why it matters: an expired certificate takes everything down at one known second, and renewal that has stopped
    gives no other sign before.

    How it is measured: from http:// and https:// of each public host, every redirect is followed by hand, at most
    five; from https:// alone where the host is that of a rented object store. On each
    HTTPS hop, the leaf and each certificate sent with it must live longer than targets.renewal_window_s.

    Not covered: hosts that no public host redirects to; certificates inside the private network (INF-PG-02,
    INF-RD-02).
    """
    window_s = float(observe.target("renewal_window_s"))
    left_s: dict[str, dict[str, float]] = {}
    hosts, ours = public_hosts(observe), own_hosts(observe)
    places: dict[tuple[str, int], str] = {}
    with observe.cases(at_least=3 * len(PUBLIC) - len(hosts) + len(ours)) as cases:
        for host in hosts:
            for start in ([f"{host.http_origin}/"] if host in ours else []) + [f"https://{host.name}:{host.port}/"]:
                with cases(f"hops from {start}"):
                    places |= dict.fromkeys(_https_hops(observe, start), start)
        for (name, port), start in places.items():
            with cases(f"certificates of {name}:{port}"):
                answer = observe.tls.handshake(name, port, verify=False)
                require(answer.chain, f"certificates from {name}:{port}, reached from {start}", answer.error)
                now = datetime.now(UTC)
                left = {
                    _name(sent): round((sent.not_valid_after_utc - now).total_seconds(), 1) for sent in answer.chain
                }
                left_s[f"{name}:{port}"] = left
                soonest = min(left, key=left.__getitem__)
                require(
                    left[soonest] > window_s,
                    f"more than {window_s:g} s left on every certificate of {name}",
                    f"{soonest} expires in {left[soonest]} s",
                )
    observe.evidence("seconds left", left_s)


@check("SEC-TLS-03", severity=BLOCKER, component="ingress")
def test_every_host_agrees_to_strong_tls_only(observe: Observe) -> None:
    """Protocols, ciphers, curves and keys of every public host meet a named, versioned policy; nothing known is broken.

    Why it matters: a server that still agrees to TLS 1.0, CBC suites or a small key is as strong as the weakest thing
    that an attacker in between can talk both sides into (RFC 9325 says what to refuse, and why).

    How it is measured: SSLyze scans each host of [urls] but that of an object store which is rented (the profile says nowhere where
    it leads; the evidence names it), at the address that the profile gives, and compares with
    Mozilla's intermediate recommendations in the version that it carries; both versions are in the evidence. Every
    protocol from SSL 2 on, every cipher suite and every curve is offered in a handshake of its own. Heartbleed, ROBOT
    (weak oracles too), CCS injection, compression, insecure or unlimited renegotiation, a missing downgrade signal and
    a missing extended master secret are findings. Of the leaf the key, the signature and the lifetime are compared:
    at most 366 days, while Mozilla's advice of 90 days is no requirement and there is no least; of the certificates
    above it the key. A scan that needs more than targets.tls_scan_connections for one host is stopped and INVALID.

    Not covered: HSTS (SEC-TLS-04), trust and names (SEC-TLS-01), OCSP stapling, TLS 1.3 early data; flaws of an
    implementation that show in no handshake.
    """
    budget = int(observe.target("tls_scan_connections"))
    seen: dict[str, Any] = {}
    with observe.cases(at_least=_fewest(observe)) as cases:
        for host in own_hosts(observe):
            with cases(host.name):
                scan = observe.tls.scan(host.name, host.port, most_connections=budget)
                seen[host.name] = {
                    "policy": scan.policy,
                    "scanner": scan.scanner,
                    "accepted": {name: list(suites) for name, suites in scan.accepted.items()},
                    "curves": list(scan.curves),
                    "keys": list(scan.keys),
                    "lifetime of the leaf, days": scan.leaf_days,
                    "connections": f"{scan.connections} of {budget}",
                }
                require(scan.error is None, f"a TLS server at {host.name} that can be scanned", scan.error)
                require(scan.accepted, f"a protocol that {host.name} agrees to", "none")
                require(not scan.issues, f"{host.name} to meet {scan.policy}", " ".join(scan.issues.values()))
    observe.evidence("hosts", seen)
    observe.evidence("not ours", _not_ours(observe))


@check("SEC-TLS-04", severity=BLOCKER, component="ingress")
def test_http_only_redirects(observe: Observe) -> None:
    """HTTP redirects with 308 to HTTPS on the same host and serves no content; HSTS is sent and long enough.

    Why it matters: one page or cookie over plain HTTP is enough for whoever sits in between. 308 keeps method and
    body, which 301 and 302 do not (RFC 9110, section 15.4.9). HSTS closes the gap of the first request (RFC 6797).

    How it is measured: over HTTP, GET, HEAD and POST-less OPTIONS of a path with a query on each public host, but that
    of an object store which is rented (the profile says nowhere where it leads; the evidence names it), must answer 308 to the
    same host, path and query over HTTPS, with an empty body and no cookie. A host that is not ours
    must be refused (a 4xx, or a connection that is closed) or led to HTTPS, and to another host than itself. Over HTTPS, a good answer and a 404 of each host must each carry
    exactly one Strict-Transport-Security with max-age of at least targets.hsts_s.

    Not covered: the browsers' preload list; a first visit over HTTP before any HSTS was seen.
    """
    least_s = int(observe.target("hsts_s"))
    seen: dict[str, Any] = {}
    with observe.cases(at_least=6 * _fewest(observe)) as cases:
        for host in own_hosts(observe):
            for method in ("GET", "HEAD", "OPTIONS"):
                with cases(f"{method} http://{host.name}"):
                    seen[f"{method} {host.name}"] = _require_redirect(observe, host, method)
            with cases(f"a foreign host at the HTTP port of {host.name}"):
                _require_no_foreign_redirect(observe, host)
            for path in ("/livez", "/no-such-path"):
                with cases(f"HSTS of {host.name}{path}"):
                    seen[f"HSTS {host.name}{path}"] = _require_hsts(observe, host, path, least_s)
    observe.evidence("answers", seen)
    observe.evidence("not ours", _not_ours(observe))


def _not_ours(observe: Observe) -> list[str]:
    ours = own_hosts(observe)
    return [host.name for host in public_hosts(observe) if host not in ours]


def _fewest(observe: Observe) -> int:
    """Say of how many hosts there must be cases; one that the profile lacks is missing, one that is not ours is not."""
    return len(PUBLIC) - len(_not_ours(observe))


def _require_redirect(observe: Observe, host: Host, method: str) -> str:
    path = "/seatrial/redirect?of=this&and=that%20too"
    ask = {"GET": observe.http.get, "HEAD": observe.http.head, "OPTIONS": observe.http.options}[method]
    answer = ask(f"{host.http_origin}{path}")
    wanted = f"https://{host.name}{'' if host.port == 443 else f':{host.port}'}{path}"
    require(answer.status == 308, f"308 from {host.http_origin}", answer.error or f"{answer.status}")
    require(answer.headers.get("location") == wanted, f"a redirect to {wanted}", answer.headers.get("location"))
    require(not answer.body, "no content over HTTP", f"{len(answer.body)} bytes")
    require("set-cookie" not in answer.headers, "no cookie over HTTP", "a Set-Cookie header")
    return f"308 {wanted}"


def _require_no_foreign_redirect(observe: Observe, host: Host) -> None:
    foreign = "attacker.example"
    answer = observe.http.get(f"{host.http_origin}/", headers={"Host": foreign})
    target = urlsplit(answer.headers.get("location", ""))
    require(target.hostname != foreign, "no redirect to a host that is not ours", answer.headers.get("location"))
    if not (300 <= (answer.status or 0) < 400 and target.scheme == "https"):
        require_refused(answer, "no content for a foreign host")


def _require_hsts(observe: Observe, host: Host, path: str, least_s: int) -> str:
    answer = observe.http.get(f"https://{host.name}:{host.port}{path}")
    require(answer.status is not None, f"an answer from https://{host.name}", answer.error)
    sent = answer.headers.get_list("strict-transport-security")
    require(
        len(sent) == 1, "one Strict-Transport-Security header", f"{len(sent)} on {answer.status} of {host.name}{path}"
    )
    directives = dict(_directive(part) for part in sent[0].split(";"))
    age = directives.get("max-age", "").strip('"')
    long_enough = age.isdigit() and int(age) >= least_s
    require(long_enough, f"Strict-Transport-Security with max-age of at least {least_s} s", sent[0])
    return sent[0]


def _directive(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip()


def _https_hops(observe: Observe, start: str) -> list[tuple[str, int]]:
    """Follow redirects by hand and return the HTTPS hosts on the way."""
    url, found = start, []
    for _ in range(MOST_HOPS):
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.hostname:
            found.append((parts.hostname, parts.port or 443))
        answer = observe.http.get(url)
        require(answer.status is not None, f"an answer on the way from {start}", f"{answer}")
        if not 300 <= (answer.status or 0) < 400 or "location" not in answer.headers:
            break
        url = urljoin(url, answer.headers["location"])
    require(found, f"a way to HTTPS from {start}", f"it ends at {without_queries(url)}")
    return found


def _name(certificate: x509.Certificate) -> str:
    subject = certificate.subject.rfc4514_string()
    return subject or f"serial {certificate.serial_number:x}"


def _covered(names: tuple[str, ...], host: str) -> tuple[str, ...]:
    parent = host.partition(".")[2]
    return (*names, host) if f"*.{parent}" in names else names


def _is_self_signed(certificate: x509.Certificate) -> bool:
    return certificate.subject == certificate.issuer and _signed_by(certificate, certificate)


def _signed_by(below: x509.Certificate, above: x509.Certificate) -> bool:
    try:
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
