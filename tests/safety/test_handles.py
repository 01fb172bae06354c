"""A check that wants more than it was granted: what its own process keeps from it.

Python hides nothing from code that runs in it. What holds even against that is privilege at the servers, and that the process
has no stronger credential; docs/observe.md says what is defended, and what is not.
"""

import os
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.environment import Arming, Environment
from seatrial.errors import HarnessError
from seatrial.facets.files import DestroyFiles
from seatrial.facets.platform import DestroyPlatform, DisruptPlatform
from seatrial.facets.tree import DestroyTree
from seatrial.impact import HANDLES, Destroy, Disrupt, Exercise, Observe
from seatrial.outcome import Level
from tests.harness.bench import Bench
from tests.safety.conftest import Build, FakePlatform

UNARMED = "not armed"


@pytest.mark.parametrize("kind", [Disrupt, Destroy])
def test_no_handle_is_made_above_what_is_armed(build: Build, kind: type[Observe]) -> None:
    observe = Observe(build(), "a check")

    with pytest.raises(HarnessError, match=f"no handle for {kind.LEVEL}: {UNARMED}"):
        kind(observe._environment, "the same check")


@pytest.mark.parametrize("kind", [Exercise, Disrupt, Destroy])
def test_no_handle_is_made_above_what_the_profile_grants(build: Build, kind: type[Observe]) -> None:
    environment = build(max_impact="observe", more="")

    with pytest.raises(HarnessError, match="not granted"):
        kind(environment, "a check")


def test_every_level_has_a_handle_of_its_own_level() -> None:
    assert {level: kind.LEVEL for level, kind in HANDLES.items()} == {level: level for level in Level}


def test_a_stronger_facet_over_a_weaker_handle_strikes_nothing(
    build: Build, platform: tuple[FakePlatform, Path], tmp_path: Path
) -> None:
    (tmp_path / "kept").write_text("kept")
    for handle in (Observe(build(), "a check"), Exercise(build(), "a check")):
        scope = handle._scope
        refusal = f"no strike by a handle of {handle.LEVEL}"
        with pytest.raises(HarnessError, match=refusal):
            DisruptPlatform(scope).stop("api-1")
        with pytest.raises(HarnessError, match=refusal):
            DestroyPlatform(scope).lose_region()
        with pytest.raises(HarnessError, match=refusal):
            DestroyFiles(scope).hide(tmp_path / "kept")
        with pytest.raises(HarnessError, match=refusal):
            DestroyTree(scope).patch([])

    assert platform[0].acts == []
    assert (tmp_path / "kept").exists()
    assert not (tmp_path / "undo.jsonl").exists()


@pytest.mark.parametrize(("name", "value"), [("arming", Arming(Level.DESTROY)), ("profile", None), ("clients", {})])
def test_an_environment_does_not_become_a_stronger_one(build: Build, name: str, value: object) -> None:
    observe = Observe(build(), "a check")

    with pytest.raises(FrozenInstanceError):
        setattr(observe._environment, name, value)


def test_a_stronger_password_is_not_read_by_the_profiles_own_reference(build: Build) -> None:
    observe = Observe(build(), "a check")
    stronger = observe.profile.credentials["destroy"]["redis"].password

    for read in (observe.profile.secret, observe._environment.secret, observe._scope.secret):
        with pytest.raises(HarnessError, match="up to exercise"):
            read(stronger)
        with pytest.raises(HarnessError, match="not one of this profile's"):
            read("file:/etc/hostname")
    assert observe.profile.secret("file:redis-observer") == "value of redis-observer"
    assert list(observe._scope.held()) == ["file:redis-observer"]


def test_a_weaker_handle_of_an_armed_process_gets_the_weaker_password(build: Build) -> None:
    observe = Observe(build("destroy=here"), "a check")

    assert observe._scope.credentials("redis").user == "observer"
    with pytest.raises(HarnessError, match="no credential for postgres up to observe"):
        observe._scope.credentials("postgres")


def test_with_refuses_patched_away_there_is_still_no_stronger_password(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFETY_ADMIN", "an administrator's")
    environment = build()
    monkeypatch.setattr(Environment, "refuses", lambda *_: "")
    destroy = Destroy(environment, "a check")

    for component in ("redis", "postgres"):
        with pytest.raises(HarnessError, match="up to exercise"):
            destroy._scope.credentials(component)
    assert "SAFETY_ADMIN" not in os.environ


def test_an_environment_made_of_an_unarmed_one_reads_no_more_than_that(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFETY_ADMIN", "an administrator's")
    environment = replace(build(), arming=Arming(Level.DESTROY))

    for component in ("redis", "postgres"):
        with pytest.raises(HarnessError, match="up to exercise"):
            environment.credential(component, Level.DESTROY)


WIPED = """
import sys
from pathlib import Path
from seatrial.environment import Environment
from seatrial.profile import load
profile = load(Path(sys.argv[1]))
Environment(profile)
print([word for word in ("an administrator's", "an observer's") if word.encode() in Path("/proc/self/environ").read_bytes()])
"""


def test_the_kernel_shows_no_stronger_password_either(build: Build) -> None:
    file = build().profile.path
    file.write_text(file.read_text().replace("file:redis-observer", "env:SAFETY_OBSERVER"))
    given = {"SAFETY_ADMIN": "an administrator's", "SAFETY_OBSERVER": "an observer's"}

    done = subprocess.run(
        [sys.executable, "-c", WIPED, str(file)],
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.strip() == '["an observer\'s"]', done.stderr


HOSTILE = """
from seatrial.impact import Destroy

def hostile(number, attack):
    exec(f'''
@check("SAF-TC-{number:02}", severity=BLOCKER, component="port")
def test_{number}(observe, request):
    "Wants more."
    observe.tcp.connect("127.0.0.1", observe.target("port"))
    {attack}
''', globals())

@pytest.fixture
def sly(request):
    return request.getfixturevalue("destroy")

@pytest.fixture
def helped(destroy):
    return destroy

hostile(1, "request.getfixturevalue('destroy')")
hostile(2, "request.getfixturevalue('helped')")
hostile(3, "request.node.fixturenames.append('destroy'); request.getfixturevalue('destroy')")
hostile(4, "Destroy(observe._environment, 'x').source.patch([])")
hostile(5, "observe._environment.arming = None")
hostile(6, "request.config.option.arm = ['destroy=here']; Destroy(observe._environment, 'x')")
hostile(7, "list(__import__('seatrial.plugin').plugin._handles._handle(request, Destroy.LEVEL))")

@check("SAF-TC-08", severity=BLOCKER, component="port")
def test_8(observe, sly):
    '''Has a helper that asks for more.'''

@check("SAF-TC-09", severity=BLOCKER, component="port")
def test_9(observe):
    '''Asks for nothing more, in the same process, and is as good as ever.'''
    observe.tcp.connect("127.0.0.1", observe.target("port"))
"""


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One run of raw pytest over checks that want more."""
    bench = Bench(tmp_path_factory.mktemp("hostile"), 9)
    bench.profile('max_impact = "destroy"')
    bench.suite(HOSTILE, "safety/test_more.py")
    names = "".join(
        f'SAF-TC-{number:02} = {{ file = "safety/test_more.py", test = "test_{number}", severity = "blocker", level = "observe" }}\n'
        for number in range(1, 10)
    )
    (bench.folder / "suites/expected.toml").write_text(names)
    return bench.pytest()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "destroy asked for at run time"),
        (2, "destroy asked for at run time"),
        (3, UNARMED),
        (4, UNARMED),
        (5, "cannot assign to field 'arming'"),
        (6, UNARMED),
        (7, "destroy asked for at run time"),
        (8, "destroy asked for at run time"),
    ],
)
def test_a_check_that_helps_itself_has_measured_nothing(hostile_run: Any, number: int, words: str) -> None:
    assert hostile_run.outcome(f"SAF-TC-{number:02}") == "INVALID", hostile_run.output
    assert words in hostile_run.reason(f"SAF-TC-{number:02}")


def test_its_neighbour_is_measured_all_the_same_and_the_run_is_no_verdict(hostile_run: Any) -> None:
    assert hostile_run.outcome("SAF-TC-09") == "PASSED", hostile_run.output
    assert hostile_run.code == 2
