"""By when a bad file must have failed, as DEP-FLOW-03 judges it, what its page must say, and what a replaced original must end as."""

import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial import Failure, Invalid
from suites.client import Asset, Session
from suites.client.answers import Tokens
from suites.deploy._bad_media import Bad
from suites.deploy.test_bad_inputs import _require_failed, _require_noticed, _require_told

EMPTY = Bad("empty", b"", "empty")
NOW = datetime.now(UTC)


class Owner(Session):
    """Whoever asks for an upload that ends so many seconds after the first question."""

    def __init__(self, ends_s: float, reason: str | None = "the file is empty") -> None:
        nobody: Any = None
        super().__init__(nobody, Tokens("", "", "", 0), lambda: self)
        self._ends_s, self.asked, self._reason = time.monotonic() + ends_s, 0, reason

    def asset(self, asset_id: str) -> Asset:
        self.asked += 1
        ended = time.monotonic() >= self._ends_s
        status, reason = ("failed" if self._reason else "ready", self._reason) if ended else ("processing", None)
        return Asset(asset_id, "", "", "", status, 0, reason, 0, NOW, NOW, None)

    remake = asset


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


def notice(owner: Owner, *, writable: bool = True) -> str:
    key = SimpleNamespace(call=lambda *_, **__: SimpleNamespace(ok=writable))
    exercise: Any = SimpleNamespace(s3=SimpleNamespace(service=lambda _: key))
    return _require_noticed(exercise, owner, owner.asset("1"), 60.0)


def test_a_replaced_original_that_fails_as_another_is_right() -> None:
    assert "announced" in notice(Owner(0.1, "the uploaded file is not the one that was announced"))


@pytest.mark.parametrize(("reason", "said"), [(None, "ready, None"), ("not a video", "failed, not a video")])
def test_a_replaced_original_that_ends_otherwise_is_found(reason: str | None, said: str) -> None:
    with pytest.raises(Failure, match=f"a replaced original that fails .*; saw {said}"):
        notice(Owner(0.1, reason))


def test_an_original_that_cannot_be_replaced_says_nothing() -> None:
    with pytest.raises(Invalid, match="could not be replaced"):
        notice(Owner(0.1), writable=False)


def tell(page: str) -> None:
    browser: Any = SimpleNamespace(send=lambda *_, **__: SimpleNamespace(status=200, error=None, text=page))
    _require_told(browser, Owner(0.0).asset("1"), "the owner's file is empty")


def test_a_page_that_says_the_reason_is_right() -> None:
    tell("<main><p>No preview could be made: the owner&#39;s file is empty.</p>")


def test_a_page_that_keeps_the_reason_to_itself_is_found() -> None:
    with pytest.raises(Failure, match="a page that says"):
        tell("<main><p>No preview could be made: the reason is not known.</p>")
