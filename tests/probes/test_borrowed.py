"""Tools that use requests go over the harness's wire."""

from collections.abc import Callable

import pytest
import requests

from seatrial.facets.http import ExerciseHttp
from seatrial.scope import Scope
from tests.probes.conftest import HOST, Serve, answering

Build = Callable[..., Scope]


def test_requests_go_where_the_profile_says_and_are_counted(serve: Serve, scope: Build) -> None:
    heard: list[bytes] = []
    answer = b"HTTP/1.1 201 Created\r\nX-A: 1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    server = serve(answering(answer, heard=heard))
    given = scope(resolve={HOST: server.address})

    with ExerciseHttp(given).carry_requests():
        seen = requests.post(f"http://{HOST}:{server.port}/a%2Fb?c=1", json={"d": 1}, headers={"X-B": "ü"}, timeout=5)

    assert (seen.status_code, seen.headers["x-a"], seen.json()) == (201, "1", {})
    assert heard[0].startswith(b"POST /a%2Fb?c=1 HTTP/1.1\r\n")
    assert heard[0].endswith(b'{"d": 1}')
    assert given.meter.footprint().writes == 1


def test_a_broken_answer_is_a_connection_error(serve: Serve, scope: Build) -> None:
    server = serve(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"))

    with (
        ExerciseHttp(scope(resolve={HOST: server.address})).carry_requests(),
        pytest.raises(requests.exceptions.ConnectionError),
    ):
        requests.get(f"http://{HOST}:{server.port}/", timeout=5)


def test_an_event_stream_is_left_after_its_first_event(serve: Serve, scope: Build) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 1000\r\n\r\n"
    server = serve(answering(head + b"event: a\ndata: 1\n\n"))

    with ExerciseHttp(scope(resolve={HOST: server.address})).carry_requests():
        seen = requests.get(f"http://{HOST}:{server.port}/", timeout=5)

    assert (seen.status_code, seen.text) == (200, "event: a\ndata: 1\n\n")


def test_the_wire_is_given_back(scope: Build) -> None:
    before = requests.Session.get_adapter

    with ExerciseHttp(scope()).carry_requests():
        assert requests.Session.get_adapter is not before

    assert requests.Session.get_adapter is before
