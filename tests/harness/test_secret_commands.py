"""`seatrial secrets` with the real SOPS and real age keys."""

import json
import os
from pathlib import Path

import pyrage
import pytest

from seatrial import cli
from seatrial.dsse import Signer
from seatrial.lock import held
from seatrial.secrecy.sops import SopsFile
from seatrial.verbs.common import USAGE_ERROR
from tests.probes.fake_platform import FakePlatform, platform

__all__ = ["platform"]  # a fixture

PROFILE = """\
name = "here"
max_impact = "exercise"
tree = "tree"

[urls]
api = "https://api.example.test"

[credentials.observe]
postgres = { user = "observer", password = "sops:secrets.sops.yaml#postgres" }
redis = { user = "observer", password = "file:redis" }

[[accounts]]
email = "one@example.test"
password = "sops:secrets.sops.yaml#account_1"
"""


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "here.toml").write_text(PROFILE)
    (tmp_path / "tree").mkdir()
    (tmp_path / "redis").write_text("a password")
    (tmp_path / "redis").chmod(0o600)
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(tmp_path / "keys" / "own.txt"))
    return tmp_path / "here.toml"


@pytest.fixture
def file(profile: Path) -> SopsFile:
    return SopsFile(profile.with_name("secrets.sops.yaml"))


def run(profile: Path, *words: str) -> int:
    return cli.main(["secrets", words[0], "--profile", str(profile), *words[1:]])


def recipient(profile: Path) -> str:
    """Make the key that SOPS will use, and return its public half."""
    assert run(profile, "generate", "--key", os.environ["SOPS_AGE_KEY_FILE"]) == 0
    return str(pyrage.x25519.Identity.from_str(Path(os.environ["SOPS_AGE_KEY_FILE"]).read_text().strip()).to_public())


@pytest.fixture
def filled(profile: Path, file: SopsFile) -> SopsFile:
    file.create({"postgres": "issued-elsewhere", "account_1": "first-value"}, [recipient(profile)])
    return file


def test_a_key_is_private_and_its_public_half_is_shown(profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    public = recipient(profile)

    path = Path(os.environ["SOPS_AGE_KEY_FILE"])
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    said = capsys.readouterr().out
    assert public in said
    assert "AGE-SECRET-KEY" not in said


def test_a_key_is_neither_written_over_nor_put_into_the_tree(profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipient(profile)

    assert run(profile, "generate", "--key", os.environ["SOPS_AGE_KEY_FILE"]) == USAGE_ERROR
    assert "never written over" in capsys.readouterr().err
    assert run(profile, "generate", "--key", str(profile.parent / "tree" / "sub" / "x")) == USAGE_ERROR
    assert not (profile.parent / "tree" / "sub").exists()


def test_accounts_get_random_passwords_once(profile: Path, file: SopsFile, capsys: pytest.CaptureFixture[str]) -> None:
    public = recipient(profile)
    assert run(profile, "generate", "--recipient", public) == 0
    first = file.read()
    assert run(profile, "generate") == 0

    assert file.read() == first
    assert first.keys() == {"account_1"}
    assert len(first["account_1"]) == 43
    assert first["account_1"] not in file.path.read_text() + capsys.readouterr().out
    assert file.recipients() == [public]


def test_the_key_that_signs_verdicts_is_ours_to_make_and_to_replace(
    profile: Path, file: SopsFile, capsys: pytest.CaptureFixture[str]
) -> None:
    profile.write_text(f'{PROFILE}\n[verdict]\nkey = "sops:secrets.sops.yaml#verdict_key"\n')
    assert run(profile, "generate", "--recipient", recipient(profile)) == 0
    first = file.read()
    assert first.keys() == {"account_1", "verdict_key"}
    assert cli.main(["verdict", "key", "--profile", str(profile)]) == 0
    assert capsys.readouterr().out.endswith(Signer(first["verdict_key"]).public.pem)
    assert run(profile, "rotate", "verdict_key") == 0
    assert Signer(file.read()["verdict_key"]).public.id != Signer(first["verdict_key"]).public.id


def test_a_name_that_no_profile_knows_is_ours_too(profile: Path, filled: SopsFile) -> None:
    assert run(profile, "generate", "jwt") == 0
    assert len(filled.read()["jwt"]) == 43


@pytest.mark.parametrize("verb", ["generate", "rotate"])
def test_what_a_service_issues_is_not_made_up(
    profile: Path, filled: SopsFile, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(profile, verb, "postgres") == USAGE_ERROR
    assert "issued by its service" in capsys.readouterr().err
    assert filled.read()["postgres"] == "issued-elsewhere"


def test_without_a_recipient_nothing_is_written(
    profile: Path, file: SopsFile, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(profile, "generate") == 2
    assert "no keys provided" in capsys.readouterr().err
    assert list(file.path.parent.glob("*secrets*")) == []


def test_a_rotated_value_is_a_new_one_and_the_others_stay(profile: Path, filled: SopsFile) -> None:
    assert run(profile, "rotate", "account_1") == 0

    now = filled.read()
    assert now["postgres"] == "issued-elsewhere"
    assert now["account_1"] != "first-value"
    assert run(profile, "rotate", "account_9") == USAGE_ERROR


@pytest.mark.parametrize("names", [["account_1"], []])
def test_an_overlap_that_a_file_cannot_have_is_not_ended_by_a_new_value(
    profile: Path, filled: SopsFile, names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = filled.path.read_text()

    assert run(profile, "rotate", *names, "--retire") == USAGE_ERROR
    assert "values have no overlap that --retire could end" in capsys.readouterr().err
    assert filled.path.read_text() == before


def test_a_new_data_key_keeps_the_values(profile: Path, filled: SopsFile) -> None:
    before, values = filled.path.read_text(), filled.read()

    assert run(profile, "rotate") == 0
    assert filled.read() == values
    lines = [line for line in before.splitlines() if line.startswith(("postgres", "account_1"))]
    assert not [line for line in lines if line in filled.path.read_text()]


def test_a_whole_set_is_verified(profile: Path, filled: SopsFile, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(profile, "verify") == 0

    said = capsys.readouterr().out
    assert f"genuine   {filled.path}: 2 values, 1 recipients" in said
    assert "3 references, no problems" in said
    assert "first-value" not in said


def missing_name(profile: Path, file: SopsFile) -> None:
    del file
    profile.write_text(PROFILE.replace("#account_1", "#account_2"))


def loose_file(profile: Path, file: SopsFile) -> None:
    del file
    profile.with_name("redis").chmod(0o644)


def loose_key(profile: Path, file: SopsFile) -> None:
    del profile, file
    Path(os.environ["SOPS_AGE_KEY_FILE"]).chmod(0o640)


def other_key(profile: Path, file: SopsFile) -> None:
    del profile, file
    Path(os.environ["SOPS_AGE_KEY_FILE"]).write_text(f"{pyrage.x25519.Identity.generate()}\n")


def exchanged(profile: Path, file: SopsFile) -> None:
    """Swap two cipher texts: each is genuine, and not where it belongs."""
    del profile
    text = file.path.read_text()
    one, two = (line.partition(": ")[2] for line in text.splitlines()[:2])
    file.path.write_text(text.replace(one, "\0").replace(two, one).replace("\0", two))


def key_in_the_tree(profile: Path, file: SopsFile) -> None:
    del file
    inside = profile.parent / "tree" / "key.txt"
    Path(os.environ["SOPS_AGE_KEY_FILE"]).rename(inside)
    os.environ["SOPS_AGE_KEY_FILE"] = str(inside)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (missing_name, "no value for account_2"),
        (loose_file, "redis has mode 0644, expected 0600 at most"),
        (loose_key, "own.txt has mode 0640"),
        (other_key, "failed to get the data key"),
        (exchanged, "sops decrypt failed"),
        (key_in_the_tree, "in the source tree"),
    ],
)
@pytest.mark.usefixtures("filled")
def test_each_defect_is_named(
    profile: Path, file: SopsFile, capsys: pytest.CaptureFixture[str], spoil: object, words: str
) -> None:
    spoil(profile, file)  # type: ignore[operator]

    assert run(profile, "verify") == 1
    assert words.lower() in capsys.readouterr().out.lower()


@pytest.mark.parametrize("content", [b'{"account_1": "in the clear"}', b"\xff"])
def test_a_file_that_sops_did_not_write_is_refused(
    profile: Path, file: SopsFile, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    file.path.write_bytes(content)

    assert run(profile, "rotate", "account_1") == 2
    assert "no file that SOPS has encrypted" in capsys.readouterr().err


def test_without_sops_files_and_platform_there_is_nothing_to_rotate(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile.write_text(
        PROFILE.replace("sops:secrets.sops.yaml#postgres", "file:a").replace(
            "sops:secrets.sops.yaml#account_1", "file:b"
        )
    )

    assert run(profile, "rotate", "redis-api") == USAGE_ERROR
    assert run(profile, "rotate") == USAGE_ERROR
    assert run(profile, "rotate", "--retire") == USAGE_ERROR
    assert "neither a SOPS file nor a platform" in capsys.readouterr().err


@pytest.fixture
def rotatable(profile: Path, platform: tuple[FakePlatform, Path]) -> FakePlatform:
    """A platform that a profile without any SOPS file names; its status says another environment's name."""
    fake, socket = platform
    state = profile.with_name("state")
    state.mkdir()
    section = f'[platform]\ncommand = ["true"]\nsocket = "{socket}"\nstate = "{state}"\n'
    profile.write_text(PROFILE.replace("sops:secrets.sops.yaml#", "file:") + section)
    return fake


def ours(fake: FakePlatform) -> None:
    """Have the platform be the profile's."""
    told = json.loads(fake.answer("status", {})[1])
    fake.answers["status"] = fake.say(**told | {"environment": "here"})


def test_a_running_platform_rotates_and_retires(profile: Path, rotatable: FakePlatform) -> None:
    ours(rotatable)

    assert [run(profile, "rotate", "links", *more) for more in ((), ("--retire",))] == [0, 0]
    assert [asked["step"] for _, asked in rotatable.acts] == ["begin", "complete"]


def test_another_environments_secret_is_not_rotated(
    profile: Path, rotatable: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(profile, "rotate", "links") == USAGE_ERROR
    assert "this profile is of environment 'here'" in capsys.readouterr().err
    assert rotatable.acts == []


@pytest.mark.parametrize("more", [(), ("--retire",)])
def test_nothing_is_rotated_during_a_trial(
    profile: Path, rotatable: FakePlatform, more: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    ours(rotatable)

    with held(profile.with_name("state"), "here", alone=False):
        assert run(profile, "rotate", "links", *more) == USAGE_ERROR
    assert "another trial is running on here" in capsys.readouterr().err
    assert rotatable.acts == []
