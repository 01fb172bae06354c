"""Addresses and layout."""

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from system.platforms.local.addresses import DEFAULT_BASE_PORT, MAX_BASE_PORT, PUBLIC_ADDRESS, Addresses
from system.platforms.local.errors import PlatformError
from system.platforms.local.layout import Layout
from system.platforms.local.preflight import check_state

ADDRESSES = Addresses(DEFAULT_BASE_PORT)


def test_only_the_ingress_listens_on_the_public_address() -> None:
    public = {part for part, each in ADDRESSES.declared().items() if any(e.address == PUBLIC_ADDRESS for e in each)}
    assert public == {"ingress"}


def test_everything_lies_in_the_loopback_network() -> None:
    network = ip_network("127.0.0.0/8")
    declared = [endpoint for endpoints in ADDRESSES.declared().values() for endpoint in endpoints]
    assert all(ip_address(endpoint.address) in network for endpoint in [*declared, ADDRESSES.scratch(0)])
    assert len({(each.address, each.port) for each in declared}) == len(declared)


def test_the_highest_base_port_still_fits() -> None:
    endpoints = [each for part in Addresses(MAX_BASE_PORT).declared().values() for each in part]
    assert max(each.port for each in endpoints) == 65535


def test_scratch_servers_meet_no_other_part() -> None:
    declared = {each for part in ADDRESSES.declared().values() for each in part}
    assert not declared & {ADDRESSES.scratch(index) for index in range(ADDRESSES.scratch_places)}


def test_origins_hold_host_and_port() -> None:
    assert ADDRESSES.origin("play") == "https://play.seatrial.localhost:18443"


def test_a_state_directory_too_deep_for_a_socket_is_refused(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path / ("x" * 100), DEFAULT_BASE_PORT)
    with pytest.raises(PlatformError, match="too long for a unix socket: use --state"):
        check_state(layout)


def test_a_directory_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(PlatformError, match="is not writable"):
        check_state(Layout.of(Path("/proc/seatrial"), DEFAULT_BASE_PORT))


def test_private_directories_are_private(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path, DEFAULT_BASE_PORT)
    layout.make()
    assert {path.stat().st_mode & 0o777 for path in (layout.secrets, layout.ca, layout.data)} == {0o700}
