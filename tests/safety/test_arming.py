"""Arming the wrong environment, or by another way than the call itself."""

from pathlib import Path

import pytest

from seatrial import cli, hosting
from seatrial.environment import Arming
from seatrial.errors import UsageError
from seatrial.outcome import Level
from seatrial.profile import find, load
from tests.harness.bench import OPEN, Bench
from tests.safety.conftest import CREDENTIALS, Build, FakePlatform


def test_the_environment_is_armed_by_its_own_name_alone(build: Build) -> None:
    profile = build().profile

    assert Arming.parse(["destroy=here"], profile).level is Level.DESTROY
    assert Arming.parse(["disrupt=here", "destroy=here"], profile).level is Level.DESTROY
    assert Arming.parse(["destroy=here", "disrupt=here"], profile).level is Level.DESTROY
    assert Arming.parse([], profile).level is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("destroy=staging", "this profile's environment is 'here', not 'staging'"),
        ("destroy=HERE", "not 'HERE'"),
        ("destroy=here ", "not 'here '"),
        ("destroy= here", "not ' here'"),
        ("destroy=here\n", r"not 'here\n'"),
        ("destroy=h\u0435re", r"not 'h\u0435re'"),
        ("destroy=here\u200b", r"not 'here\u200b'"),
        ("destroy=here=here", "not 'here=here'"),
        ("destroy=here.toml", "not 'here.toml'"),
        ("destroy=", "say which environment"),
        ("destroy", "say which environment"),
        ("=here", "unknown level ''"),
        ("DESTROY=here", "unknown level 'DESTROY'"),
        ("de\u017ftroy=here", r"unknown level 'de\u017ftroy'"),
        ("d\u0131srupt=here", r"unknown level 'd\u0131srupt'"),
        ("exercise=here", "only disrupt and destroy are armed"),
    ],
)
def test_a_name_that_is_nearly_right_arms_nothing(build: Build, text: str, words: str) -> None:
    for texts in ([text], ["disrupt=here", text], [text, "disrupt=here"]):
        with pytest.raises(UsageError) as refused:
            Arming.parse(texts, build().profile)
        assert words in str(refused.value)


def test_a_copy_or_a_link_of_a_profile_is_the_environment_that_it_names(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = build().profile.path
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/staging.toml").symlink_to(file)
    (tmp_path / "profiles/copy.toml").write_text(file.read_text())
    monkeypatch.chdir(tmp_path)

    for name in ("staging", "copy"):
        monkeypatch.setenv("SEATRIAL_PROFILE", name)
        profile = load(find(None))
        with pytest.raises(UsageError, match="environment is 'here'"):
            Arming.parse([f"destroy={name}"], profile)


def test_the_platform_says_whose_it_is_and_where(build: Build, platform: tuple[FakePlatform, Path]) -> None:
    fake, _ = platform
    profile = build().profile
    parts = {"ready": True, "release": "r1", "public_address": "127.0.0.1", "calls": [], "parts": []}
    parts |= {"declared_ports": [], "timings": {}}

    for more in ({"state": str(profile.state)}, {}):
        fake.answers["status"] = fake.say(environment="here", **parts, **more)
        assert hosting.is_up(profile)
    here = str(profile.state)
    for environment, state in (("staging", here), ("here", "/elsewhere"), ("h\u0435re", here)):
        fake.answers["status"] = fake.say(environment=environment, state=state, **parts)
        with pytest.raises(UsageError, match=r"this profile is of environment 'here' in .*, and at its socket answers"):
            hosting.is_up(profile)


def test_a_log_is_printed_without_the_secrets_that_can_be_read(
    build: Build, platform: tuple[FakePlatform, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = 'postgres = { user = "o", password = "file:nothing" }'
    build(more=CREDENTIALS.replace("[credentials.observe]", f"[credentials.observe]\n{missing}"))
    platform[0].answers["logs"] = platform[0].say(lines=["it says value of redis-observer", "it goes on"])

    assert cli.main(["logs", "api-1", "--profile", str(tmp_path / "here.toml")]) == 0

    assert capsys.readouterr().out == "it says [redacted]\nit goes on\n"


def test_a_variable_or_a_file_arms_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 9)
    bench.profile('max_impact = "destroy"')
    bench.suite(OPEN)

    run = bench.pytest("suites", env={"PYTEST_ADDOPTS": "--arm destroy=here"})

    assert (run.code, run.verdict) == (4, None), run.output
    assert "--arm destroy=here: arming is typed with the call" in run.output
