"""A link opens its object and nothing else; whatever else is wrong with a request, the answer says the same."""

import asyncio
import hashlib
import json
import logging
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.types import ASGIApp, Message

from system.common.config import KeyRing, ServiceSettings, StorageSettings
from system.common.live import Live
from system.common.middleware import RequestContext
from system.common.signing import sign_link
from system.edge import app as app_module
from system.edge.app import make_app
from system.edge.cache import DiskCache
from system.edge.origin import Origin
from system.edge.play import Play
from system.edge.settings import EdgeSettings
from tests.waiting import wait_for

from .edge_source import MemorySource
from .store_stand_in import WITHIN_S, StandIn

ASSET = "0f8fad5b-d9cb-469f-a165-70867728950e"
HOST = "play.test:18443"
KEYS = KeyRing("k1", {"k1": b"1" * 32})
VIDEO = bytes(range(256)) * 4096
THREADS = 8  # of a store


@dataclass
class Answer:
    """What the edge sent."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        return cast("dict[str, Any]", json.loads(self.body))


def settings(directory: Path, cache_bytes: int, storage: StorageSettings) -> EdgeSettings:
    return EdgeSettings(
        service=ServiceSettings("edge", "edge-1", "r1", "127.0.0.1", 1, "INFO"),
        storage=storage,
        keys=Live(KEYS),
        max_lifetime_s=3600,
        skew_s=0,
        cache_dir=directory,
        cache_max_bytes=cache_bytes,
    )


class Edge:
    """The play application over an object store in memory."""

    def __init__(self, directory: Path, cache_bytes: int = 10_000_000) -> None:
        self.source = MemorySource()
        self.source.objects = {f"previews/{ASSET}/preview.mp4": VIDEO, f"previews/{ASSET}/poster.jpg": b"jpeg"}
        self.cache = DiskCache(directory, cache_bytes, self.source)
        storage = StorageSettings("http://s3.test", "http://s3.test", "x", Live(("a", "s")), "", "", "previews")
        self.play = Play(settings(directory, cache_bytes, storage), self.cache, cast("Origin", self.source))
        self.app: ASGIApp = RequestContext(self.play)

    async def send(self, target: str, *, method: str = "GET", host: str = HOST, **headers: str) -> Answer:
        path, _, query = target.partition("?")
        given = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }
        answer = Answer()

        async def receive() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                answer.body += message["body"]

        await self.app(scope, receive, send)
        return answer


def link(
    asset: str = ASSET, variant: str = "preview", *, host: str = HOST, lifetime_s: int = 300, keys: KeyRing = KEYS
) -> str:
    query = sign_link(keys, host=host, asset_id=asset, variant=variant, exp=int(time.time()) + lifetime_s)
    return f"/v/{asset}/{variant}?{query}"


def ask(directory: Path, target: str, *, edge: Edge | None = None, **request: Any) -> Answer:
    return asyncio.run((edge or Edge(directory)).send(target, **request))


def test_a_link_gives_the_whole_preview(tmp_path: Path) -> None:
    answer = ask(tmp_path, link())

    assert (answer.status, answer.body) == (200, VIDEO)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-length"] == str(len(VIDEO))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] in ("private, max-age=300", "private, max-age=299")
    assert answer.headers["etag"].startswith('"')


def test_a_poster_is_a_picture(tmp_path: Path) -> None:
    answer = ask(tmp_path, link(variant="poster"))

    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"jpeg", "image/jpeg")


def test_a_get_link_also_serves_head(tmp_path: Path) -> None:
    answer = ask(tmp_path, link(), method="HEAD")

    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", str(len(VIDEO)))


@pytest.mark.parametrize("cache_bytes", [10_000_000, 1000], ids=["from the cache", "from the store"])
def test_a_range_gives_its_bytes_only(tmp_path: Path, cache_bytes: int) -> None:
    answer = ask(tmp_path, link(), edge=Edge(tmp_path, cache_bytes), range="bytes=300000-899999")

    assert answer.status == 206
    assert answer.body == VIDEO[300_000:900_000]
    assert answer.headers["content-range"] == f"bytes 300000-899999/{len(VIDEO)}"


def test_a_range_beyond_the_end_is_told_the_size(tmp_path: Path) -> None:
    answer = ask(tmp_path, link(), range="bytes=99999999-")

    assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{len(VIDEO)}")
    assert answer.problem["status"] == 416


def test_what_the_caller_has_is_not_sent_again(tmp_path: Path) -> None:
    edge = Edge(tmp_path)
    etag = ask(tmp_path, link(), edge=edge).headers["etag"]
    answer = ask(tmp_path, link(), edge=edge, if_none_match=etag)

    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", etag)
    assert answer.headers["cache-control"].startswith("private, max-age=")


def test_the_host_of_a_link_is_compared_without_case(tmp_path: Path) -> None:
    assert ask(tmp_path, link(), host=HOST.upper()).status == 200


def refused() -> dict[str, tuple[str, dict[str, Any]]]:
    good = link()
    path, query = good.split("?")
    exp, kid, sig = query.split("&")
    return {
        "no query": (path, {}),
        "a parameter more": (f"{good}&x=1", {}),
        "a parameter twice": (f"{path}?{exp}&{exp}&{kid}&{sig}", {}),
        "another order": (f"{path}?{kid}&{exp}&{sig}", {}),
        "an empty signature": (f"{path}?{exp}&{kid}&sig=", {}),
        "a padded signature": (f"{good}=", {}),
        "another signature": (good[:-5] + ("AAAAA" if good[-5:] != "AAAAA" else "BBBBB"), {}),
        "an unknown key": (f"{path}?{exp}&kid=k9&{sig}", {}),
        "a key with the right id": (link(keys=KeyRing("k1", {"k1": b"2" * 32})), {}),
        "a leading zero": (good.replace("exp=", "exp=0"), {}),
        "another expiry": (good.replace("exp=1", "exp=2"), {}),
        "an encoded query": (good.replace("exp=", "ex%70="), {}),
        "expired": (link(lifetime_s=0), {}),
        "beyond the longest lifetime": (link(lifetime_s=3700), {}),
        "another variant": (good.replace("/preview", "/poster"), {}),
        "another asset": (good.replace(ASSET, ASSET.replace("0f", "1f")), {}),
        "another host": (good, {"host": "evil.test"}),
        "the host without its port": (good, {"host": "play.test"}),
        "an upper-case id": (good.replace(ASSET, ASSET.upper()), {}),
        "an encoded path": (good.replace("preview", "%70review"), {}),
        "a double slash": (good.replace("/v/", "/v//"), {}),
        "dot segments": (good.replace("/preview", "/../" + ASSET + "/preview"), {}),
        "a trailing slash": (good.replace("/preview?", "/preview/?"), {}),
    }


@pytest.mark.parametrize("name", sorted(refused()))
def test_every_other_spelling_is_refused_alike(tmp_path: Path, name: str) -> None:
    target, request = refused()[name]
    answer = ask(tmp_path, target, **request)
    body = {**answer.problem, "instance": "any"}

    assert answer.status == 403
    assert answer.headers["cache-control"] == "no-store"
    assert body == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "The link is not valid.",
        "instance": "any",
    }


def test_a_refusal_does_not_depend_on_whether_the_object_exists(tmp_path: Path) -> None:
    edge = Edge(tmp_path)
    ask(tmp_path, link(ASSET.replace("0f", "1f"))[:-3], edge=edge)

    assert edge.source.calls["head"] == 0


def test_absence_is_told_to_the_holder_of_a_valid_link(tmp_path: Path) -> None:
    answer = ask(tmp_path, link(ASSET.replace("0f", "1f")))

    assert (answer.status, answer.problem["title"]) == (404, "Not Found")


def test_an_unknown_variant_is_absent(tmp_path: Path) -> None:
    assert ask(tmp_path, link(variant="master")).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_not_allowed(tmp_path: Path, method: str) -> None:
    answer = ask(tmp_path, link(), method=method)

    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_store_that_is_down_says_when_to_try_again(tmp_path: Path) -> None:
    edge = Edge(tmp_path)
    edge.source.down = True
    answer = ask(tmp_path, link(), edge=edge)

    assert (answer.status, answer.problem["status"]) == (503, 503)
    assert int(answer.headers["retry-after"]) > 0


def test_objects_that_take_long_hold_no_other_object_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "STORE_TIMEOUT_S", WITHIN_S)
    store = StandIn(VIDEO, headers={"ETag": f'"{hashlib.md5(VIDEO, usedforsecurity=False).hexdigest()}"'})
    store.give.clear()

    def asked(method: str) -> int:
        return [each.line.split()[0] for each in store.asked].count(method)

    async def scenario(storage: StorageSettings) -> None:
        edge = Edge(tmp_path / "unused")
        edge.app = make_app(settings(tmp_path / "cache", 100 * len(VIDEO), storage))

        async def begin(number: int, asking: str) -> asyncio.Task[Answer]:
            play = asyncio.create_task(edge.send(link(ASSET.replace("0f", f"{number}f"))))
            await asyncio.to_thread(wait_for, lambda: asked(asking) > number or play.done())
            return play

        slow = [await begin(number, "GET") for number in range(THREADS)]
        other = await begin(THREADS, "HEAD")
        store.give.set()
        assert [(await play).status for play in (*slow, other)] == [200] * (THREADS + 1)

    with store.serving() as storage:
        asyncio.run(scenario(storage))


def test_a_file_that_vanished_from_the_cache_is_fetched_again(tmp_path: Path) -> None:
    edge = Edge(tmp_path)

    ask(tmp_path, link(), edge=edge)
    for path in tmp_path.iterdir():
        path.unlink()
    answer = ask(tmp_path, link(), edge=edge)

    assert (answer.status, answer.body) == (200, VIDEO)


def test_the_access_log_holds_no_signature(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        ask(tmp_path, link())
    lines = [str(vars(record)) for record in caplog.records]

    assert any(ASSET in line for line in lines)
    assert not any("sig" + "=" in line for line in lines)


def test_settings_without_keys_are_never_valid(tmp_path: Path) -> None:
    edge = Edge(tmp_path)
    edge.play._settings = replace(edge.play._settings, keys=Live(KeyRing("", {})))

    assert ask(tmp_path, link(), edge=edge).status == 403
