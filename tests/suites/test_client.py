"""The product's client reads answers strictly."""

import itertools
import json
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from seatrial import Failure, Invalid
from seatrial.probes.http import HttpAnswer
from seatrial.probes.s3 import S3Answer
from suites.client import Asset, Client, Created, Playback, Session, Tokens, remove_object
from suites.client.contract import body_for, operations
from suites.client.session import promised, unpromised

ASSET: dict[str, Any] = {
    "id": "3f2b8c1e-1111-4222-8333-abcdefabcdef",
    "title": "one",
    "filename": "one.mp4",
    "content_type": "video/mp4",
    "status": "ready",
    "progress": 100,
    "failure_reason": None,
    "size_bytes": 5,
    "created_at": "2026-11-01T10:00:00Z",
    "updated_at": "2026-11-01T10:00:01+00:00",
    "master": None,
}


def _asset(title: str) -> Asset:
    return Asset.from_json({**ASSET, "title": title})


def test_an_asset_is_read_with_its_times() -> None:
    assert _asset("one").created_at == datetime(2026, 11, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("field", sorted(ASSET))
def test_an_asset_that_lacks_a_field_is_a_finding(field: str) -> None:
    with pytest.raises(Failure, match="as the contract describes it"):
        Asset.from_json({name: value for name, value in ASSET.items() if name != field})


def test_a_time_without_offset_is_a_finding() -> None:
    with pytest.raises(Failure, match="no offset"):
        Playback.from_json({"url": "https://play.example", "expires_at": "2026-11-01T10:00:00"})


def test_both_kinds_of_upload_are_read() -> None:
    single = Created.from_json({"asset": ASSET, "upload": {"method": "PUT", "url": "u", "headers": {"a": "b"}}}).upload
    parts = {"upload_id": "x", "part_size_bytes": 8, "parts": [{"part_number": 1, "url": "p"}]}
    multi = Created.from_json({"asset": ASSET, "upload": parts}).upload

    assert single is not None
    assert (single.url, dict(single.headers), single.parts) == ("u", {"a": "b"}, ())
    assert multi is not None
    assert (multi.part_size_bytes, [part.url for part in multi.parts]) == (8, ["p"])


def test_operations_come_with_bodies_that_fit() -> None:
    schema = {
        "type": "object",
        "required": ["title", "size", "kind"],
        "properties": {
            "title": {"type": "string", "minLength": 12},
            "size": {"type": "integer", "minimum": 7},
            "kind": {"anyOf": [{"type": "null"}, {"enum": ["a", "b"]}]},
            "left_out": {"type": "string"},
        },
    }
    document = {
        "paths": {
            "/things/{id}": {
                "post": {
                    "security": [{"HTTPBearer": []}],
                    "responses": {"201": {}, "default": {}},
                    "requestBody": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
                    },
                },
                "get": {"responses": {"200": {}}},
            }
        },
        "components": {"schemas": {"Thing": schema}},
    }

    get, post = operations(document)

    assert (str(get), get.guarded, get.body) == ("GET /things/{id}", False, None)
    assert (post.guarded, post.answers, post.url({"id": "7"})) == (True, (201,), "/things/7")
    assert body_for(post) == {"title": "seatrialxxxx", "size": 7, "kind": "a"}


def test_what_is_no_contract_is_a_finding() -> None:
    with pytest.raises(Failure, match="OpenAPI"):
        operations({"detail": "Not Found"})


TOKENS = Tokens("access", "refresh", "Bearer", 60)


class Queue:
    """Answers as a product whose worker finishes the oldest of its videos at every third look, whichever is looked at."""

    def __init__(self, *waiting: str) -> None:
        self.waiting, self.looks = [*waiting], 0

    def request(self, method: str, url: str, **_sent: Any) -> HttpAnswer:
        """Answer with one asset."""
        self.looks += 1
        if self.looks % 3 == 0:
            del self.waiting[:1]
        name = url.rpartition("/")[2]
        status = "queued" if name in self.waiting else "ready"
        body = json.dumps({**ASSET, "id": name, "status": status}).encode()
        return HttpAnswer(method, url, 200, httpx2.Headers(), body, 0.0, None)


@pytest.fixture
def a_second_per_look(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(monotonic=partial(next, itertools.count()), sleep=lambda _s: None)
    monkeypatch.setattr(sys.modules["seatrial.eventually"], "time", clock)


def test_a_broken_promise_is_told_without_the_queries_of_links() -> None:
    link = "https://play.example/v/1/preview?exp=9&sig=SIGNED"
    answer = HttpAnswer("POST", link, 200, httpx2.Headers(), json.dumps({"url": link}).encode(), 0.0, None)
    with pytest.raises(Failure) as raised:
        promised(answer, 201)
    place = "https://play.example/v/1/preview?…"
    assert str(raised.value) == f'expected 201 from POST {place}; saw 200 {{"url": "{place}"}} (at api)'


def test_a_broken_promise_is_told_in_whole_words() -> None:
    answer = HttpAnswer("GET", "api:/", 500, httpx2.Headers(), b"x" * 200 + b" token=" + b"y" * 200, 0.0, None)
    assert unpromised(answer, 200, "api").seen == f"500 {'x' * 200} …"


@pytest.mark.usefixtures("a_second_per_look")
def test_a_long_queue_is_waited_for_from_its_oldest_on() -> None:
    names = [f"{number:02}" for number in range(20)]
    session = Session(Client(Queue(*names)), TOKENS, lambda: session)
    newest_first = [
        Asset.from_json({**ASSET, "id": name, "created_at": f"2026-11-01T10:00:{name}Z"}) for name in reversed(names)
    ]

    session.wait_for_all(newest_first, within_s=20)

    with pytest.raises(Failure, match="status queued"):
        Session(Client(Queue(*names)), TOKENS, lambda: session).wait("19", within_s=20)


class Kept:
    """Answers as a product that refuses to delete an asset, first for other reasons and then for its master's retention."""

    def __init__(self, *, busy: int = 0, retained: int = 0, until_s: float = 60.0) -> None:
        until = (datetime.now(UTC) + timedelta(seconds=until_s)).isoformat(timespec="seconds")
        told = json.dumps({"detail": "The master is still retained.", "retained_until": until}).encode()
        self.answers = [(409, b"{}")] * busy + [(409, told)] * retained + [(204, b"")]

    def request(self, method: str, url: str, **_sent: Any) -> HttpAnswer:
        """Refuse or delete."""
        status, body = self.answers.pop(0)
        return HttpAnswer(method, url, status, httpx2.Headers(), body, 0.0, None)


def removed(kept: Kept) -> bool:
    try:
        Session(Client(kept), TOKENS, lambda: pytest.fail("another session")).remove("one")
    except Failure:
        return False
    return not kept.answers


@pytest.mark.usefixtures("a_second_per_look")
def test_the_end_of_a_masters_retention_is_waited_for() -> None:
    assert removed(Kept(retained=60))
    assert removed(Kept(busy=20, retained=60))
    assert removed(Kept(busy=20))


@pytest.mark.usefixtures("a_second_per_look")
def test_neither_another_refusal_nor_a_retention_of_hours_is_waited_for() -> None:
    assert not removed(Kept(busy=60))
    assert not removed(Kept(retained=15, until_s=-5.0, busy=20))
    assert not removed(Kept(retained=200, until_s=7200.0))


def test_an_object_that_the_store_does_not_remove_is_told() -> None:
    def key(status: int, code: str = "") -> Any:
        return SimpleNamespace(call=lambda operation, **_: S3Answer(operation, not code, status, code, code or None))

    remove_object(key(204), "staging", "trial/1")
    remove_object(key(404, "NoSuchUpload"), "staging", "trial/1", "abort_multipart_upload", UploadId="1")
    with pytest.raises(Invalid, match="own staging/trial/1 could not be removed: delete_object: AccessDenied"):
        remove_object(key(403, "AccessDenied"), "staging", "trial/1")
