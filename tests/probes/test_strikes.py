import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import seatrial.facets
from seatrial.errors import EnvironmentFault, HarnessError
from seatrial.facets.redis import DestroyRedis
from seatrial.facets.s3 import DestroyS3
from seatrial.inverses import INVERSES, invert
from seatrial.outcome import Level
from seatrial.scope import Scope
from tests.probes.conftest import Serve, answering
from tests.probes.test_redis import Place as RedisPlace
from tests.probes.test_redis import saying
from tests.probes.test_s3 import Place as S3Place
from tests.probes.test_s3 import error, xml

Build = Callable[..., Scope]
DONE = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
POLICY = {"Version": "2012-10-17", "Statement": []}


def test_every_logged_name_has_an_inverse_and_every_inverse_a_strike(scope: Build) -> None:
    with pytest.raises(HarnessError):
        invert("no.such", {}, scope())
    logged = set()
    for file in Path(str(seatrial.facets.__file__)).parent.rglob("*.py"):
        text = file.read_text()
        logged |= {f"{file.parent.name}.{name}" for name in re.findall(r'_strike\(\s*"(\w+)"', text)}
        logged |= set(re.findall(r'undo\(\s*"(\w+\.\w+)"', text))
    assert logged == set(INVERSES)


@pytest.fixture
def store(serve: Serve, scope: Build) -> Callable[..., Scope]:
    """A destroy scope at a store that answers with these bytes; the undo log keeps how many requests came before."""

    def build(log: list[tuple[str, Any, int]], heard: list[bytes], *answers: bytes) -> Scope:
        server = serve(answering(*answers, heard=heard))

        def undo(name: str, args: dict[str, Any]) -> None:
            log.append((name, json.loads(json.dumps(args)), len(heard)))

        place = S3Place(f"http://{server.address}:{server.port}")
        return scope(Level.DESTROY, undo=undo, s3=place)

    return build


def test_a_policy_is_kept_before_it_is_replaced_and_put_back(store: Callable[..., Scope]) -> None:
    log: list[tuple[str, Any, int]] = []
    heard: list[bytes] = []
    was = json.dumps({"was": "here"})
    here = f"HTTP/1.1 200 OK\r\nContent-Length: {len(was)}\r\n\r\n{was}".encode()
    struck = store(log, heard, here, DONE, DONE)
    DestroyS3(struck).set_policy("masters", POLICY)
    assert [request.split(b" ")[0] for request in heard] == [b"GET", b"PUT"]
    assert log == [("s3.configure", {"part": "policy", "bucket": "b-masters", "value": was}, 1)]
    invert(*log[0][:2], struck)
    assert heard[2].endswith(was.encode())


def test_a_bucket_that_had_no_policy_has_none_again(store: Callable[..., Scope]) -> None:
    log: list[tuple[str, Any, int]] = []
    heard: list[bytes] = []
    gone = error("404 Not Found", "NoSuchBucketPolicy")
    struck = store(log, heard, gone, DONE, DONE, gone)
    DestroyS3(struck).set_policy("masters", POLICY)
    for _ in range(2):
        invert(*log[0][:2], struck)
    assert [request.split(b" ")[0] for request in heard] == [b"GET", b"PUT", b"DELETE", b"DELETE"]


def test_a_write_that_no_inverse_could_remove_is_refused(store: Callable[..., Scope]) -> None:
    log: list[tuple[str, Any, int]] = []
    heard: list[bytes] = []
    rule = "<Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule>"
    lock = f"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>{rule}</ObjectLockConfiguration>"
    with pytest.raises(HarnessError, match="locks every object"):
        DestroyS3(store(log, heard, xml(lock))).put_object("masters", "k", b"x")
    assert (len(heard), log) == (1, [])


def test_a_refused_strike_is_the_environments_fault(store: Callable[..., Scope]) -> None:
    denied = error("403 Forbidden", "AccessDenied")
    with pytest.raises(EnvironmentFault, match="AccessDenied"):
        DestroyS3(store([], [], denied)).set_policy("masters", POLICY)


def test_a_setting_is_kept_before_it_is_changed(serve: Serve, scope: Build) -> None:
    log: list[tuple[str, dict[str, Any]]] = []
    seen: list[bytes] = []
    kept = b"*2\r\n$16\r\nmaxmemory-policy\r\n$10\r\nnoeviction\r\n"

    def server(connection: Any) -> None:
        for reply in (b"+OK\r\n", kept, b"+OK\r\n", b"+OK\r\n"):
            seen.append(connection.recv(65536))
            connection.sendall(reply)

    def undo(*entry: Any) -> None:
        assert len(seen) == 2, "logged after reading and before writing"
        log.append(entry)

    struck = scope(Level.DESTROY, undo=undo, redis=RedisPlace(serve(server).port))
    DestroyRedis(struck).config_set("maxmemory-policy", "allkeys-lru")
    assert log == [("redis.config_set", {"name": "maxmemory-policy", "value": "noeviction", "at": None})]
    invert(*log[0], struck)
    assert b"allkeys-lru" in seen[2]
    assert b"noeviction" in seen[3]


def test_a_setting_is_put_back_at_the_replica_where_it_was_changed(serve: Serve, scope: Build) -> None:
    log: list[tuple[str, dict[str, Any]]] = []
    seen: list[bytes] = []

    def replica(connection: Any) -> None:
        for reply in (b"+OK\r\n", b"*2\r\n$4\r\nsave\r\n$0\r\n\r\n", b"+OK\r\n", b"+OK\r\n"):
            seen.append(connection.recv(65536))
            connection.sendall(reply)

    place = RedisPlace(1, replicas={"r1": RedisPlace(serve(replica).port)})
    struck = scope(Level.DESTROY, undo=lambda do, args: log.append((do, args)), redis=place)
    DestroyRedis(struck).config_set("save", "1 1", at="r1")
    invert(*log[0], struck)

    assert log == [("redis.config_set", {"name": "save", "value": "", "at": "r1"})]
    assert b"1 1" in seen[2]
    assert b"save" in seen[3]


def test_a_users_rules_are_put_back_at_the_sentinel_where_they_were_changed(serve: Serve, scope: Build) -> None:
    log: list[tuple[str, dict[str, Any]]] = []
    seen: list[bytes] = []

    def sentinel(connection: Any) -> None:
        for reply in (b"+OK\r\n", b"*1\r\n$28\r\nuser default off -@all -ping\r\n", b"+OK\r\n", b"+OK\r\n"):
            seen.append(connection.recv(65536))
            connection.sendall(reply)

    door = RedisPlace(serve(sentinel).port)
    struck = scope(
        Level.DESTROY, undo=lambda do, args: log.append((do, args)), redis=RedisPlace(1, sentinels={"s1": door})
    )
    DestroyRedis(struck).acl_set("default", "on", "nopass", at="s1")
    invert(*log[0], struck)

    assert log == [("redis.acl_set", {"user": "default", "line": "user default off -@all -ping", "at": "s1"})]
    assert b"nopass" in seen[2]
    assert b"-ping" in seen[3]


def test_a_key_that_is_there_is_not_overwritten(serve: Serve, scope: Build) -> None:
    log: list[Any] = []
    place = RedisPlace(serve(saying(b"+OK\r\n", b":1\r\n")).port)
    with pytest.raises(HarnessError, match="already has the key"):
        DestroyRedis(scope(Level.DESTROY, undo=lambda *entry: log.append(entry), redis=place)).set_key("k", "v")
    assert log == []


def test_a_key_that_expires_while_it_is_kept_does_not_come_back_for_ever(serve: Serve, scope: Build) -> None:
    log: list[tuple[str, dict[str, Any]]] = []
    keys = {"lasts": -1, "expires": 900, "gone": -2, "going": 0}
    found = b"".join(b"$%d\r\n%s\r\n" % (len(key), key.encode()) for key in keys)
    kept = [reply for left in keys.values() for reply in (b"$1\r\nx\r\n", b":%d\r\n" % left)]
    scanned = b"*2\r\n$1\r\n0\r\n*%d\r\n%s" % (len(keys), found)
    place = RedisPlace(serve(saying(b"+OK\r\n", scanned, *kept, b"+OK\r\n")).port)
    struck = DestroyRedis(scope(Level.DESTROY, undo=lambda *entry: log.append(entry), redis=place)).flush()
    assert [(do, args["key"], args["ttl_ms"]) for do, args in log] == [
        ("redis.restore", "lasts", 0),  # which RESTORE takes for no expiry
        ("redis.restore", "expires", 900),
    ]
    assert struck == 2
