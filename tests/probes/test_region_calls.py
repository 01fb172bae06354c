"""A region lost and rebuilt, as the harness asks for it: control calls, and the platform's own command."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial import hosting
from seatrial.errors import EnvironmentFault
from seatrial.facets.platform import DestroyPlatform
from seatrial.inverses import invert
from seatrial.outcome import Level
from seatrial.platform import PlatformClient
from seatrial.profile import PlatformSection, Profile
from seatrial.scope import Scope
from tests.probes.fake_platform import FakePlatform, client, platform

__all__ = ["client", "platform"]

Build = Callable[..., Scope]
# Writes down what it was called with, and whether its lifeline is open.
COMMAND = """
import os, stat, sys
words = sys.argv[1:]
pipe = "--lifeline" in words and stat.S_ISFIFO(os.fstat(int(words[words.index("--lifeline") + 1])).st_mode)
open("calls", "a").write(f"{words[0]} {pipe}\\n")
if words[0] == "rebuild" and os.path.exists("broken"):
    sys.exit("    a line of a log\\nrebuild: the plan lacks secret links\\nand more")
"""


@pytest.fixture
def command(tmp_path: Path) -> tuple[str, ...]:
    return (sys.executable, "-c", COMMAND)


def called(tree: Path) -> list[str]:
    path = tree / "calls"
    return path.read_text().splitlines() if path.exists() else []


def places(tmp_path: Path, command: tuple[str, ...], socket: Path) -> dict[str, object]:
    return {"platform_socket": socket, "platform_command": command, "tree": tmp_path, "state": tmp_path / "state"}


def test_a_region_is_lost_after_its_inverse_was_logged_and_nothing_of_it_is_waited_out(
    platform: tuple[FakePlatform, Path], scope: Build, tmp_path: Path, command: tuple[str, ...]
) -> None:
    fake, socket = platform
    logged: list[str] = []

    def undo(name: str, _args: dict[str, object]) -> None:
        assert fake.acts == []
        logged.append(name)

    built = scope(Level.DESTROY, undo=undo, **places(tmp_path, command, socket))
    DestroyPlatform(built).lose_region()
    assert logged == ["platform.region"]
    assert fake.acts == [("lose_region", {})]
    assert called(tmp_path) == ["down False"]


def test_a_region_that_is_whole_is_left_alone(
    platform: tuple[FakePlatform, Path], scope: Build, tmp_path: Path, command: tuple[str, ...]
) -> None:
    _, socket = platform
    invert("platform.region", {}, scope(Level.DESTROY, **places(tmp_path, command, socket)))
    assert called(tmp_path) == []


def test_a_region_that_is_gone_or_half_there_is_ended_and_started(
    platform: tuple[FakePlatform, Path], scope: Build, tmp_path: Path, command: tuple[str, ...]
) -> None:
    fake, socket = platform
    invert("platform.region", {}, scope(Level.DESTROY, **places(tmp_path, command, tmp_path / "nobody.sock")))
    half = fake.answer("status", {})[1].replace(b'"ready": true', b'"ready": false')
    assert half != fake.answer("status", {})[1]
    fake.answers["status"] = (200, half)
    invert("platform.region", {}, scope(Level.DESTROY, **places(tmp_path, command, socket)))
    assert called(tmp_path) == ["down False", "up False"] * 2


def test_a_rebuild_that_fails_says_the_line_of_the_command(
    scope: Build, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "broken").touch()
    built = scope(Level.DESTROY, **places(tmp_path, command, tmp_path / "nobody.sock"))
    with pytest.raises(EnvironmentFault, match=r"^rebuild: the plan lacks secret links$"):
        DestroyPlatform(built).rebuild()


def test_what_is_rebuilt_holds_the_lifeline_of_whoever_booted(
    scope: Build, tmp_path: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    section = PlatformSection(command=command, socket=tmp_path / "nobody.sock", state=tmp_path / "state")
    profile = Profile.model_construct(path=tmp_path / "p.toml", name="tiny", platform=section, tree=tmp_path)
    built = scope(Level.DESTROY, **places(tmp_path, command, tmp_path / "nobody.sock"))
    with hosting.booted(profile, alone=True):
        DestroyPlatform(built).rebuild()
    DestroyPlatform(built).rebuild()
    assert called(tmp_path) == ["up True", "rebuild True", "down False", "rebuild False"]


def test_the_plan_is_read_and_made_whole_again(
    platform: tuple[FakePlatform, Path], client: PlatformClient, scope: Build
) -> None:
    fake, socket = platform
    fake.answers["plan"] = fake.say(secrets=["jwt"], buckets=["masters"], current=False)
    assert (client.plan().secrets, client.plan().buckets, client.plan().current) == (("jwt",), ("masters",), False)
    logged: list[str] = []
    built = scope(Level.DESTROY, undo=lambda name, _: logged.append(name), platform_socket=socket)
    DestroyPlatform(built).keep(["jwt"], hold=True)
    invert(logged[0], {}, built)
    asked = [("keep", {"without": ["jwt"], "hold": True}), ("keep", {"without": [], "hold": False})]
    assert fake.acts == asked
