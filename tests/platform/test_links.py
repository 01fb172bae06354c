"""Links into a process that serves, slowed down, lossy and cut by its own sockets; the kernel is the real one, the part is a stand-in."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from system.platforms.local.addresses import Endpoint
from system.platforms.local.links import change

ECHO = """
import asyncio, socket
async def echo(reader, writer):
    while data := await reader.read(1024):
        writer.write(data)
        await writer.drain()
async def serve():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(serve())
"""
HELD_BACK_S, SILENT_S, PATIENT_S = 0.15, 0.5, 30.0
EXCHANGES = 300  # of which one in twenty is late: that none is, or a quarter, is less likely than one in a million
Serving = tuple[int, Endpoint]


@pytest.fixture
def serving() -> Iterator[Serving]:
    with subprocess.Popen([sys.executable, "-c", ECHO], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.pid, Endpoint("127.0.0.1", int(process.stdout.readline()))
        process.kill()


def put(serving: Serving, mode: str) -> int:
    return asyncio.run(change(*serving, mode))


def connect(serving: Serving, patience_s: float = PATIENT_S) -> socket.socket:
    endpoint = serving[1]
    return socket.create_connection((endpoint.address, endpoint.port), patience_s)


def echo_s(client: socket.socket, patience_s: float = PATIENT_S) -> float:
    """Say something and wait for it to come back; gives the seconds, raises TimeoutError."""
    client.settimeout(patience_s)
    began = time.monotonic()
    client.sendall(b"x")
    assert client.recv(16) == b"x"
    return time.monotonic() - began


def test_answers_of_a_slowed_link_come_later_on_old_connections_and_on_new_ones(serving: Serving) -> None:
    with connect(serving) as old:
        echo_s(old)
        assert put(serving, "latency") == 2
        with connect(serving) as new:
            assert min(echo_s(old), echo_s(old), echo_s(new), echo_s(new)) > HELD_BACK_S
            put(serving, "open")
            assert min(echo_s(old) for _ in range(5)) < HELD_BACK_S
            assert min(echo_s(new) for _ in range(5)) < HELD_BACK_S


def test_a_cut_link_is_silent_and_what_was_said_meanwhile_arrives_once_it_is_open(serving: Serving) -> None:
    with connect(serving) as old:
        echo_s(old)
        put(serving, "partition")
        with pytest.raises(TimeoutError):
            echo_s(old, SILENT_S)
        with pytest.raises(TimeoutError):
            connect(serving, SILENT_S)

        put(serving, "open")

        old.settimeout(PATIENT_S)
        assert old.recv(16) == b"x"
        with connect(serving) as new:
            echo_s(new)


def test_some_of_what_goes_over_a_lossy_link_comes_later_and_all_of_it_comes(serving: Serving) -> None:
    with connect(serving) as old:
        echo_s(old)
        assert put(serving, "loss") == 2
        with connect(serving) as new:
            for client in (old, new):
                took_s = [echo_s(client) for _ in range(EXCHANGES)]
                late = sum(each > HELD_BACK_S for each in took_s)
                assert 0 < late < EXCHANGES / 4, f"{late} of {EXCHANGES} exchanges were late"
            put(serving, "open")
            assert min(echo_s(new) for _ in range(5)) < HELD_BACK_S


def test_each_mode_can_be_set_again_and_replaces_the_one_before(serving: Serving) -> None:
    with connect(serving) as client:
        echo_s(client)
        for mode in ("open", "partition", "loss", "loss", "partition", "latency", "latency"):
            assert put(serving, mode) == 2, mode
        assert echo_s(client) > HELD_BACK_S, "slowed down, and cut no more"


def test_only_connections_that_come_in_by_the_endpoint_are_concerned(serving: Serving) -> None:
    with connect(serving) as client:
        echo_s(client)
        assert put((serving[0], Endpoint("127.0.0.2", serving[1].port)), "partition") == 0
        echo_s(client)
