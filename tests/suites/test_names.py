from typing import Any

import pytest

from seatrial import Failure
from seatrial.profile import DnsSection
from suites.infra.test_names import _require_records

HOST = "app.example.test"
SECTION = DnsSection(addresses={HOST: ("192.0.2.1", "2001:db8::1")}, longest_ttl_s=300)
ALIAS = DnsSection(aliases={HOST: "front.example.net."}, longest_ttl_s=300)


def found(
    *addresses: str, aliases: tuple[str, ...] = (), ttl_s: int = 60, errors: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {"addresses": sorted(addresses), "aliases": list(aliases), "TTL, seconds": ttl_s, "errors": list(errors)}


@pytest.mark.parametrize(
    ("section", "records"),
    [
        (SECTION, found("2001:db8::1", "192.0.2.1")),
        (ALIAS, found("198.51.100.7", aliases=("other.example.net", "front.example.net"), ttl_s=300)),
    ],
)
def test_records_as_declared_are_good(section: DnsSection, records: dict[str, Any]) -> None:
    _require_records(HOST, records, section)


@pytest.mark.parametrize(
    ("section", "records", "words"),
    [
        (SECTION, found("192.0.2.1"), "the addresses 192.0.2.1, 2001:db8::1"),
        (SECTION, found("192.0.2.1", "2001:db8::1", "192.0.2.2"), "192.0.2.2"),
        (SECTION, found(errors=("no such name (NXDOMAIN)",)), "saw no such name"),
        (SECTION, found("192.0.2.1", "2001:db8::1", ttl_s=301), "a TTL of at most 300 s"),
        (ALIAS, found("198.51.100.7", aliases=("old.example.net",)), "to lead app.example.test to front.example.net"),
        (ALIAS, found(aliases=("front.example.net",)), "to lead app.example.test to front.example.net"),
        (ALIAS, found("198.51.100.7"), "no alias"),
    ],
)
def test_records_that_lead_elsewhere_are_told(section: DnsSection, records: dict[str, Any], words: str) -> None:
    with pytest.raises(Failure) as told:
        _require_records(HOST, records, section)
    assert words in str(told.value)
