"""The ways to undo a lock."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from seatrial import Exercise
from seatrial.facets.s3 import ServiceKey
from seatrial.probes.s3 import S3Answer
from suites.infra._lock import Locked, attempts


class Key:
    """A service's key that takes down what it is asked to do."""

    def __init__(self, service: str, answer: S3Answer) -> None:
        self.service, self.answer = service, answer
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def call(self, operation: str, **arguments: Any) -> S3Answer:
        self.asked.append((operation, arguments))
        return self.answer


UNTIL = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
DENIED = S3Answer("delete_object", ok=False, status=403, code="AccessDenied", error="403 AccessDenied")
DONE = S3Answer("delete_object", ok=True, status=200, code="", error=None)
SILENT = S3Answer("delete_object", ok=False, status=None, code="", error="timed out")
BATCH_DENIED = S3Answer("delete_objects", True, 200, "", None, {"Errors": [{"Code": "AccessDenied"}]})


def made(answer: S3Answer, mode: str = "COMPLIANCE") -> tuple[Key, list[bool]]:
    key = Key("edge", answer)
    probe = Locked("trial/x", "v1", mode, UNTIL, b"x")
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
    assert all(retention.get("RetainUntilDate", UNTIL - timedelta(1)) < UNTIL for retention in asked)


def test_what_the_store_does_is_no_refusal() -> None:
    assert made(DONE)[1] == [False] * 6


def test_silence_is_no_refusal_either() -> None:
    assert made(SILENT)[1] == [False] * 6


def test_a_batch_is_refused_by_its_errors() -> None:
    key, refused = made(BATCH_DENIED)
    assert [
        answer for (operation, _), answer in zip(key.asked, refused, strict=True) if operation == "delete_objects"
    ] == [True]
