"""The same requests at the edge itself and at nginx in front of it, which answers from memory where it may."""

import json
import socket
import time
import uuid
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from suites.security.mutations import Link, Mutant, equivalents, mutants
from system.edge.front import configuration
from tests.waiting import wait_for

from .bench import ABSENT, ASSET, HOST, OTHER, VIDEO, Answer, Bench, Door, link, running

DOORS = ("edge", "front")
PARTS = {
    "bytes=0-65535": (0, 65_536),
    "bytes=100-199": (100, 200),
    "bytes=1048575-": (1_048_575, 1_048_576),
    "bytes=1000000-9999999": (1_000_000, 1_048_576),
    "bytes=-5": (1_048_571, 1_048_576),
    "bytes=-9999999": (0, 1_048_576),
}
WHOLE = ("bytes=5-2", "bytes=0-1,5-6", "bytes=-", "bytes=x", "junk", "items=0-1", "bytes=0-1, 3-4")


@pytest.fixture(params=DOORS)
def door(bench: Bench, request: pytest.FixtureRequest) -> Door:
    """Give a door that has answered the link before: nginx then has all it needs to answer from memory."""
    door = bench.doors()[request.param]
    assert door.send(link()).status == 200
    return door


def test_a_link_gives_the_whole_object(door: Door) -> None:
    answer = door.send(link())

    assert (answer.status, answer.body) == (200, VIDEO)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize("wanted", PARTS)
def test_a_range_gives_its_bytes_only(door: Door, wanted: str) -> None:
    start, stop = PARTS[wanted]
    answer = door.send(link(), Range=wanted)

    assert (answer.status, answer.body) == (206, VIDEO[start:stop])
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(VIDEO)}"
    assert answer.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize("wanted", WHOLE)
def test_what_is_no_single_range_gives_the_whole(door: Door, wanted: str) -> None:
    answer = door.send(link(), Range=wanted)

    assert (answer.status, answer.body) == (200, VIDEO)


@pytest.mark.parametrize("wanted", ["bytes=1048576-", "bytes=99999999-", "bytes=-0"])
def test_a_range_beyond_the_end_is_told_the_size(door: Door, wanted: str) -> None:
    answer = door.send(link(), Range=wanted)

    assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{len(VIDEO)}")
    assert answer.headers["cache-control"] == "no-store"
    assert problem(answer)["status"] == 416


def test_conditions_are_obeyed(door: Door) -> None:
    etag = door.send(link()).headers["etag"]

    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        answer = door.send(link(), If_None_Match=known)
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", etag), known
        assert answer.headers["cache-control"].startswith("private, max-age=")
    assert door.send(link(), If_None_Match='"x"').status == 200
    late = {"If_Modified_Since": "Fri, 01 Jan 2100 00:00:00 GMT"}
    assert door.send(link(), **late).status == 200
    assert door.send(link(), If_None_Match=etag, **late).status == 304
    assert door.send(link(), If_Unmodified_Since="Thu, 01 Jan 1970 00:00:00 GMT").status == 200
    assert door.send(link(), If_Match=etag).status == 200
    refused = door.send(link(), If_Match='"x"')
    assert (refused.status, problem(refused)["status"]) == (412, 412)
    assert door.send(link(), Range="bytes=0-9", If_Range=etag).body == VIDEO[:10]
    for other in ('"x"', f"W/{etag}", "Fri, 01 Jan 2100 00:00:00 GMT"):
        assert door.send(link(), Range="bytes=0-9", If_Range=other).body == VIDEO, other


def test_head_says_what_get_would_and_has_no_ranges(door: Door) -> None:
    for more in ({}, {"Range": "bytes=0-9"}):
        answer = door.send(link(), method="HEAD", **more)
        assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", str(len(VIDEO)))


def test_variants_and_assets_are_not_mixed_up(door: Door) -> None:
    assert door.send(link(variant="poster")).body == b"jpeg"
    assert door.send(link(OTHER)).body == VIDEO[::-1]
    assert door.send(link()).body == VIDEO


def test_an_answer_is_private_and_fresh_no_longer_than_its_link_lives(door: Door) -> None:
    url = link(lifetime_s=60)
    expires = int(Link.parse(url).value("exp"))

    for _ in range(5):
        asked = time.time()
        answer = door.send(url)
        scope, _, age = answer.headers["cache-control"].partition(", max-age=")
        assert scope == "private"
        assert 0 < int(age) <= expires - asked + 1


def test_no_bent_link_opens_anything(door: Door) -> None:
    genuine = Link.parse(f"http://{HOST}{link()}")
    bent = mutants(genuine)
    assert len(bent) > 110
    assert door.send(genuine.target).body == VIDEO
    wrong = [
        f"{mutant}: {answer.status}"
        for mutant in bent
        if (answer := send(door, mutant.link)).status not in mutant.refusals | unreadable(mutant)
        or answer.body == VIDEO
    ]
    same = [str(each) for each in equivalents(genuine) if send(door, each.link).status != 200]

    assert (wrong, same) == ([], [])
    assert door.send(genuine.target).body == VIDEO


def test_refusals_at_both_doors_are_alike(bench: Bench) -> None:
    genuine = link()
    bent = (genuine[:-5] + "AAAAA", genuine + "&x=1", link(lifetime_s=-1), link(lifetime_s=7200), f"/v/{ASSET}/preview")
    seen = set()
    for target in bent:
        for door in bench.doors().values():
            answer = door.send(target)
            said = {**problem(answer), "instance": "any"}
            seen.add((answer.status, answer.headers["cache-control"], json.dumps(said, sort_keys=True)))

    assert len(seen) == 1
    assert seen.pop()[0] == 403


def test_absence_is_told_to_the_holder_of_a_valid_link(door: Door) -> None:
    for target in (link(ABSENT), link(variant="master")):
        answer = door.send(target)
        assert (answer.status, problem(answer)["title"], answer.headers["cache-control"]) == (
            404,
            "Not Found",
            "no-store",
        )


def test_the_absolute_form_of_a_request_opens_nothing_from_memory(bench: Bench) -> None:
    url = link()
    statuses = {}
    for name, door in bench.doors().items():
        assert door.send(url).status == 200
        statuses[name] = raw_status(door, f"GET http://{HOST}{url} HTTP/1.1\r\nHost: {HOST}\r\n")

    assert statuses["front"] == statuses["edge"]


def test_two_hosts_or_none_are_refused(door: Door) -> None:
    url = link()

    assert raw_status(door, f"GET {url} HTTP/1.1\r\nHost: {HOST}\r\nHost: {HOST}\r\n") == 400
    assert raw_status(door, f"GET {url} HTTP/1.1\r\n") == 400
    assert raw_status(door, f"GET {url} HTTP/1.0\r\n") in {400, 403}


def test_nginx_asks_once_and_remembers(bench: Bench) -> None:
    url = link(lifetime_s=250)
    first = bench.front.send(url, X_Request_Id="first-of-its-link")
    asked_before = edge_lines(bench, url)
    for start in range(0, 10_000, 100):
        assert bench.front.send(url, Range=f"bytes={start}-{start + 99}").body == VIDEO[start : start + 100]

    assert first.headers["x-request-id"] == "first-of-its-link"
    assert edge_lines(bench, url) - asked_before < 20  # none at all, unless verdict or object grew old meanwhile


def test_an_answer_from_memory_carries_the_id_of_its_own_request(bench: Bench) -> None:
    url = link()
    bench.front.send(url, X_Request_Id="of-another")
    given, fresh = bench.front.send(url, X_Request_Id="mine"), bench.front.send(url)

    assert given.headers["x-request-id"] == "mine"
    assert len(fresh.headers["x-request-id"]) == 32


def test_a_remembered_link_dies_on_time(bench: Bench) -> None:
    url = link(lifetime_s=3)
    expires = int(Link.parse(url).value("exp"))
    opened = 0
    while True:
        sent = time.time()
        status = bench.front.send(url, Range="bytes=0-9").status
        if sent >= expires:
            break
        if time.time() < expires:
            assert status == 206
            opened += 1

    assert status == 403
    assert opened > 0


def test_nothing_is_sent_without_a_verdict(tmp_path: Path) -> None:
    with running(tmp_path) as bench:
        assert bench.front.send(link()).body == VIDEO
        bench.edge_process.kill()
        bench.edge_process.wait()
        answer = bench.front.send(link(lifetime_s=200))

    assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    assert problem(answer)["status"] == 503


@pytest.mark.parametrize("path", ["/metrics", "/verdict", "/verdict/", "//verdict/", "/%76erdict/"])
def test_what_is_for_inside_is_not_passed_on(bench: Bench, path: str) -> None:
    target = path + link().removeprefix("/") if path.endswith("/") else path

    assert bench.front.send(target).status == 404


def test_readiness_is_the_edges(door: Door) -> None:
    assert json.loads(door.send("/readyz").body)["status"] == "ok"


def test_no_signature_reaches_a_log(bench: Bench) -> None:
    mark = str(uuid.uuid4())
    for target in (link(), link()[:-1] + "!", link(lifetime_s=-1), link(mark)):
        bench.front.send(target)

    for log in (bench.logs / "nginx.log", bench.logs / "edge.log"):
        wait_for(partial(holds, log, mark), what=f"{log.name} has the last request")
        assert not holds(log, "sig=")


def test_a_verdict_says_until_when_it_may_be_remembered(bench: Bench) -> None:
    url = link(lifetime_s=100)
    expires, asked = int(Link.parse(url).value("exp")), int(time.time())
    answer = bench.edge.send("/verdict" + url)

    assert (answer.status, answer.body) == (204, b"")
    assert asked + 5 <= int(answer.headers["x-accel-expires"].removeprefix("@")) <= time.time() + 5
    assert int(answer.headers["cache-control"].partition("max-age=")[2]) <= expires - asked - 5
    short = link(lifetime_s=2)
    until_s = int(bench.edge.send("/verdict" + short).headers["x-accel-expires"].removeprefix("@"))
    assert until_s == int(Link.parse(short).value("exp")) - 1
    assert bench.edge.send("/verdict" + link(lifetime_s=-1)).status == 403
    assert bench.edge.send("/verdict" + url, host="evil.test").status == 403


def test_a_configuration_without_its_places_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "nginx.conf"
    file.write_text("events {}")
    monkeypatch.setattr("system.edge.front._FILE", file)

    with pytest.raises(ValueError, match="worker_processes"):
        configuration(listen="1", edges=["127.0.0.1:1"], directory=tmp_path)


def holds(file: Path, text: str) -> bool:
    return text in file.read_text()


def problem(answer: Answer) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = json.loads(answer.body)
    return document


def send(door: Door, bent: Link) -> Answer:
    return door.send(bent.target, method=bent.method, host=bent.host, **bent.headers)


def unreadable(mutant: Mutant) -> set[int]:
    """Give the status by which nginx refuses a path with a zero byte, which it reads no further."""
    return {400} if mutant.note == "with a zero byte" else set()


def raw_status(door: Door, head: str) -> int:
    with socket.create_connection((door.address, door.port), timeout=30) as connection:
        connection.sendall(head.encode() + b"Connection: close\r\n\r\n")
        return int(connection.makefile("rb").readline().split()[1])


def edge_lines(bench: Bench, url: str) -> int:
    """Count what the edge was asked so far; its log is whole once its answer to this question is in it."""
    mark = str(uuid.uuid4())
    bench.edge.send(f"/{mark}")
    log = bench.logs / "edge.log"
    wait_for(lambda: mark in log.read_text(), what="the edge's log is written")
    return log.read_text().count(url.partition("?")[0])
