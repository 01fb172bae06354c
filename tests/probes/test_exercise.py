"""What `exercise` and `destroy` add to the object store and to Redis, at small servers."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from seatrial.errors import HarnessError
from seatrial.facets.redis import ObserveRedis, PendingEntry
from seatrial.facets.s3 import DestroyS3, ExerciseS3
from seatrial.inverses import invert
from seatrial.outcome import Level
from seatrial.scope import Credential, Scope
from tests.probes.conftest import Serve, answering
from tests.probes.test_redis import Place as RedisPlace
from tests.probes.test_redis import saying
from tests.probes.test_s3 import Place as S3Place
from tests.probes.test_s3 import error, xml

Build = Callable[..., Scope]
DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
LOCK = (
    "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>"
    "<Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>"
)


def of_service(made: Scope) -> Scope:
    """Give each component's credential the component's name, so that a request shows which was taken."""
    return replace(made, credentials=lambda component: Credential(component, "secret"))


def test_a_service_is_spoken_for_with_its_own_key_and_its_writes_are_counted(serve: Serve, scope: Build) -> None:
    heard: list[bytes] = []
    server = serve(answering(DONE, heard=heard))
    made = of_service(scope(Level.EXERCISE, s3=S3Place(f"http://{server.address}:{server.port}")))
    answer = ExerciseS3(made).service("edge").call("put_object", Bucket="masters", Key="k", Body=b"x")
    assert answer.ok
    assert heard[0].startswith(b"PUT /b-masters/k ")
    assert b"Credential=s3-edge/" in heard[0]
    assert made.meter.footprint().writes == 1


def test_a_presigned_url_carries_key_role_and_life_and_sends_nothing(scope: Build) -> None:
    made = of_service(scope(Level.EXERCISE, s3=S3Place("http://127.0.0.1:1")))
    url = ExerciseS3(made).service("api").presign("put_object", lifetime_s=2, Bucket="masters", Key="k")
    query = parse_qs(urlsplit(url).query)
    assert urlsplit(url).path == "/b-masters/k"
    assert query["X-Amz-Expires"] == ["2"]
    assert query["X-Amz-Credential"][0].startswith("s3-api/")
    assert made.meter.footprint().requests == 0


def test_a_default_retention_is_kept_before_it_is_taken_away_and_put_back(serve: Serve, scope: Build) -> None:
    heard: list[bytes] = []
    log: list[tuple[str, Any]] = []
    server = serve(answering(xml(LOCK), xml(LOCK), DONE, DONE, heard=heard))
    struck = scope(
        Level.DESTROY,
        undo=lambda name, args: log.append((name, json.loads(json.dumps(args)))),
        s3=S3Place(f"http://{server.address}:{server.port}"),
    )
    DestroyS3(struck).set_default_retention("masters", None)
    assert [request.split(b" ")[0] for request in heard] == [b"GET", b"GET", b"PUT"]
    assert b"DefaultRetention" not in heard[2]
    assert log[0][1]["value"]["Rule"] == {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    invert(*log[0], struck)
    assert b"<Mode>COMPLIANCE</Mode>" in heard[3]


def test_a_bucket_without_object_lock_has_no_default_retention_to_change(serve: Serve, scope: Build) -> None:
    server = serve(answering(error("404 Not Found", "ObjectLockConfigurationNotFoundError")))
    struck = scope(Level.DESTROY, s3=S3Place(f"http://{server.address}:{server.port}"))
    with pytest.raises(HarnessError, match="has no object lock"):
        DestroyS3(struck).set_default_retention("masters", "COMPLIANCE", 1)


def test_pending_entries_are_asked_for_by_age_and_told_in_seconds(serve: Serve, scope: Build) -> None:
    entry = b"*1\r\n*4\r\n$3\r\n5-0\r\n$8\r\nworker-1\r\n:90500\r\n:2\r\n"
    facet = ObserveRedis(scope(redis=RedisPlace(serve(saying(b"+OK\r\n", entry)).port)))
    found = facet.pending("jobs", "workers", idle_s=30)
    assert found == [PendingEntry("5-0", "worker-1", idle_s=90.5, deliveries=2)]
    assert found[0].to_json() == {"id": "5-0", "consumer": "worker-1", "idle_s": 90.5, "deliveries": 2}
