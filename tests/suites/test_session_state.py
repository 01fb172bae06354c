"""Which statements outlive their transaction in a session."""

import pytest

from suites.infra._session_state import leaves_state


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("listen assets", True),
        ("SET statement_timeout = 0", True),
        ("set session lock_timeout = 0", True),
        ("select pg_advisory_lock(1)", True),
        ("create temp table t (n int)", True),
        ("set local lock_timeout = 0", False),
        ("SET application_name='api-1'", False),
        ("select pg_advisory_xact_lock(1)", False),
        ("set transaction read only", False),
        ("update assets set title = 'x'", False),
    ],
)
def test_only_what_outlives_its_transaction_leaves_state(statement: str, expected: bool) -> None:
    assert leaves_state(statement) is expected
