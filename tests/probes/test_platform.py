import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.errors import EnvironmentFault, Invalid
from seatrial.facets.platform import ExercisePlatform, ObservePlatform
from seatrial.outcome import Level
from seatrial.platform import PlatformClient
from seatrial.platform_scan import OVERLAP, PIECE
from seatrial.platform_socket import PlatformDown
from seatrial.scope import Scope
from tests.probes.fake_platform import SECRET, FakePlatform, client, platform

Build = Callable[..., Scope]
__all__ = ["client", "platform"]  # fixtures


def test_status_is_typed(client: PlatformClient) -> None:
    status = client.status()
    assert (status.release, status.part("api-1").state, status.instances("api")[0].name) == ("r1", "ready", "api-1")
    assert (client.offers("kill"), client.offers("clock")) == (True, False)
    with pytest.raises(EnvironmentFault, match=r"no part 'api-9'.*api-1"):
        status.part("api-9")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((409, b'{"error": "part is down"}'), "platform status: part is down"),
        ((500, b"Traceback"), "500, not a JSON object: 'Traceback'"),
        ((200, b"[]"), "not a JSON object"),
        ((200, b'{"environment": "local"}'), "the answer lacks 'ready'"),
    ],
)
def test_an_answer_outside_of_the_protocol_is_the_environments_fault(
    platform: tuple[FakePlatform, Path], client: PlatformClient, answer: tuple[int, bytes], words: str
) -> None:
    platform[0].answers["status"] = answer
    with pytest.raises(EnvironmentFault, match=words):
        client.status()


def test_a_platform_that_is_down_is_the_environments_fault(tmp_path: Path) -> None:
    client = PlatformClient(tmp_path / "none.sock")
    with pytest.raises(
        EnvironmentFault, match=r"platform status: No such file or directory \(.*none.sock\); is the platform up\?"
    ):
        client.status()
    client.close()


def test_a_platform_that_takes_nobody_any_more_is_the_environments_fault(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    client = PlatformClient(path)
    with socket.socket(socket.AF_UNIX) as full, socket.socket(socket.AF_UNIX) as first:
        full.bind(str(path))
        full.listen(0)
        first.connect(str(path))
        with pytest.raises(EnvironmentFault, match="platform status: Resource temporarily unavailable") as told:
            client.status()
    client.close()
    assert not isinstance(told.value, PlatformDown)


def test_a_scratch_server_that_is_gone_may_be_dropped(
    platform: tuple[FakePlatform, Path], client: PlatformClient
) -> None:
    platform[0].answers["scratch/s1"] = (404, b'{"error": "no scratch s1"}')
    client.drop_scratch("s1")


def test_a_scratch_server_is_moved_by_steps_and_the_live_one_by_none(
    platform: tuple[FakePlatform, Path], client: PlatformClient, scope: Build
) -> None:
    fake, _ = platform
    exercise = ExercisePlatform(scope(Level.EXERCISE, platform_socket=platform[1]))
    exercise.migrate("s1", 1)
    exercise.revert("s1")
    client.migrate()
    assert fake.acts == [
        ("migrate", {"database": "s1", "steps": 1}),
        ("migrate", {"database": "s1", "direction": "down", "steps": 1}),
        ("migrate", {}),
    ]


def test_a_profile_without_a_platform_offers_nothing(scope: Build) -> None:
    facet = ObservePlatform(scope())
    assert facet.offers("kill") is False
    with pytest.raises(Invalid, match="names no"):
        facet.status()


def test_the_history_is_typed(platform: tuple[FakePlatform, Path], client: PlatformClient) -> None:
    change = {"at": "2026-11-01T00:00:00Z", "release": "r2", "previous": "r1", "by": "deploy", "outcome": "rolled back"}
    fake = platform[0]
    fake.answers["releases"] = fake.say(changes=[change | {"reason": "api-3: not ready", "seconds": 4.5}])

    assert [(each.release, each.reason, each.seconds) for each in client.releases()] == [
        ("r2", "api-3: not ready", 4.5)
    ]


@pytest.mark.parametrize("before", [0, 1, PIECE - 5, PIECE, PIECE + 5, PIECE - OVERLAP, 3 * PIECE])
def test_a_secret_is_found_wherever_a_long_text_is_cut(
    platform: tuple[FakePlatform, Path], client: PlatformClient, before: int
) -> None:
    seen = client.scan({"short": "x", "long": "x" * before + SECRET + "x" * PIECE, "none": ""})
    assert {each.place.split(" ")[0] for each in seen.found} == {"long"}
    assert max(len("".join(asked["texts"].values())) for _, asked in platform[0].acts) <= PIECE
    assert seen.secrets == 1


def test_secrets_that_the_platform_does_not_know_are_named(platform: tuple[FakePlatform, Path], scope: Build) -> None:
    held = {"file:one": SECRET, "file:two": "unknown-to-it", "env:THREE": "somebody-elses"}
    inside = replace(scope(platform_socket=platform[1]), held=lambda: held)
    assert ObservePlatform(inside).unknown() == ["file:two"]
