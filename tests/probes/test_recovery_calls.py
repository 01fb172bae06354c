"""The calls by which a check restores: what is asked, and what an answer is read as."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.errors import EnvironmentFault, HarnessError
from seatrial.facets.platform import ExercisePlatform
from seatrial.facets.s3 import DestroyS3
from seatrial.inverses import invert
from seatrial.outcome import Level
from seatrial.platform import PlatformClient
from seatrial.scope import Scope
from tests.probes.conftest import Serve, answering
from tests.probes.fake_platform import FakePlatform, client, platform
from tests.probes.test_s3 import Place, xml

__all__ = ["client", "platform"]

Build = Callable[..., Scope]
MOMENT = dt.datetime(2026, 1, 31, 13, 4, tzinfo=dt.UTC)
SERVER = {
    "id": "scratch-1",
    "host": "127.0.0.1",
    "port": 1,
    "dbname": "d",
    "user": "u",
    "password_file": "/p",
    "backup": "b",
    "ended": "2026-01-31T12:00:00+00:00",
    "cluster": "7",
    "timeline": 2,
    "segment": None,
    "lsn": "0/1",
    "at": None,
    "seconds": {"fetch": 1.0, "recover": 2.0},
}


def test_a_restore_names_its_moment_and_gives_the_server_with_how_far_it_went(
    platform: tuple[FakePlatform, Path], client: PlatformClient
) -> None:
    fake, _ = platform
    fake.answers["restore"] = fake.say(**SERVER)
    found = client.restore("b", MOMENT)
    assert (found.scratch.id, found.scratch.password_file, found.at) == ("scratch-1", Path("/p"), None)
    assert found.ended == dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
    assert sum(found.seconds.values()) == 3.0


def test_an_answer_that_does_not_say_how_far_it_went_is_the_environments_fault(
    platform: tuple[FakePlatform, Path], client: PlatformClient
) -> None:
    fake, _ = platform
    fake.answers["restore"] = fake.say(**{name: value for name, value in SERVER.items() if name != "lsn"})
    with pytest.raises(EnvironmentFault, match="lacks 'lsn'"):
        client.restore()


def test_the_log_is_archived_up_to_a_segment(platform: tuple[FakePlatform, Path], client: PlatformClient) -> None:
    fake, _ = platform
    fake.answers["archive"] = fake.say(segment="00000001000000000000000A", seconds=0.5)
    assert client.archive().segment == "00000001000000000000000A"


def test_only_objects_below_the_own_marker_are_brought_back(platform: tuple[FakePlatform, Path], scope: Build) -> None:
    fake, path = platform
    taken = {"key": "trial/seatrial-0123456789ab-x", "version": "v", "modified": MOMENT.isoformat(), "was": "deleted"}
    fake.answers["recover"] = fake.say(taken=[taken], unchanged=1, later=0)
    facet = ExercisePlatform(scope(Level.EXERCISE, platform_socket=path))
    found = facet.recover("b-masters", MOMENT, name="seatrial-0123456789ab")
    assert (dict(found.taken), found.unchanged) == ({"trial/seatrial-0123456789ab-x": "deleted"}, 1)
    with pytest.raises(HarnessError, match="is no marker"):
        facet.recover("b-masters", MOMENT, name="")


@pytest.mark.parametrize(("before", "after"), [("<Status>Enabled</Status>", b"Enabled"), ("", b"Suspended")])
def test_versioning_is_as_it_was_or_as_near_as_a_store_allows(
    serve: Serve, scope: Build, before: str, after: bytes
) -> None:
    log: list[tuple[str, dict[str, str]]] = []
    heard: list[bytes] = []
    now = xml(f"<VersioningConfiguration>{before}</VersioningConfiguration>")
    done = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    server = serve(answering(now, done, done, heard=heard))
    place = Place(f"http://{server.address}:{server.port}")
    struck = scope(Level.DESTROY, undo=lambda *entry: log.append(entry), s3=place)
    DestroyS3(struck).set_versioning("masters", enabled=False)
    assert (log[0][0], b"Suspended" in heard[1]) == ("s3.version", True)
    invert(*log[0], struck)
    assert after in heard[2]
