"""The harness's locks on the database of a real instance."""

from pathlib import Path

import psycopg
import pytest

from seatrial.environment import Arming, Environment
from seatrial.errors import Invalid
from seatrial.impact import Disrupt
from seatrial.outcome import Level
from seatrial.profile import load
from tests.platform.bench import Running, connect, profile

TABLE, KEY = "accounts", {"email": "trial1@example.test"}


@pytest.fixture
def disrupt(running: Running, tmp_path: Path) -> Disrupt:
    file = profile(running.layout, tmp_path / "here.toml")
    return Disrupt(Environment(load(file), Arming(Level.DISRUPT)), by="a test")


def take(running: Running) -> None:
    with connect(running, "admin") as connection:
        connection.execute("select 1 from accounts where email = %(email)s for update nowait", KEY)


def test_a_locked_row_is_had_by_nobody_else_until_the_end(running: Running, disrupt: Disrupt) -> None:
    with disrupt.pg.row_locked(TABLE, KEY, "postgres-api"), pytest.raises(psycopg.errors.LockNotAvailable):
        take(running)
    take(running)
    disrupt.close()


def test_the_inverse_ends_the_session_that_holds_the_row(running: Running, disrupt: Disrupt) -> None:
    def until_undone() -> None:
        with disrupt.pg.row_locked(TABLE, KEY, "postgres-api"):
            disrupt.undo()
            take(running)

    with pytest.raises(Invalid, match="could not be kept locked"):
        until_undone()
    disrupt.close()


def test_a_row_that_is_not_there_cannot_be_locked(disrupt: Disrupt) -> None:
    with (
        pytest.raises(Invalid, match="no rows of accounts"),
        disrupt.pg.row_locked(TABLE, {"email": "nobody@example.test"}, "postgres-api"),
    ):
        pass
    disrupt.close()
