"""Namespaces of keys, and the time to live that is due in them."""

import pytest

from suites.infra._redis_keys import FOREVER, GONE, Namespace, declared, namespace_of, wrong_ttl

STREAM, RATE = Namespace("jobs:preview"), Namespace("rate:*", longest_ttl_s=60)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("jobs:preview", STREAM),
        ("jobs:preview:dead", None),
        ("rate:sign-in:1", RATE),
        ("rate:", None),
        ("rate", None),
        ("a:rate:1", None),
    ],
)
def test_a_key_lies_in_the_namespace_that_names_it(key: str, expected: Namespace | None) -> None:
    assert namespace_of(key, [STREAM, RATE]) == expected


@pytest.mark.parametrize(
    ("ttl_ms", "due", "expected"),
    [
        (FOREVER, STREAM, ""),
        (FOREVER, RATE, "no time to live"),
        (GONE, RATE, ""),
        (60_000, RATE, ""),
        (61_000, RATE, "61 s to live"),
    ],
)
def test_a_time_to_live_counts_where_one_is_due(ttl_ms: int, due: Namespace, expected: str) -> None:
    assert wrong_ttl(ttl_ms, due) == expected


def test_the_declaration_knows_the_queue_and_gives_everything_else_a_time_to_live() -> None:
    kept = {each.name for each in declared() if each.longest_ttl_s is None}
    assert kept == {"jobs:preview", "jobs:preview:dead"}
