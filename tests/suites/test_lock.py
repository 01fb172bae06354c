"""The ways to undo a lock."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from seatrial import Exercise, Invalid
from seatrial.facets.s3 import ServiceKey
from seatrial.probes.s3 import S3Answer
from suites.infra._lock import LEFT_S, REMOVES, Locked, attempts


class Key:
    """A service's key that takes down what it is asked to do."""

    def __init__(self, service: str, answer: S3Answer) -> None:
        self.service, self.answer = service, answer
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def call(self, operation: str, **arguments: Any) -> S3Answer:
        self.asked.append((operation, arguments))
        return self.answer


DENIED = S3Answer("delete_object", ok=False, status=403, code="AccessDenied", error="403 AccessDenied")
DONE = S3Answer("delete_object", ok=True, status=200, code="", error=None)
INVALID = S3Answer("put_object_retention", ok=False, status=400, code="InvalidRequest", error="400 InvalidRequest")
SILENT = S3Answer("delete_object", ok=False, status=None, code="", error="timed out")
BATCH_DENIED = S3Answer("delete_objects", True, 200, "", None, {"Errors": [{"Code": "AccessDenied"}]})


def locked(mode: str = "COMPLIANCE", for_s: float = 3600.0) -> Locked:
    return Locked("trial/x", "v1", mode, datetime.now(UTC) + timedelta(seconds=for_s), b"x")


def made(answer: S3Answer, mode: str = "COMPLIANCE") -> tuple[Key, list[bool]]:
    key, probe = Key("edge", answer), locked(mode)
    found = attempts(cast(Exercise, None), [cast(ServiceKey, key)], probe)
    return key, [attempt.make().refused for attempt in found if "stranger" not in attempt.name]


def test_each_service_tries_every_way_on_the_locked_version() -> None:
    key, refused = made(DENIED)
    assert refused == [True] * 6
    assert {operation for operation, _ in key.asked} == {"delete_object", "delete_objects", "put_object_retention"}
    assert all("v1" in str(arguments) for _, arguments in key.asked)


def test_no_way_lengthens_the_lock() -> None:
    key, _ = made(DENIED, "GOVERNANCE")
    asked = [arguments["Retention"] for operation, arguments in key.asked if operation == "put_object_retention"]
    soon = datetime.now(UTC) + timedelta(seconds=LEFT_S)
    assert [retention["RetainUntilDate"] < soon for retention in asked if retention] == [True] * 2


def test_a_shorter_retention_has_not_ended_when_it_is_asked_for_last(monkeypatch: pytest.MonkeyPatch) -> None:
    key = Key("edge", DENIED)
    moved = datetime.now(UTC) + timedelta(minutes=30)
    found = list(attempts(cast(Exercise, None), [cast(ServiceKey, key)], locked()))

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return moved.astimezone(tz)

    monkeypatch.setattr("suites.infra._lock.datetime", Later)
    next(each for each in found if each.name == "edge shortens its retention").make()

    assert key.asked[0][1]["Retention"]["RetainUntilDate"] > moved


def test_what_the_store_does_is_no_refusal() -> None:
    assert made(DONE)[1] == [False] * 6


def test_an_attempt_that_the_store_cannot_read_was_not_refused_for_the_lock() -> None:
    _, refused = made(INVALID)
    assert refused == [False] * 5 + [True], f"only {REMOVES!r} may be no request at all"


def test_what_is_done_after_the_retention_concludes_nothing() -> None:
    locked(for_s=60.0).require_locked(LEFT_S)
    for late in (locked(for_s=LEFT_S - 1), locked(for_s=-1.0)):
        with pytest.raises(Invalid, match="took longer than the probe's retention"):
            late.require_locked(LEFT_S)


def test_silence_is_no_refusal_either() -> None:
    assert made(SILENT)[1] == [False] * 6


def test_a_batch_is_refused_by_its_errors() -> None:
    key, refused = made(BATCH_DENIED)
    assert [
        answer for (operation, _), answer in zip(key.asked, refused, strict=True) if operation == "delete_objects"
    ] == [True]
