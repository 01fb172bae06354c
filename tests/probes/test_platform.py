import json
import socketserver
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from seatrial.errors import EnvironmentFault, HarnessError, Invalid
from seatrial.facets.platform import DestroyPlatform, DisruptPlatform, ExercisePlatform, ObservePlatform
from seatrial.inverses import INVERSES, invert
from seatrial.outcome import Level
from seatrial.platform import PlatformClient
from seatrial.platform_scan import OVERLAP, PIECE
from seatrial.scope import Scope
from tests.serving import serving

Build = Callable[..., Scope]
SECRET = "correct-horse-battery"


class FakePlatform:
    """The control protocol over one part, held in memory; `acts` is what was asked of it."""

    def __init__(self) -> None:
        self.part: dict[str, Any] = {
            "name": "api-1",
            "service": "api",
            "state": "ready",
            "pid": 7,
            "release": "r1",
            "settings": {},
        }
        self.release = "r1"
        self.count = 1
        self.acts: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.after_kill: list[dict[str, Any]] = []
        self.patched: list[str] = []
        self.primary = "pg-1"
        self.maintained = False
        self.full = False
        self.links: dict[str, str] = {}
        self.others = {
            "switchover": self.switchover,
            "link": self.link,
            "maintenance": self.maintenance,
            "rotate": self.rotate,
            "scan": self.scan,
            "disk": self.disk,
        }

    def answer(self, call: str, asked: dict[str, Any]) -> tuple[int, bytes]:
        if call in self.answers:
            return self.answers[call]
        if call == "status":
            if self.acts and self.after_kill:
                self.part |= self.after_kill.pop(0)
            return self.say(
                environment="local",
                ready=True,
                release=self.release,
                public_address="127.0.0.1",
                calls=["kill", "restart"],
                parts=[self.part | {"name": f"api-{number}"} for number in range(1, self.count + 1)],
                declared_ports=[],
                timings={},
                patched=self.patched,
            )
        if call == "cluster":
            return self.cluster()
        self.acts.append((call, asked))
        self.patched = [each["file"] for each in asked["patch"]] if call == "patch" else self.patched
        self.count = asked.get("count", self.count)
        if call == "restart":
            self.part |= {"settings": asked["settings"], "state": "ready"}
            self.part["release"] = asked.get("release", self.part["release"])
        elif call in {"stop", "pause", "start", "resume"}:
            self.part["state"] = {"stop": "stopped", "pause": "paused"}.get(call, "ready")
            self.part["pid"] = self.part["pid"] or 8
        elif call in {"deploy", "rollback", "canary"}:
            previous, self.part["release"] = self.release, asked.get("release", "r2")
            self.release = previous if call == "canary" else self.part["release"]
            return self.say(release=self.part["release"], previous=previous)
        elif call in self.others:
            return self.others[call](asked)
        return self.say(previous=1)

    def cluster(self) -> tuple[int, bytes]:
        members = [
            {"name": name, "role": role, "state": "streaming", "timeline": 3, "nofailover": False}
            for name, role in ((self.primary, "primary"), ("api-1", "sync_standby"))
        ]
        return self.say(primary=self.primary, maintenance=self.maintained, members=members)

    def switchover(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        previous, self.primary = self.primary, asked["to"]
        return self.say(primary=self.primary, previous=previous, seconds=1.5)

    def link(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        self.links[asked["part"]] = asked["mode"]
        return self.say(**asked, sockets=3)

    def maintenance(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        self.maintained = asked["on"]
        return self.say(on=self.maintained)

    def rotate(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        return self.say(secret=asked["secret"], rotating=asked["step"] == "begin", seconds=0.1)

    def disk(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        self.full = asked.get("full", self.full)
        place = {"part": "api-1", "size_bytes": 9, "free_bytes": 0, "full": self.full, "files": ["a", "b"]}
        return self.say(**place) if asked else self.say(places=[place])

    def scan(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        """Look for the one secret that this platform has."""
        texts = asked.get("texts", {})
        seen = {"kind": "texts", "name": "one", "form": "as it is", "times": 1}
        return self.say(
            secrets=1,
            looked={"texts": {"places": len(texts), "bytes": sum(map(len, texts.values()))}},
            found=[{**seen, "place": name} for name, text in texts.items() if SECRET in text],
            canaries=[],
        )

    @staticmethod
    def say(**data: Any) -> tuple[int, bytes]:
        return 200, json.dumps(data).encode()


class _UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[tuple[FakePlatform, Path]]:
    fake = FakePlatform()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            status, body = fake.answer(self.path.split("?")[0].removeprefix("/v1/"), asked)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - http.server calls them by these names

        def log_message(self, *_: object) -> None: ...

    path = tmp_path / "control.sock"
    with serving(_UnixServer(str(path), Handler)):
        yield fake, path


@pytest.fixture
def client(platform: tuple[FakePlatform, Path]) -> Iterator[PlatformClient]:
    made = PlatformClient(platform[1])
    yield made
    made.close()


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


STRIKES: list[tuple[str, Callable[[DisruptPlatform], object]]] = [
    ("restart", lambda it: it.restart("api-1", {"LOG_LEVEL": "debug"}, release="r0")),
    ("stop", lambda it: it.stop("api-1")),
    ("pause", lambda it: it.pause("api-1")),
    ("scale", lambda it: it.scale("api", 3)),
    ("deploy", lambda it: it.deploy([{"file": "a.py", "find": "x", "replace": "y"}], ["api"])),
    ("canary", lambda it: it.canary(["api-1"])),
]


@pytest.mark.parametrize(("name", "strike"), STRIKES, ids=[name for name, _ in STRIKES])
def test_a_strike_is_logged_before_it_acts_and_its_inverse_acts_once(
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
    assert len(fake.acts) == 2


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


def test_the_history_is_typed(platform: tuple[FakePlatform, Path], client: PlatformClient) -> None:
    change = {"at": "2026-11-01T00:00:00Z", "release": "r2", "previous": "r1", "by": "deploy", "outcome": "rolled back"}
    fake = platform[0]
    fake.answers["releases"] = fake.say(changes=[change | {"reason": "api-3: not ready", "seconds": 4.5}])

    assert [(each.release, each.reason, each.seconds) for each in client.releases()] == [
        ("r2", "api-3: not ready", 4.5)
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


def test_a_part_that_is_kept_down_is_started_once(platform: tuple[FakePlatform, Path], scope: Build) -> None:
    fake, path = platform
    log: list[tuple[str, dict[str, Any]]] = []
    inside = scope(Level.DESTROY, undo=lambda *entry: log.append(entry), platform_socket=path)
    DisruptPlatform(inside).kill("api-1", stay_down=True)
    fake.part["state"] = "stopped"
    for _ in range(2):
        invert(*log[0], inside)
    assert fake.acts[0] == ("kill", {"part": "api-1", "signal": "KILL", "stay_down": True})
    assert [act for act, _ in fake.acts] == ["kill", "start"]


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
    assert [body for _, body in fake.acts] == [
        {"secret": "jwt", "step": "begin"},
        {"secret": "jwt", "step": "complete"},
        {"secret": "jwt", "step": "complete"},
    ]


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
    assert fake.acts == []
    invert(*log[0], inside)
    assert [body["step"] for _, body in fake.acts] == ["begin", "complete"]


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
