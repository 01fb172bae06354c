"""Which lifecycle rules take uploads before their time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from suites.infra._lifecycle import early

PREFIX, LEAST = "uploads/", timedelta(days=7)
DAY = {"Days": 1}


def rule(limit: dict[str, Any], expiration: dict[str, Any], status: str = "Enabled") -> dict[str, Any]:
    return {"ID": "it", "Status": status, "Filter": limit, "Expiration": expiration}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (rule({"Prefix": ""}, DAY), "it: after 1 days"),
        (rule({"Prefix": "uploads/a"}, DAY), "it: after 1 days"),
        (rule({"Tag": {"Key": "a", "Value": "b"}}, DAY), "it: after 1 days"),
        (rule({"And": {"Prefix": "uploads/", "ObjectSizeGreaterThan": 9}}, {"Days": 6}), "it: after 6 days"),
        ({"ID": "it", "Status": "Enabled", "Prefix": "uploads/", "Expiration": DAY}, "it: after 1 days"),
        (rule({"Prefix": "uploads/"}, {"Date": datetime(2030, 1, 1, tzinfo=UTC)}), "it: on 2030-01-01 00:00:00+00:00"),
    ],
)
def test_whatever_takes_some_of_them_early_is_named(given: dict[str, Any], said: str) -> None:
    assert early([given], PREFIX, LEAST) == [said]


@pytest.mark.parametrize(
    "given",
    [
        rule({"Prefix": "uploads/"}, {"Days": 7}),
        rule({"Prefix": "trial/"}, DAY),
        rule({"And": {"Prefix": "trial/", "ObjectSizeGreaterThan": 9}}, DAY),
        rule({"Prefix": "uploads/"}, DAY, "Disabled"),
        rule({"Prefix": "uploads/"}, {"ExpiredObjectDeleteMarker": True}),
        {"ID": "it", "Status": "Enabled", "Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}},
    ],
)
def test_what_leaves_them_alone_is_not(given: dict[str, Any]) -> None:
    assert early([given], PREFIX, LEAST) == []
