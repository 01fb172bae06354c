"""Four public hosts on one TLS server and one HTTP server, each with a defect of choice, and the real checks run on them."""

import json
import os
import socket
import ssl
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.probes.conftest import Authority, Serve, read_head

ROLES = ("app", "api", "play", "s3")
NAMES = tuple(f"{role}.example.test" for role in ROLES)
CHECKS = {
    "SEC-TLS-01": "test_every_host_serves_a_valid_chain",
    "SEC-TLS-02": "test_no_certificate_is_about_to_expire",
    "SEC-TLS-03": "test_every_host_agrees_to_strong_tls_only",
    "SEC-TLS-04": "test_http_only_redirects",
}
HSTS = "Strict-Transport-Security: max-age=31536000\r\n"
RUN_LIMIT_S = 180


def strong(authority: Authority, **how: Any) -> ssl.SSLContext:
    """A context that meets the policy, over a chain made as `Authority.context` is told."""
    context = authority.context(**{"names": NAMES, **how})
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM" + (":@SECLEVEL=0" if "key" in how else ""))
    context.set_ecdh_curve("prime256v1")
    return context


def old(authority: Authority, lowest: ssl.TLSVersion) -> ssl.SSLContext:
    """A context that also speaks an old protocol."""
    context = strong(authority)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = lowest
    return context


def weak_cipher(authority: Authority) -> ssl.SSLContext:
    """A context that speaks today's protocols with a suite of yesterday."""
    context = strong(authority)
    context.set_ciphers("ECDHE+AESGCM:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
    return context


def weak_key(authority: Authority) -> ssl.SSLContext:
    """A context over a leaf with RSA-1024."""
    return strong(authority, key=rsa.generate_private_key(public_exponent=65537, key_size=1024))  # noqa: S505


def site(extra: str = HSTS) -> Callable[[socket.socket], None]:
    """Answer everything with 200 and these headers."""

    def handle(connection: socket.socket) -> None:
        while read_head(connection):
            connection.sendall(f"HTTP/1.1 200 OK\r\n{extra}Content-Length: 2\r\n\r\nok".encode())

    return handle


def redirect(scheme: str, port: int) -> Callable[[socket.socket], None]:
    """Send our own hosts to that scheme and port, and others away."""

    def handle(connection: socket.socket) -> None:
        while head := read_head(connection).decode():
            lines = head.split("\r\n")
            host = next(line[6:] for line in lines if line.lower().startswith("host: ")).partition(":")[0]
            away = f"308 Permanent Redirect\r\nLocation: {scheme}://{host}:{port}{lines[0].split()[1]}"
            answer = away if host in NAMES else "421 Misdirected Request"
            connection.sendall(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode())

    return handle


@dataclass(frozen=True)
class Ended:
    """How the checks ended: id -> outcome, and all that each said."""

    outcomes: dict[str, str]
    said: dict[str, str]


def trial(
    folder: Path,
    authority: Authority,
    serve: Serve,
    context: ssl.SSLContext,
    checks: tuple[str, ...],
    *,
    extra: str = HSTS,
    to: str = "https",
) -> Ended:
    """Serve the four hosts so, and run these checks of suites/security/test_tls.py on them in a process of their own."""
    https = serve(site(extra), context).port
    http = serve(redirect(to, https)).port
    lines = [
        f'name = "bench"\nmax_impact = "observe"\nca = "{authority.ca}"\n[urls]',
        *(f'{role} = "https://{name}:{https}"' for role, name in zip(ROLES, NAMES, strict=True)),
        f'redirect = "http://{NAMES[0]}:{http}"\n[resolve]',
        *(f'"{name}" = "127.0.0.1"' for name in NAMES),
        "[targets]\nrenewal_window_s = 3600\nhsts_s = 31536000\ntls_scan_connections = 2000\n",
    ]
    (folder / "bench.toml").write_text("\n".join(lines))
    here = Path.cwd()
    nodes = [f"{here}/suites/security/test_tls.py::{CHECKS[check]}" for check in checks]
    base = ["-m", "pytest", "-c", f"{here}/pyproject.toml", "--rootdir", f"{here}", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, *base, "--profile", "bench.toml", *nodes],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(here)},
        capture_output=True,
        text=True,
        timeout=RUN_LIMIT_S,
        check=False,
    )
    file = folder / "reports/out/verdict.json"
    assert file.exists(), done.stdout + done.stderr
    results = json.loads(file.read_text())["results"]
    ran = [row for row in results if row["id"] in checks]
    return Ended(
        {row["id"]: row["outcome"] for row in ran}, {row["id"]: json.dumps(row, ensure_ascii=False) for row in ran}
    )
