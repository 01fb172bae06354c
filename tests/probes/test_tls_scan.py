import socket
import ssl
import warnings

import pytest

from seatrial.errors import Invalid
from seatrial.probes import connections, tls_scan
from tests.probes.conftest import HOST, Authority, Serve, silent

ENOUGH = 5000


def good(authority: Authority) -> ssl.SSLContext:
    context = authority.context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM")
    context.set_ecdh_curve("prime256v1")
    return context


def scan(authority: Authority, port: int, most: int = ENOUGH) -> tls_scan.TlsScan:
    return tls_scan.scan(HOST, port, address="127.0.0.1", ca=authority.ca, most_connections=most)


def test_a_good_server_has_no_issues_and_everything_is_told(serve: Serve, authority: Authority) -> None:
    server = serve(silent, good(authority))
    found = scan(authority, server.port)
    assert (found.error, found.issues) == (None, {})
    assert found.policy.startswith("Mozilla intermediate 5.")
    assert found.scanner.startswith("SSLyze 6.")
    assert set(found.accepted) == {"TLSv1.2", "TLSv1.3"}
    assert found.accepted["TLSv1.3"]
    assert found.curves == ("secp256r1",)
    assert found.keys == ("ECDSA secp256r1", "ECDSA secp256r1")
    assert found.leaf_days == 60


def test_the_connections_counted_are_those_that_arrived(serve: Serve, authority: Authority) -> None:
    server = serve(silent, good(authority))
    assert scan(authority, server.port).connections == server.connections > 100


def test_a_scan_is_stopped_at_its_budget(serve: Serve, authority: Authority) -> None:
    server = serve(silent, good(authority))
    with pytest.raises(Invalid, match="more than 20 connections"):
        scan(authority, server.port, most=20)
    assert server.connections == 20


def test_old_protocols_and_suites_are_issues(serve: Serve, authority: Authority) -> None:
    context = good(authority)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    found = scan(authority, serve(silent, context).port)
    assert {"TLSv1.0", "TLSv1.1"} < set(found.accepted)
    assert "'TLSv1'" in found.issues["tls_versions"]
    assert "CBC_SHA" in found.issues["ciphers"]


def test_a_host_that_cannot_be_scanned_says_why(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = scan(authority, port)
    assert "rejected the connection" in (found.error or "")
    assert found.accepted == {}


def test_a_name_that_does_not_resolve_is_an_error(authority: Authority, no_names: None) -> None:
    found = tls_scan.scan("no.such.invalid", 443, address=None, ca=authority.ca, most_connections=1)
    assert found.error == "name not resolved: Name or service not known"


def test_a_budget_ends_with_its_block(serve: Serve) -> None:
    server = serve(silent)
    with connections.budget("127.0.0.1", server.port, 1) as spent:
        socket.create_connection(("127.0.0.1", server.port)).close()
        with pytest.raises(ConnectionAbortedError):
            socket.create_connection(("127.0.0.1", server.port))
    socket.create_connection(("127.0.0.1", server.port)).close()
    assert (spent.opened, spent.refused) == (1, 1)
