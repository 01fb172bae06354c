"""People at work during a rotation: what counts as work, and what is left of a journey that fails."""

import json
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from seatrial import Failure
from seatrial.probes.http import HttpAnswer
from suites.client import end, remove
from suites.security._people import People, Trip, missing
from tests.suites.test_client import ASSET


def trips(*kinds: str) -> list[Trip]:
    return [Trip(kind, 3, "") for kind in kinds]


def test_nobody_at_work_lacks_everything() -> None:
    assert missing([], 4) == "return, watch, upload, 4 more journeys"


def test_one_kind_alone_is_not_enough_however_often() -> None:
    assert missing(trips("return", "return", "watch", "watch"), 4) == "upload"


def test_each_kind_and_enough_of_them_lack_nothing() -> None:
    assert missing(trips("return", "watch", "upload", "return"), 4) == ""


def test_a_failed_journey_is_one_that_was_made() -> None:
    assert missing([*trips("return", "watch"), Trip("upload", 1, "upload: 201, seen 503")], 3) == ""


def answered(method: str, url: str, **_: object) -> HttpAnswer:
    """Answer as a product whose store refuses what is sent to it."""
    upload = {"method": "PUT", "url": "https://store.test/uploads/one", "headers": {}}
    tokens = {"access_token": "a", "refresh_token": "r", "token_type": "Bearer", "expires_in_s": 60}
    said = {"api:/v1/sessions": (201, tokens), "api:/v1/assets": (201, {"asset": ASSET, "upload": upload})}
    status, body = said.get(url, (503, {}))
    return HttpAnswer(method, url, status, httpx2.Headers(), json.dumps(body).encode(), 0.0, None)


def test_an_upload_that_fails_half_way_is_removed_when_the_check_ends() -> None:
    left: list[tuple[Any, ...]] = []
    exercise = SimpleNamespace(marker="trial-1", account=("a@b.test", "x"), cleanup=lambda *call: left.append(call))
    people = object.__new__(People)
    people._exercise, people._clip = exercise, b"clip"  # type: ignore[assignment]

    with pytest.raises(Failure, match="200 from PUT"):
        people._upload(SimpleNamespace(request=answered))  # type: ignore[arg-type]
    assert [call[0] for call in left] == [remove, end]
    assert left[0][2] == ASSET["id"]
