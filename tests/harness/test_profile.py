"""Profiles: every problem at once, with its line; secrets by reference only."""

import os
import subprocess
import sys
from pathlib import Path

import pyrage
import pytest

from seatrial.environment import Environment
from seatrial.errors import ProfileError
from seatrial.outcome import Level
from seatrial.profile import Profile, find, load
from seatrial.secrecy import references

GOOD = """\
name = "here"
max_impact = "exercise"
ca = "ca.crt"

[urls]
api = "https://api.example.test"

[credentials.observe]
postgres = { user = "observer", password = "env:OBSERVER_PASSWORD" }

[[accounts]]
email = "a@example.test"
password = "file:secret"
"""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "here.toml"
    path.write_text(GOOD)
    return path


def naming(path: Path, *references: str) -> Profile:
    """Load the profile with the passwords of more accounts."""
    path.write_text(
        GOOD + "".join(f'[[accounts]]\nemail = "b@example.test"\npassword = "{each}"\n' for each in references)
    )
    return load(path)


def errors_of(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(ProfileError) as raised:
        load(path)
    return [line.removeprefix(f"{path}:") for line in str(raised.value).splitlines()]


def test_a_good_profile_is_typed_and_its_paths_are_absolute(written: Path) -> None:
    profile = load(written)

    assert profile.max_impact is Level.EXERCISE
    assert profile.ca == written.parent / "ca.crt"
    assert profile.urls["api"] == "https://api.example.test"


def test_the_shipped_profiles_are_well_formed() -> None:
    names = [load(path).name for path in sorted(Path("profiles").glob("*.toml"))]

    assert "local" in names


def test_every_problem_is_reported_at_once_with_its_line(written: Path) -> None:
    text = (
        GOOD.replace("max_impact", "max_impct")
        .replace("https://api.example.test", "ftp://x")
        .replace("file:secret", "hunter2")
    )

    found = errors_of(written, text)

    assert [line.split(":")[0] for line in found] == ["1", "2", "6", "13"]
    assert "did you mean 'max_impact'?" in found[1]
    assert "never inline" in found[3]
    assert "hunter2" not in "".join(found)


def test_an_unknown_key_in_a_section_is_named_with_its_neighbour(written: Path) -> None:
    [found] = errors_of(written, GOOD + "\n[expect]\nlevl = 'observe'\n")

    assert found.startswith("16: expect.levl: unknown key; did you mean 'level'?")


def test_a_platform_without_a_command_is_refused(written: Path) -> None:
    [found] = errors_of(written, GOOD + '\n[platform]\ncommand = []\nsocket = "s"\nstate = "."\n')

    assert found.startswith("16: platform.command: ")


@pytest.mark.parametrize(
    "url",
    [
        "https://ci" + ":pw-of-ci@api.example.test",  # in one piece it would be a secret in the source
        "https://pw-of-ci@api.example.test",
        "https://api.example.test/?key=pw-of-ci",
        "https://api.example.test?",
        "https://api.example.test#pw-of-ci",
    ],
)
def test_a_url_that_is_more_than_a_place_is_refused_and_not_repeated(written: Path, url: str) -> None:
    [found] = errors_of(written, GOOD.replace("https://api.example.test", url))

    assert found.startswith("6: urls.api: a base URL holds no user, password, query or fragment")
    assert "pw-of-ci" not in found


@pytest.mark.parametrize("port", ["99999", "http", "0", "-1"])
def test_a_port_that_cannot_be_is_refused(written: Path, port: str) -> None:
    [found] = errors_of(written, GOOD.replace("https://api.example.test", f"https://api.example.test:{port}"))
    assert found.startswith("6: urls.api: ")

    [found] = errors_of(written, f'{GOOD}\n[dns]\nserver = "10.0.0.2:{port}"\n')
    assert "dns.server: an address and a port" in found


@pytest.mark.parametrize(
    ("granted", "words"),
    [
        ("everything", "one of observe, exercise, disrupt, destroy"),
        ("observe", "accounts are for exercise"),
    ],
)
def test_a_grant_that_cannot_be_is_refused(written: Path, granted: str, words: str) -> None:
    [found] = errors_of(written, GOOD.replace('"exercise"', f'"{granted}"'))

    assert words in found


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ('[credentials.destroy]\npostgres = { user = "a", password = "env:X" }', "above max_impact exercise"),
        ('[expect]\nlevel = "destroy"', "above max_impact"),
    ],
)
def test_what_is_above_the_grant_is_refused(written: Path, section: str, words: str) -> None:
    [found] = errors_of(written, f"{GOOD}\n{section}\n")

    assert words in found


REDIS = """
[redis]
host = "redis.example.test"
port = 6379
{doors}
"""


def doors(*names: str) -> str:
    return "\n".join(f'[redis.{name}]\nhost = "{name}.example.test"\nport = 1' for name in names)


EXTERNAL = """
[credentials.exercise]
mail = { user = "u", password = "file:secret" }

[external.mail]
kind = "smtp"
credential = "mail"
endpoint = "mail.example.test:465"
ca = "mail.crt"
scope = ["send"]
"""


def test_what_signs_an_external_service_is_found_from_the_profile_and_must_be_there(written: Path) -> None:
    written.write_text(GOOD + EXTERNAL)
    profile = load(written)

    assert profile.external["mail"].ca == written.parent / "mail.crt"
    with pytest.raises(ProfileError, match=r"ca .*mail\.crt: no such file"):
        Environment(profile).check_secrets()


def test_a_redis_may_name_its_replicas_and_sentinels(written: Path) -> None:
    names = ["replicas.r1", "sentinels.s1", "sentinels.s2", "sentinels.s3"]
    written.write_text(GOOD + REDIS.format(doors=doors(*names)))

    redis = load(written).redis

    assert redis
    assert [door.host for door in redis.replicas.values()] == ["replicas.r1.example.test"]
    assert list(redis.sentinels) == ["s1", "s2", "s3"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["replicas.r1"], "replicas and sentinels go together"),
        (["sentinels.s1", "sentinels.s2", "sentinels.s3"], "replicas and sentinels go together"),
        (["replicas.r1", "sentinels.s1", "sentinels.s2"], "2 sentinels: without a third one"),
    ],
)
def test_what_makes_no_failover_of_redis_is_refused(written: Path, names: list[str], words: str) -> None:
    [found] = errors_of(written, GOOD + REDIS.format(doors=doors(*names)))

    assert found.startswith("15: redis: ")
    assert words in found


def test_a_file_that_is_not_toml_says_where(written: Path) -> None:
    [found] = errors_of(written, "name = \n")

    assert "not TOML" in found
    assert "line 1" in found


def test_a_missing_profile_names_those_that_are_there() -> None:
    with pytest.raises(ProfileError, match=r"no profile 'locl'.*did you mean 'local'"):
        find("locl")


def test_the_environment_variable_names_the_default_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATRIAL_PROFILE", "/somewhere/else.toml")

    assert find(None) == Path("/somewhere/else.toml")


def test_secrets_are_read_by_reference(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = load(written)
    monkeypatch.setenv("OBSERVER_PASSWORD", "correct horse")
    (written.parent / "secret").write_text("battery staple\n")

    assert profile.secret("env:OBSERVER_PASSWORD") == "correct horse"
    assert profile.secret("file:secret") == "battery staple"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("env:NOT_THERE", "set the environment variable NOT_THERE"),
        ("file:not-there", "No such file"),
        ("file:empty", "is empty"),
        ("sops:not-there#key", "sops"),
    ],
)
def test_a_missing_secret_is_named_by_its_reference(written: Path, reference: str, message: str) -> None:
    (written.parent / "empty").touch()

    with pytest.raises(ProfileError, match=message):
        naming(written, reference).secret(reference)


def test_a_secret_that_is_no_text_is_named_and_not_shown(written: Path) -> None:
    (written.parent / "secret").write_bytes(b"staple \xff")

    with pytest.raises(ProfileError, match="secret file:secret is not UTF-8 at byte 7") as raised:
        load(written).secret("file:secret")
    assert "staple" not in str(raised.value)


def test_sops_is_not_waited_for_without_end(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(written.parent / "hung.json")
    monkeypatch.setattr(references, "SOPS_TIMEOUT_S", 0.5)

    with pytest.raises(ProfileError, match=r"secret sops:hung\.json#key: sops took more than 0\.5 s"):
        naming(written, "sops:hung.json#key").secret("sops:hung.json#key")


def test_a_secret_is_read_from_a_file_that_sops_encrypted(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = pyrage.x25519.Identity.generate()
    monkeypatch.setenv("SOPS_AGE_KEY", str(key))
    file = written.parent / "secrets.json"
    file.write_text('{"database": "battery staple"}')
    sops = Path(sys.executable).with_name("sops")
    subprocess.run([sops, "encrypt", "--age", str(key.to_public()), "--in-place", file], check=True)
    profile = naming(written, "sops:secrets.json#database", "sops:secrets.json#nothing")

    assert "battery staple" not in file.read_text()
    assert profile.secret("sops:secrets.json#database") == "battery staple"
    with pytest.raises(ProfileError, match="nothing could not be decrypted"):
        profile.secret("sops:secrets.json#nothing")
