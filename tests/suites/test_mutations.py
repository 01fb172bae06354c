"""The mutation matrix covers what it says it covers."""

import pytest

from suites.security.mutations import FIELDS, OPERATORS, Link, equivalents, mutants

URL = (
    "https://play.seatrial.localhost:18443/v/3f2b8c1e-1111-4222-8333-abcdefabcdef/preview"
    "?exp=1800000000&kid=k1&sig=AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdE"
)


def test_a_link_taken_apart_and_put_together_is_the_same_text() -> None:
    link = Link.parse(URL)

    assert f"https://{link.host}{link.target}" == URL


def test_every_field_meets_most_operators_and_every_operator_is_used() -> None:
    found = mutants(Link.parse(URL))

    by_field = {field: {each.operator for each in found if each.field == field} for field in FIELDS}
    assert {operator for used in by_field.values() for operator in used} == set(OPERATORS)
    assert all(len(used) >= 4 for used in by_field.values()), by_field
    assert all(len(by_field[field]) == len(OPERATORS) for field in ("exp", "kid", "sig")), by_field


def test_no_two_mutants_are_the_same_request_under_one_name() -> None:
    found = [str(each) for each in mutants(Link.parse(URL))]

    assert len(found) == len(set(found)), sorted(name for name in found if found.count(name) > 1)


def test_no_mutant_is_the_link_or_an_equivalent_of_it() -> None:
    link = Link.parse(URL)
    harmless = [link, *(each.link for each in equivalents(link))]

    assert not [str(each) for each in mutants(link) if each.link in harmless]


def test_mutants_of_the_signature_hold_one_that_decodes_to_the_same_bytes() -> None:
    [twin] = [each for each in mutants(Link.parse(URL)) if "same bytes" in each.note]

    assert twin.link.value("sig")[:-1] == Link.parse(URL).value("sig")[:-1]
    assert twin.link != Link.parse(URL)


@pytest.mark.parametrize("asset_id", ["00000000-0000-4000-8000-000000000000", "ffffffff-ffff-4fff-bfff-ffffffffffff"])
def test_the_stated_minimum_holds_for_any_asset(asset_id: str) -> None:
    assert len(mutants(Link.parse(URL.replace("3f2b8c1e-1111-4222-8333-abcdefabcdef", asset_id)))) >= 110
