import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial.errors import EnvironmentFault, HarnessError, Invalid
from seatrial.facets.platform import DestroyPlatform, DisruptPlatform, ObservePlatform
from seatrial.inverses import INVERSES, invert
from seatrial.outcome import Level
from seatrial.platform import PlatformClient
from seatrial.scope import Scope
from tests.probes.fake_platform import FakePlatform, client, platform

Build = Callable[..., Scope]
__all__ = ["client", "platform"]  # fixtures


STRIKES: list[tuple[str, Callable[[DisruptPlatform], object]]] = [
    ("restart", lambda it: it.restart("api-1", {"LOG_LEVEL": "debug"}, release="r0")),
    ("stop", lambda it: it.stop("api-1")),
    ("pause", lambda it: it.pause("api-1")),
    ("scale", lambda it: it.scale("api", 3)),
    ("deploy", lambda it: it.deploy([{"file": "a.py", "find": "x", "replace": "y"}], ["api"])),
    ("canary", lambda it: it.canary(["api-1"])),
]
# What is taken back by a change that the platform makes behind the struck one, whatever it says meanwhile.
UNDONE_BY = {
    "restart": "restart",
    "stop": "start",
    "scale": "scale",
    "deploy": "rollback",
    "canary": "rollback",
}


@pytest.mark.parametrize(("name", "strike"), STRIKES, ids=[name for name, _ in STRIKES])
def test_a_strike_is_logged_before_it_acts_and_taken_back_however_often_that_is_asked(
    platform: tuple[FakePlatform, Path], scope: Build, name: str, strike: Callable[[DisruptPlatform], object]
) -> None:
    fake, path = platform
    log: list[tuple[str, dict[str, Any], int]] = []
    before = dict(fake.part), fake.release, fake.count

    def undo(do: str, args: dict[str, Any]) -> None:
        log.append((do, json.loads(json.dumps(args)), len(fake.acts)))

    inside = scope(Level.DESTROY, undo=undo, platform_socket=path)
    strike(DisruptPlatform(inside))
    assert [act for act, _ in fake.acts] == [name]
    (do, args, acts_when_logged) = log[0]
    assert acts_when_logged == 0
    for _ in range(2):
        invert(do, args, inside)
    assert (dict(fake.part), fake.release, fake.count) == before


@pytest.mark.parametrize(
    ("strike", "asked"),
    [
        (lambda it: it.deploy([{"file": "a.py", "find": "x", "replace": "y"}]), []),
        (lambda it: it.canary(["api-1"]), []),
        (lambda it: it.deploy_built("r0"), []),
        (lambda it: it.restart("api-1", {}, release="r0"), [("restart", {"part": "api-1", "settings": {}})]),
    ],
    ids=["deploy", "canary", "deploy_built", "restart"],
)
def test_an_environment_that_was_started_anew_is_not_put_on_the_release_of_before(
    platform: tuple[FakePlatform, Path],
    scope: Build,
    strike: Callable[[DisruptPlatform], object],
    asked: list[tuple[str, dict[str, Any]]],
) -> None:
    """The strike ended with what was stopped, and what was started is of the tree of then."""
    fake, path = platform
    log: list[tuple[str, dict[str, Any]]] = []
    inside = scope(Level.DESTROY, undo=lambda *entry: log.append(entry), platform_socket=path)
    strike(DisruptPlatform(inside))
    fake.acts.clear()
    fake.release = fake.part["release"] = "r9"
    fake.change("up")

    invert(*log[0], inside)

    assert (fake.release, fake.part["release"], fake.acts) == ("r9", "r9", asked)


def test_a_record_that_does_not_name_the_newest_change_is_undone(
    platform: tuple[FakePlatform, Path], scope: Build
) -> None:
    invert("platform.rollback", {"release": "r0", "at_once": True}, scope(Level.DESTROY, platform_socket=platform[1]))

    assert platform[0].release == "r0"


def test_scaling_back_to_the_first_count_is_undone_by_nothing_more(
    platform: tuple[FakePlatform, Path], scope: Build
) -> None:
    fake, path = platform
    log: list[dict[str, Any]] = []
    inside = scope(Level.DESTROY, undo=lambda _, args: log.append(args), platform_socket=path)
    handle = DisruptPlatform(inside)
    first = fake.count

    for count in (first + 1, first, first + 2):
        handle.scale("api", count)

    assert [each["count"] for each in log] == [first, first]


@pytest.mark.parametrize(
    "strike",
    [
        lambda it: it.restart("api-1"),
        lambda it: it.stop("api-1"),
        lambda it: it.kill("api-1", stay_down=True),
        lambda it: it.pause("api-1"),
        lambda it: it.kill("api-1"),
        lambda it: it.link("api-1", "partition"),
        lambda it: it.link("api-1", "loss"),
    ],
    ids=["restart", "stop", "lost", "pause", "kill", "cut", "lossy"],
)
def test_a_primary_gets_its_role_back_after_everything_else(
    platform: tuple[FakePlatform, Path], scope: Build, strike: Callable[[DisruptPlatform], object]
) -> None:
    fake, path = platform
    fake.part["role"] = "primary"
    log: list[tuple[str, dict[str, Any]]] = []
    inside = scope(Level.DESTROY, undo=lambda *entry: log.append(entry), platform_socket=path)
    strike(DisruptPlatform(inside))

    assert log[0] == ("platform.primary", {"part": "api-1"}), "replayed last, since the newest comes first"
    assert len(log) == 2
    invert(*log[0], inside)
    assert fake.acts[-1] == ("switchover", {"to": "api-1"})


def test_a_filled_disk_gets_its_room_back_however_often_that_is_asked(
    platform: tuple[FakePlatform, Path], scope: Build
) -> None:
    fake, path = platform
    log: list[tuple[str, dict[str, Any], bool]] = []
    inside = scope(Level.DESTROY, undo=lambda do, args: log.append((do, args, fake.full)), platform_socket=path)
    DisruptPlatform(inside).fill("api-1")
    assert log == [("platform.disk", {"part": "api-1"}, False)], "written down before it acts"
    assert DisruptPlatform(inside).disks()["api-1"].full
    for _ in range(2):
        invert(*log[0][:2], inside)
    place = DisruptPlatform(inside).disks()["api-1"]
    assert (place.full, place.free_bytes, place.files) == (False, 0, frozenset({"a", "b"}))


def test_a_part_that_is_to_stay_down_is_started_by_the_inverse(
    platform: tuple[FakePlatform, Path], scope: Build
) -> None:
    fake, path = platform
    log: list[str] = []
    facet = DisruptPlatform(scope(Level.DESTROY, undo=lambda do, _: log.append(do), platform_socket=path))
    facet.kill("api-1", stay_down=True)
    assert fake.acts == [("kill", {"part": "api-1", "signal": "KILL", "stay_down": True})]
    assert log == ["platform.start"]


def test_a_struck_link_is_opened_by_an_inverse_that_was_logged_before(
    platform: tuple[FakePlatform, Path], scope: Build
) -> None:
    fake, path = platform
    log: list[tuple[str, dict[str, Any], dict[str, str]]] = []
    inside = scope(Level.DESTROY, undo=lambda *entry: log.append((*entry, dict(fake.links))), platform_socket=path)
    DisruptPlatform(inside).link("api-1", "latency")
    assert log == [("platform.open", {"part": "api-1"}, {})]
    assert fake.links == {"api-1": "latency"}
    for _ in range(2):
        invert(log[0][0], log[0][1], inside)
    assert fake.links == {"api-1": "open"}


def test_a_rollback_goes_only_to_where_the_undo_of_a_deploy_would(
    platform: tuple[FakePlatform, Path], scope: Build
) -> None:
    fake, path = platform
    facet = DisruptPlatform(scope(Level.DESTROY, undo=lambda *_: None, platform_socket=path))
    with pytest.raises(HarnessError, match="nothing was deployed over release r1"):
        facet.rollback("r1")
    facet.deploy(settings={"api": {"LEVEL": "2"}})

    facet.rollback("r1")

    assert fake.acts == [
        ("deploy", {"patch": [], "settings": {"api": {"LEVEL": "2"}}}),
        ("rollback", {"release": "r1"}),
    ]


def test_a_killed_part_is_waited_for_and_started_where_it_stays_down(
    platform: tuple[FakePlatform, Path], scope: Build
) -> None:
    fake, path = platform
    log: list[tuple[str, dict[str, Any]]] = []
    inside = scope(Level.DESTROY, undo=lambda *entry: log.append(entry), platform_socket=path)
    DisruptPlatform(inside).kill("api-1")
    fake.after_kill = [{"state": "ready"}, {"state": "failed", "pid": None}]
    for _ in range(2):
        invert(*log[0], inside)
    assert [act for act, _ in fake.acts] == ["kill", "start"]
    assert (fake.part["state"], fake.part["pid"]) == ("ready", 8)


@pytest.mark.parametrize(
    ("name", "strike", "back"),
    [(name, strike, back) for name, strike in STRIKES if (back := UNDONE_BY.get(name))],
    ids=UNDONE_BY,
)
def test_a_strike_that_was_cut_off_is_taken_back_though_the_platform_shows_nothing_of_it_yet(
    platform: tuple[FakePlatform, Path],
    scope: Build,
    name: str,
    strike: Callable[[DisruptPlatform], object],
    back: str,
) -> None:
    fake, path = platform
    log: list[tuple[str, dict[str, Any]]] = []
    before = dict(fake.part), fake.release, fake.count
    inside = scope(Level.DESTROY, undo=lambda *entry: log.append(entry), platform_socket=path)
    strike(DisruptPlatform(inside))
    fake.part, fake.release, fake.count = before  # as it says until it has built, drained or ended what runs
    invert(*log[0], inside)
    assert [act for act, _ in fake.acts] == [name, back]


def test_a_part_that_is_kept_down_is_started(platform: tuple[FakePlatform, Path], scope: Build) -> None:
    fake, path = platform
    log: list[tuple[str, dict[str, Any]]] = []
    inside = scope(Level.DESTROY, undo=lambda *entry: log.append(entry), platform_socket=path)
    DisruptPlatform(inside).kill("api-1", stay_down=True)
    fake.part["state"] = "stopped"
    for _ in range(2):
        invert(*log[0], inside)
    assert fake.acts[0] == ("kill", {"part": "api-1", "signal": "KILL", "stay_down": True})
    assert [act for act, _ in fake.acts] == ["kill", "start", "start"]


@pytest.mark.parametrize("strike", ["stop", "pause", "restart", "kill", "lose"])
def test_whoever_was_the_primary_is_that_again_once_all_newer_inverses_have_run(
    platform: tuple[FakePlatform, Path], scope: Build, strike: str
) -> None:
    fake, path = platform
    fake.part["role"], fake.primary = "primary", "api-1"
    log: list[tuple[str, dict[str, Any]]] = []
    inside = scope(Level.DESTROY, undo=lambda *entry: log.append(entry), platform_socket=path)
    getattr(DestroyPlatform(inside), strike)("api-1")
    fake.primary = "pg-2"
    assert log[0] == ("platform.primary", {"part": "api-1"})
    assert len(log) == 2
    fake.part["role"] = None  # nobody else is waited for
    for _ in range(2):
        invert(*log[0], inside)
    assert fake.primary == "api-1"


def test_a_switchover_is_taken_back_and_waits_for_the_others(platform: tuple[FakePlatform, Path], scope: Build) -> None:
    fake, path = platform
    fake.part["role"] = "standby"
    log: list[tuple[str, dict[str, Any]]] = []
    inside = scope(Level.DESTROY, undo=lambda *entry: log.append(entry), platform_socket=path)
    moved = DisruptPlatform(inside).switchover("api-1")
    assert (moved.primary, moved.previous) == ("api-1", "pg-1")
    invert(*log[0], inside)
    assert fake.primary == "pg-1"
    assert ObservePlatform(inside).cluster().in_sync("api-1")


def test_maintenance_is_ended(platform: tuple[FakePlatform, Path], scope: Build) -> None:
    log: list[tuple[str, dict[str, Any]]] = []
    inside = scope(Level.DESTROY, undo=lambda *entry: log.append(entry), platform_socket=platform[1])
    facet = DisruptPlatform(inside)
    facet.maintenance()
    assert facet.cluster().maintenance
    for _ in range(2):
        invert(*log[0], inside)
    assert not facet.cluster().maintenance


def test_a_patch_of_the_source_is_seen_and_taken_back(platform: tuple[FakePlatform, Path], scope: Build) -> None:
    log: list[tuple[str, dict[str, Any]]] = []
    inside = scope(Level.DESTROY, undo=lambda *entry: log.append(entry), platform_socket=platform[1])
    facet = DisruptPlatform(inside)

    facet.patch([{"file": "a.py", "find": "x", "replace": "y"}])
    patched = facet.status().patched
    for _ in range(2):
        invert(*log[0], inside)

    assert patched == ("a.py",)
    assert facet.status().patched == ()


def test_what_a_rotation_leaves_behind_is_completed(platform: tuple[FakePlatform, Path], scope: Build) -> None:
    fake, path = platform
    log: list[tuple[str, dict[str, Any]]] = []
    inside = scope(Level.DESTROY, undo=lambda *entry: log.append(entry), platform_socket=path)
    assert DisruptPlatform(inside).rotate("jwt").rotating
    for _ in range(2):
        invert(*log[0], inside)
    assert [body["step"] for _, body in fake.acts] == ["begin", "complete", "complete"]
    assert not fake.rotating


def test_a_rotation_that_somebody_else_has_begun_is_not_ended(
    platform: tuple[FakePlatform, Path], scope: Build, client: PlatformClient
) -> None:
    log: list[tuple[str, dict[str, Any]]] = []
    inside = scope(Level.DESTROY, undo=lambda *entry: log.append(entry), platform_socket=platform[1])
    client.rotate("jwt", "begin")
    with pytest.raises(EnvironmentFault, match="has begun already"):
        DisruptPlatform(inside).rotate("jwt")
    invert(*log[0], inside)
    with pytest.raises(Invalid, match="a rotation of jwt is under way: retire it first"):
        DisruptPlatform(inside).expose("jwt")
    assert len(log) == 1
    assert platform[0].rotating


def test_a_moved_clock_is_set_right(platform: tuple[FakePlatform, Path], scope: Build) -> None:
    fake, path = platform
    log: list[tuple[str, dict[str, Any], int]] = []
    inside = scope(Level.DESTROY, undo=lambda do, args: log.append((do, args, len(fake.acts))), platform_socket=path)
    DisruptPlatform(inside).clock("api-1", -4)
    assert log == [("platform.clock", {"part": "api-1"}, 0)]
    for _ in range(2):
        invert(*log[0][:2], inside)
    assert fake.acts == [("clock", {"part": "api-1", "seconds": each}) for each in (-4, 0, 0)]


def test_a_secret_that_will_get_out_is_replaced_afterwards(platform: tuple[FakePlatform, Path], scope: Build) -> None:
    fake, path = platform
    log: list[tuple[str, dict[str, Any]]] = []
    inside = scope(Level.DESTROY, undo=lambda *entry: log.append(entry), platform_socket=path)
    DisruptPlatform(inside).expose("redis-api")
    fake.acts.clear()
    invert(*log[0], inside)
    fake.rotating = True  # as an undo that was cut off between its steps leaves it
    invert(*log[0], inside)
    assert [body["step"] for _, body in fake.acts] == ["complete", "begin", "complete"] * 2
    assert not fake.rotating


def test_an_inverse_that_did_not_bring_the_part_back_says_so(platform: tuple[FakePlatform, Path], scope: Build) -> None:
    fake, path = platform
    fake.answers["restart"] = fake.say(ready=False, state="starting")
    args = {"part": "api-1", "settings": {"A": "b"}, "release": None}
    with pytest.raises(EnvironmentFault, match="api-1 did not become ready"):
        invert("platform.restart", args, scope(Level.DESTROY, platform_socket=path))


@pytest.mark.parametrize(
    "strike",
    [lambda it: it.kill("api-1"), lambda it: it.certificate("api-1", days=0), lambda it: it.rotate("jwt")],
    ids=["kill", "certificate", "rotate"],
)
def test_a_strike_on_what_heals_itself_is_logged_too(
    platform: tuple[FakePlatform, Path], scope: Build, strike: Callable[[DisruptPlatform], object]
) -> None:
    log: list[str] = []
    strike(DisruptPlatform(scope(Level.DISRUPT, undo=lambda do, _: log.append(do), platform_socket=platform[1])))
    assert log
    assert set(log) <= set(INVERSES)


def test_a_proper_certificate_needs_no_inverse_and_is_that_of_any_other_one(
    platform: tuple[FakePlatform, Path], scope: Build
) -> None:
    fake, path = platform
    log: list[tuple[str, dict[str, Any]]] = []
    inside = scope(Level.DISRUPT, undo=lambda *entry: log.append(entry), platform_socket=path)
    DisruptPlatform(inside).renew("ingress")
    assert log == []
    DisruptPlatform(inside).certificate("ingress", lost=True)
    invert(*log[0], inside)
    assert [body for _, body in fake.acts] == [
        {"part": "ingress"},
        {"part": "ingress", "lost": True},
        {"part": "ingress"},
    ]


def test_nothing_is_struck_when_the_undo_log_cannot_be_written(
    platform: tuple[FakePlatform, Path], scope: Build
) -> None:
    def full(*_: object) -> None:
        raise EnvironmentFault("the undo log cannot be written: No space left on device")

    facet = DisruptPlatform(scope(Level.DISRUPT, undo=full, platform_socket=platform[1]))
    for _, strike in STRIKES:
        with pytest.raises(EnvironmentFault, match="undo log"):
            strike(facet)
    assert platform[0].acts == []


def test_an_unknown_inverse_names_those_there_are(scope: Build) -> None:
    with pytest.raises(HarnessError, match=r"no inverse is named 'redis.flush'.*redis.config_set"):
        invert("redis.flush", {}, scope())
