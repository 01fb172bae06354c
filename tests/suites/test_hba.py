"""Lines of pg_hba.conf as pg_hba_file_rules gives them."""

from ipaddress import ip_network

import pytest

from suites.infra._hba import Rule, covers

TRUSTED = [ip_network("127.0.0.1/32"), ip_network("10.1.0.0/16"), ip_network("fd00::/8")]


def rule(
    address: str, netmask: str = "", *, kind: str = "hostssl", method: str = "scram-sha-256", error: str = ""
) -> Rule:
    return Rule(7, kind, ("all",), ("api",), address, netmask, method, error)


@pytest.mark.parametrize(
    ("address", "netmask", "expected"),
    [
        ("127.0.0.1", "255.255.255.255", True),
        ("10.1.2.0", "255.255.255.0", True),
        ("10.1.0.0", "255.255.0.0", True),
        ("10.0.0.0", "255.0.0.0", False),
        ("0.0.0.0", "0.0.0.0", False),  # noqa: S104 - a listing, not a bind
        ("::", "::", False),
        ("fd12::", "ffff::", True),
        ("all", "", False),
        ("samenet", "", False),
        (".example.com", "", False),
        ("", "", False),
    ],
)
def test_only_addresses_inside_a_trusted_network_are_trusted(address: str, netmask: str, expected: bool) -> None:
    assert rule(address, netmask).within(TRUSTED) is expected


def test_a_line_that_refuses_is_local_or_broken_admits_nobody() -> None:
    assert rule("all").admits
    assert not rule("all", method="reject").admits
    assert not rule("", kind="local").admits
    assert not rule("", error="invalid authentication method").admits


def test_a_line_reads_as_in_the_file() -> None:
    assert str(rule("10.1.0.0", "255.255.0.0")) == "line 7: hostssl all api 10.1.0.0/16 scram-sha-256"
    assert str(rule("samenet")) == "line 7: hostssl all api samenet scram-sha-256"
    assert str(rule("", error="broken")) == "line 7: broken"


def test_an_address_of_the_other_family_lies_in_no_network() -> None:
    assert covers(ip_network("127.0.0.0/8"), "127.1.2.3")
    assert not covers(ip_network("127.0.0.0/8"), "::1")
