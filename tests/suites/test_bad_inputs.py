"""By when a bad file must have failed, as DEP-FLOW-03 judges it: all by one moment, whoever was waited for before."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from seatrial import Failure
from suites.client import Asset, Session
from suites.client.answers import Tokens
from suites.deploy._bad_media import Bad
from suites.deploy.test_bad_inputs import _require_failed

EMPTY = Bad("empty", b"", "empty")
NOW = datetime.now(UTC)


class Owner(Session):
    """Whoever asks for an upload that ends so many seconds after the first question."""

    def __init__(self, ends_s: float) -> None:
        nobody: Any = None
        super().__init__(nobody, Tokens("", "", "", 0), lambda: self)
        self._ends_s, self.asked = time.monotonic() + ends_s, 0

    def asset(self, asset_id: str) -> Asset:
        self.asked += 1
        ended = time.monotonic() >= self._ends_s
        status, reason = ("failed", "the file is empty") if ended else ("processing", None)
        return Asset(asset_id, "", "", "", status, 0, reason, 0, NOW, NOW, None)


def judge(owner: Owner, *, within_s: float) -> str:
    return _require_failed(owner, owner.asset("1"), EMPTY, time.monotonic() + within_s)


def test_one_that_fails_in_time_is_right() -> None:
    assert judge(Owner(0.2), within_s=60.0) == "the file is empty"


def test_one_that_failed_while_another_was_waited_for_is_right_though_the_time_is_over() -> None:
    assert judge(Owner(-2.0), within_s=-1.0) == "the file is empty"


def test_one_that_has_not_failed_in_time_is_found() -> None:
    with pytest.raises(Failure, match="status failed, in time, of a file that is empty; saw processing"):
        judge(Owner(60.0), within_s=0.2)


def test_one_that_is_not_asked_before_the_time_is_over_is_not_waited_for() -> None:
    owner = Owner(60.0)
    with pytest.raises(Failure, match="saw processing"):
        judge(owner, within_s=-1.0)

    assert owner.asked <= 3
