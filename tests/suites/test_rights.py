"""Asking the object store for a right without using it."""

from collections.abc import Mapping
from types import SimpleNamespace
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


class Store:
    """Keeps keys by bucket, and refuses as S3 does: what is not there, to whoever may not list, as if it might not be read."""

    def __init__(self, rights: Mapping[str, frozenset[str]]) -> None:
        self.rights, self.kept = rights, dict[str, set[str]]()

    def service(self, service: str) -> "Holder":
        """Speak with a service's key."""
        return Holder(self, service)

    def call(self, operation: str, **arguments: Any) -> S3Answer:
        """List what is there, with a key that may."""
        assert operation == "list_objects_v2"
        there = [{"Key": key} for key in sorted(self.kept.get(arguments["Bucket"], ()))]
        return S3Answer(operation, True, 200, "", None, {"Contents": there})


class Holder:
    """A service's key at the store, for masters."""

    def __init__(self, store: Store, service: str) -> None:
        self.store, self.service, self.may = store, service, store.rights[service]

    def call(self, operation: str, **arguments: Any) -> S3Answer:
        if operation == "put_object" and rights.WRITE in self.may and "ContentMD5" not in arguments:
            self.store.kept.setdefault(arguments["Bucket"], set()).add(arguments["Key"])
            return S3Answer(operation, True, 200, "", None, {"VersionId": "v1"})
        there = arguments.get("Key") in self.store.kept.get(arguments["Bucket"], ())
        if operation == "get_object" and rights.READ in self.may and (there or rights.LIST in self.may):
            code = "" if there else "NoSuchKey"
            return S3Answer(operation, there, 200 if there else 404, code, code or None)
        return S3Answer(operation, False, 403, "AccessDenied", "403 AccessDenied")


def may_read(service: str, bucket: str) -> bool | None:
    """Ask an empty store what a service may read."""
    needs = {name: rights.NEEDS.get((name, "masters"), frozenset()) for name in rights.SERVICES}
    store = Store(needs)
    exercise: Any = SimpleNamespace(s3=store, marker="trial-1", cleanup=lambda *_: None)
    there = rights.readable(exercise, bucket) or "absent"
    asked = rights.asked_by(cast("ServiceKey", store.service(service)), bucket, there, "absent")
    return next(each.allowed for each in asked if each.action == rights.READ)


def test_the_right_to_read_masters_is_told_where_there_is_no_master_yet() -> None:
    assert {service: may_read(service, "masters") for service in rights.SERVICES} == {
        "api": True,
        "worker": True,
        "edge": False,
    }


def test_nothing_is_written_to_find_out_who_may_read_backups() -> None:
    assert may_read("api", "backups") is True  # it may list, and is told that nothing is there
    assert may_read("worker", "backups") is False
