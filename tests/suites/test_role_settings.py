"""The value of a setting for a role, from the catalogue's rows."""

import pytest

from seatrial import Failure, Invalid
from suites.infra._role_settings import RoleSettings, is_on, milliseconds


def row(name: str, value: str, *, role: str = "", database: str = "") -> dict[str, str]:
    return {"database": database, "role": role, "name": name, "value": value}


SERVER = {"statement_timeout": ("0ms", "default")}


def test_the_servers_value_counts_where_nobody_has_set_another() -> None:
    found = RoleSettings([], SERVER).of("api", "statement_timeout")
    assert (found.value, found.source) == ("0ms", "server")


def test_a_role_in_this_database_beats_the_role_the_database_and_everybody() -> None:
    rows = [
        row("statement_timeout", "1s"),
        row("statement_timeout", "2s", database="seatrial"),
        row("statement_timeout", "3s", role="api"),
        row("statement_timeout", "4s", role="api", database="seatrial"),
    ]
    seen = [RoleSettings(rows[:count], SERVER).of("api", "statement_timeout").value for count in range(1, 5)]
    assert seen == ["1s", "2s", "3s", "4s"]


def test_another_roles_value_is_not_ours() -> None:
    rows = [row("statement_timeout", "3s", role="worker")]
    assert RoleSettings(rows, SERVER).of("api", "statement_timeout").value == "0ms"


def test_names_are_compared_without_case() -> None:
    assert RoleSettings([row("timezone", "UTC", role="api")], {}).of("api", "TimeZone").value == "UTC"


def test_a_value_that_the_asker_set_for_itself_hides_the_servers() -> None:
    settings = RoleSettings([], {"fsync": ("on", "user")})
    with pytest.raises(Invalid, match="observing role has a value of its own"):
        settings.of_server("fsync")


def test_the_roles_own_value_is_seen_even_where_the_servers_is_hidden() -> None:
    settings = RoleSettings([row("fsync", "off", role="api")], {"fsync": ("on", "user")})
    assert settings.of("api", "fsync").value == "off"


@pytest.mark.parametrize("text", ["on", "ON", "true", "t", "tr", "yes", "y", "1", " on "])
def test_postgres_takes_it_for_true(text: str) -> None:
    assert is_on(text)


@pytest.mark.parametrize("text", ["off", "false", "no", "0", "", "o"])
def test_postgres_does_not_take_it_for_true(text: str) -> None:
    assert not is_on(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("0", 0), ("250", 250), ("5s", 5000), ("1min", 60_000), ("1.5s", 1500), ("100us", 0.1)]
)
def test_a_timeout_is_read_as_postgres_reads_it(text: str, expected: float) -> None:
    assert milliseconds(text) == pytest.approx(expected)


def test_what_is_no_timeout_is_a_failure() -> None:
    with pytest.raises(Failure, match="soon"):
        milliseconds("soon")
