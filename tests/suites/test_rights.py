"""Asking the object store for a right without using it."""

from typing import Any, cast

import pytest

from seatrial.facets.s3 import ServiceKey
from seatrial.probes.s3 import S3Answer
from suites.infra import _rights as rights


class Key:
    """A service's key whose every call gets one answer."""

    service = "edge"

    def __init__(self, status: int | None, code: str) -> None:
        self.status, self.code, self.calls = status, code, list[tuple[str, dict[str, Any]]]()

    def call(self, operation: str, **arguments: Any) -> S3Answer:
        self.calls.append((operation, arguments))
        return S3Answer(operation, self.status == 200, self.status, self.code, self.code or "no answer")


def ask(key: Key) -> list[rights.Asked]:
    return list(rights.asked_by(cast("ServiceKey", key), "previews", "there", "absent"))


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (200, "", True),
        (400, "BadDigest", True),
        (404, "NoSuchUpload", True),
        (403, "AccessDenied", False),
        (403, "SignatureDoesNotMatch", None),
        (503, "SlowDown", None),
        (None, "", None),
    ],
)
def test_only_a_refusal_for_want_of_a_right_means_may_not(status: int | None, code: str, expected: bool | None) -> None:
    assert {asked.allowed for asked in ask(Key(status, code))} == {expected}


def test_every_action_is_asked_for_once_and_nothing_that_is_there_is_written_or_deleted() -> None:
    key = Key(200, "")
    assert [asked.action for asked in ask(key)] == list(rights.ACTIONS)
    changing = [arguments for operation, arguments in key.calls if not operation.startswith(("get_", "list_"))]
    assert all(arguments.get("Key") in {None, "absent"} for arguments in changing)


def test_the_edge_needs_to_read_previews_and_nobody_needs_backups_or_policies() -> None:
    assert {action for action in rights.ACTIONS if rights.needed("edge", "previews", action)} == {"list", "read"}
    everybody = (*rights.SERVICES, rights.ANONYMOUS)
    assert not any(rights.needed(who, "backups", action) for who in everybody for action in rights.ACTIONS)
    buckets = ("staging", "masters", "previews", "backups")
    assert not any(rights.needed(who, bucket, rights.CONFIGURE) for who in everybody for bucket in buckets)
    assert not any(rights.needed(rights.ANONYMOUS, bucket, action) for bucket in buckets for action in rights.ACTIONS)
