"""The rules of SEC-SEC-01: which values are secrets, which are shared, and which profiles name the same place."""

import json
import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.secrecy.references import Reference
from seatrial.secrecy.strength import strength
from suites.security._strength import also_elsewhere, shared, weak
from suites.security.test_strength import KNOWN_BAD, KNOWN_GOOD
from suites.security.test_strength import (
    test_secrets_are_long_random_and_each_for_one_purpose as secrets_are_long_random_and_each_for_one_purpose,
)
from tests.checking import outcome

GOOD = strength("one", "one", KNOWN_GOOD, "nonce")


@pytest.mark.parametrize("value", [*KNOWN_BAD, "", "v3Kq0Zr9_TtG1mYx", "an-example-that-is-quite-long-yet-no-secret"])
def test_what_people_make_up_is_weak(value: str) -> None:
    assert weak(strength("x", "x", value, "nonce"))


def test_what_a_generator_makes_is_not() -> None:
    made = [make(size) for make in (secrets.token_urlsafe, secrets.token_hex) for size in (24, 32) for _ in range(50)]
    assert [weak(strength("x", "x", value, "nonce")) for value in made] == [[]] * len(made)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"length": 23}, "23 characters"),
        ({"guesses_log10": 19.9}, "10^19.9 attempts"),
        ({"published": "stands in README.md"}, "stands in README.md"),
    ],
)
def test_each_lack_is_told_apart(change: dict[str, object], words: str) -> None:
    assert weak(GOOD) == []
    (problem,) = weak(replace(GOOD, **change))  # type: ignore[arg-type]
    assert words in problem


def test_one_value_for_two_purposes_is_found_and_copies_for_one_are_not() -> None:
    copy = replace(GOOD, name="edge-1 LINK_KEYS")

    assert shared([GOOD, copy]) == []
    assert shared([GOOD, replace(copy, purpose="two")]) == ["edge-1 LINK_KEYS = one"]
    assert shared([GOOD, replace(copy, purpose="two", fingerprint="other")]) == []


def test_a_fingerprint_is_of_its_nonce_alone() -> None:
    assert GOOD.fingerprint == strength("two", "two", KNOWN_GOOD, "nonce").fingerprint
    assert GOOD.fingerprint != strength("one", "one", KNOWN_GOOD, "other").fingerprint
    assert KNOWN_GOOD not in repr(GOOD)


@pytest.mark.parametrize(
    ("own", "other", "same"),
    [
        ("file:../.state/a", "file:../x/../.state/a", True),
        ("file:../.state/a", "file:../.state/b", False),
        ("sops:secrets/a.yaml#k", "sops:./secrets/a.yaml#k", True),
        ("sops:secrets/a.yaml#k", "sops:secrets/a.yaml#l", False),
        ("env:TOKEN", "env:TOKEN", False),
        ("file:../.state/a", "file:{root}/.state/a", True),
        ("file:../.state/a", "file:../link/a", True),
    ],
)
def test_the_same_place_in_two_profiles(tmp_path: Path, own: str, other: str, same: bool) -> None:
    (tmp_path / ".state").mkdir()
    (tmp_path / "link").symlink_to(".state")
    there = Reference.parse(other.format(root=tmp_path))
    found = also_elsewhere([Reference.parse(own)], {"staging": [there]}, tmp_path / "profiles")

    assert found == ([f"{there} of staging"] if same else [])


def test_one_key_may_not_sign_the_verdicts_of_two_environments(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / f"{name}.toml").write_text(
            f'name = "{name}"\nmax_impact = "observe"\ntree = {json.dumps(str(tmp_path))}\n[urls]\n'
            '[targets]\nsecrets_judged = ["held by this process"]\n[verdict]\nkey = "file:key"\n'
        )

    assert "file:key of there" in outcome(tmp_path / "here.toml", secrets_are_long_random_and_each_for_one_purpose)[1]


def judged(folder: Path, password: str, target: str = "") -> tuple[str, str]:
    """Judge an environment without a platform, of which this process holds one secret."""
    (folder / "password").write_text(password)
    file = folder / "here.toml"
    file.write_text(
        f'name = "here"\nmax_impact = "observe"\ntree = {json.dumps(str(folder))}\n[urls]\n[targets]\n{target}\n'
        '[credentials.observe]\npostgres = { user = "observer", password = "file:password" }\n'
    )
    return outcome(file, secrets_are_long_random_and_each_for_one_purpose)


def test_secrets_of_a_platform_that_is_not_there_are_no_pass(tmp_path: Path) -> None:
    alone = 'secrets_judged = ["held by this process"]'

    assert judged(tmp_path, KNOWN_GOOD, alone) == ("PASSED", "")
    assert judged(tmp_path, KNOWN_GOOD) == (
        "INVALID",
        "secrets of the platform cannot be judged: the profile names no platform",
    )


def test_a_weak_secret_outweighs_those_that_could_not_be_judged(tmp_path: Path) -> None:
    ended, said = judged(tmp_path, "changeme")

    assert ended == "FAILED"
    assert "file:password, held by this process: " in said
