"""Who the primary is, as Sentinels say it: followed, passed over when dead, disbelieved when the profile does not know it."""

import socket
from collections.abc import Callable

import pytest

from seatrial.errors import HarnessError, Unanswered
from seatrial.facets.redis import ObserveRedis
from seatrial.scope import Scope
from tests.probes.conftest import Serve
from tests.probes.test_redis import Place, saying

Build = Callable[..., Scope]
OK = b"+OK\r\n"


def says(
    *primaries: int, flags: str = "master", replicas: tuple[tuple[str, int], ...] = ()
) -> Callable[[socket.socket], None]:
    """Answer a sign-in, then SENTINEL MASTERS with primaries at these ports, then SENTINEL SLAVES with flags and priorities."""
    known = [["name", "r", "flags", each, "slave-priority", str(priority)] for each, priority in replicas]
    return saying(OK, _encoded([_primary(port, flags) for port in primaries]), _encoded(known))


def counts(number: int) -> Callable[[socket.socket], None]:
    """Answer a sign-in, then DBSIZE."""
    return saying(OK, f":{number}\r\n".encode())


def _primary(port: int, flags: str) -> list[str]:
    known = {"name": f"queue-{port}", "ip": "127.0.0.1", "port": port, "flags": flags}
    known |= {"num-slaves": 1, "num-other-sentinels": 2, "quorum": 2}
    return [str(each) for pair in known.items() for each in pair]


def _encoded(value: object) -> bytes:
    if isinstance(value, list):
        return b"*%d\r\n" % len(value) + b"".join(map(_encoded, value))
    text = str(value).encode()
    return b"$%d\r\n%s\r\n" % (len(text), text)


def nobody() -> Place:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return Place(taken.getsockname()[1])


def test_commands_go_to_the_server_that_a_sentinel_names(serve: Serve, scope: Build) -> None:
    declared, replica = serve(counts(1)), serve(counts(2))
    sentinel = Place(serve(says(replica.port)).port)
    place = Place(declared.port, replicas={"r1": Place(replica.port)}, sentinels={"s1": sentinel})

    assert ObserveRedis(scope(redis=place)).read("DBSIZE") == 2
    assert declared.connections == 0


def test_the_declared_server_is_asked_by_its_host_whoever_is_the_primary(serve: Serve, scope: Build) -> None:
    declared, replica = serve(counts(1)), serve(counts(2))
    sentinel = Place(serve(says(replica.port)).port)
    place = Place(declared.port, replicas={"r1": Place(replica.port)}, sentinels={"s1": sentinel})
    facet = ObserveRedis(scope(redis=place))

    assert {name: facet.read("DBSIZE", at=name) for name in facet.servers} == {"redis.example.test": 1, "r1": 2}


def test_a_lost_connection_is_opened_where_the_primary_is_by_then(serve: Serve, scope: Build) -> None:
    named: list[int] = []

    def one_then_gone(connection: socket.socket) -> None:
        for reply in (OK, b":1\r\n"):
            connection.recv(65536)
            connection.sendall(reply)
        named[0] = replica.port

    def says_by_then(connection: socket.socket) -> None:
        says(named[0])(connection)

    declared, replica = serve(one_then_gone), serve(counts(2))
    named.append(declared.port)
    sentinel = Place(serve(says_by_then).port)
    place = Place(declared.port, replicas={"r1": Place(replica.port)}, sentinels={"s1": sentinel})
    facet = ObserveRedis(scope(redis=place))

    assert [facet.read("DBSIZE"), facet.read("DBSIZE")] == [1, 2]


def test_a_dead_sentinel_is_passed_over(serve: Serve, scope: Build) -> None:
    replica = serve(counts(2))
    sentinels = {"s1": nobody(), "s2": Place(serve(says(replica.port)).port)}
    place = Place(nobody().port, replicas={"r1": Place(replica.port)}, sentinels=sentinels)

    assert ObserveRedis(scope(redis=place)).read("DBSIZE") == 2


def test_without_any_sentinel_that_answers_the_declared_server_is_asked(serve: Serve, scope: Build) -> None:
    place = Place(serve(counts(1)).port, replicas={"r1": nobody()}, sentinels={"s1": nobody()})

    assert ObserveRedis(scope(redis=place)).read("DBSIZE") == 1


def test_a_primary_that_the_profile_does_not_name_is_a_failure(serve: Serve, scope: Build) -> None:
    place = Place(nobody().port, sentinels={"s1": Place(serve(says(7)).port)})

    with pytest.raises(
        Unanswered, match=r"s1 says that 127\.0\.0\.1:7 is the primary, which the profile does not name"
    ):
        ObserveRedis(scope(redis=place)).read("DBSIZE")


def test_what_a_sentinel_says_is_a_value(serve: Serve, scope: Build) -> None:
    replicas = (("slave", 100), ("slave", 0), ("s_down,slave,disconnected", 100))
    place = Place(1, sentinels={"s1": Place(serve(says(7, flags="s_down,master", replicas=replicas)).port)})

    seen = ObserveRedis(scope(redis=place)).sentinel("s1")

    assert seen.primary == "127.0.0.1:7"
    assert seen.flags == frozenset({"s_down", "master"})
    assert (seen.replicas, seen.fit, seen.others, seen.quorum) == (1, 1, 2, 2)


def test_a_sentinel_that_is_dead_or_watches_several_is_a_failure(serve: Serve, scope: Build) -> None:
    place = Place(1, sentinels={"s1": nobody(), "s2": Place(serve(says(7, 8)).port)})
    facet = ObserveRedis(scope(redis=place))

    with pytest.raises(Unanswered, match="connection refused"):
        facet.sentinel("s1")
    with pytest.raises(Unanswered, match="watches 2 primaries"):
        facet.sentinel("s2")


def test_an_unknown_sentinel_names_those_there_are(scope: Build) -> None:
    with pytest.raises(HarnessError, match=r"no redis server or sentinel 's9' \(there are: redis.example.test, s1\)"):
        ObserveRedis(scope(redis=Place(1, sentinels={"s1": Place(2)}))).sentinel("s9")
