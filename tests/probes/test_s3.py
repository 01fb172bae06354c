import datetime as dt
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from seatrial.errors import HarnessError, Unanswered
from seatrial.facets.s3 import ExerciseS3, ObserveS3
from seatrial.scope import Scope
from tests.probes.conftest import HOST, Authority, Serve, answering

Build = Callable[..., Scope]


@dataclass(frozen=True)
class Place:
    endpoint: str
    region: str = "local-1"
    buckets: dict[str, str] = field(default_factory=lambda: {"masters": "b-masters"})


def xml(body: str, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def error(status: str, code: str) -> bytes:
    return xml(f"<Error><Code>{code}</Code><Message>because</Message></Error>", status)


def page(key: str, more: str) -> str:
    stored = "<LastModified>2026-01-31T12:00:00.000Z</LastModified>"
    row = f'<Contents><Key>{key}</Key>{stored}<Size>3</Size><ETag>"e"</ETag></Contents>'
    return f"<ListBucketResult>{row}{more}</ListBucketResult>"


@pytest.fixture
def store(serve: Serve, authority: Authority, scope: Build) -> Callable[..., ObserveS3]:
    """A facet at a store that answers one connection's requests with these bytes."""

    def build(*answers: bytes, heard: list[bytes] | None = None) -> ObserveS3:
        server = serve(answering(*answers, heard=heard), authority.context())
        place = Place(f"https://{HOST}:{server.port}")
        return ExerciseS3(scope(s3=place, ca=authority.ca, resolve={HOST: server.address}))

    return build


Store = Callable[..., ObserveS3]


def test_an_object_is_read_by_role_with_a_signature(store: Store) -> None:
    heard: list[bytes] = []
    body = b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: "e"\r\nx-amz-meta-m: 1\r\n\r\nhello'
    answer = store(body, heard=heard).get("masters", "a b/ü+1.txt")
    assert (answer.ok, answer.status, answer.body) == (True, 200, b"hello")
    assert answer.data["Metadata"] == {"m": "1"}
    assert heard[0].startswith(b"GET /b-masters/a%20b/%C3%BC%2B1.txt HTTP/1.1\r\n")
    assert b"AWS4-HMAC-SHA256 Credential=user/" in heard[0]
    assert b"/local-1/s3/aws4_request" in heard[0]


def test_a_refusal_is_an_answer(store: Store) -> None:
    answer = store(error("403 Forbidden", "AccessDenied")).get("masters", "k")
    assert (answer.ok, answer.answered, answer.status, answer.code) == (False, True, 403, "AccessDenied")
    assert answer.error == "403 AccessDenied: because"


def test_a_store_that_is_gone_is_an_answer_without_status(authority: Authority, scope: Build) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    place = Place(f"http://127.0.0.1:{port}")
    facet = ObserveS3(scope(s3=place))
    answer = facet.head_bucket("masters")
    assert (answer.ok, answer.answered, answer.error) == (False, False, "connection refused")
    with pytest.raises(Unanswered, match="connection refused"):
        facet.buckets()


def test_a_garbled_answer_is_no_crash(store: Store) -> None:
    answer = store(xml("<ListBucketRes")).call("list_objects_v2", Bucket="masters")
    assert not answer.ok
    assert answer.error


def test_a_listing_has_every_page(store: Store) -> None:
    heard: list[bytes] = []
    first = page("a", "<IsTruncated>true</IsTruncated><NextContinuationToken>t0k</NextContinuationToken>")
    seen = store(xml(first), xml(page("b", "<IsTruncated>false</IsTruncated>")), heard=heard).list("masters", "x/")
    assert [(row.key, row.size_bytes, row.etag) for row in seen] == [("a", 3, "e"), ("b", 3, "e")]
    assert {row.modified for row in seen} == {dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)}
    assert b"continuation-token=t0k" in heard[1]


def test_a_bucket_without_policy_has_none(store: Store) -> None:
    assert store(error("404 Not Found", "NoSuchBucketPolicy")).policy("masters") is None


def test_a_refused_read_of_plain_data_is_a_failure(store: Store) -> None:
    with pytest.raises(Unanswered, match="AccessDenied"):
        store(error("403 Forbidden", "AccessDenied")).policy("masters")


def test_an_anonymous_request_carries_no_signature(store: Store) -> None:
    heard: list[bytes] = []
    facet = store(error("403 Forbidden", "AccessDenied"), heard=heard)
    assert facet.anonymous("GET", "masters", "k ü", query="acl").status == 403
    assert heard[0].startswith(b"GET /b-masters/k%20%C3%BC?acl HTTP/1.1\r\n")
    assert b"authorization" not in heard[0].lower()


def test_observe_neither_writes_nor_calls_what_writes(scope: Build) -> None:
    facet = ObserveS3(scope(s3=Place("http://127.0.0.1:1")))
    with pytest.raises(HarnessError, match="belongs to exercise"):
        facet.anonymous("PUT", "masters", "k")
    with pytest.raises(HarnessError, match="not a reading call"):
        facet.call("put_object", Bucket="masters", Key="k")


def test_a_call_is_counted_in_the_handle_that_made_it(serve: Serve, scope: Build) -> None:
    server = serve(answering(error("403 Forbidden", "AccessDenied"), error("403 Forbidden", "AccessDenied")))
    first = scope(s3=Place(f"http://{server.address}:{server.port}"))
    second = scope(s3=first.profile.s3)
    ObserveS3(first).get("masters", "k")
    second.clients.update(first.clients)
    ObserveS3(second).get("masters", "k")
    assert first.meter.footprint().requests == second.meter.footprint().requests == 1
    first.clients.clear()
