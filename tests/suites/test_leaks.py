"""What SEC-SEC-02 reads and knows: a repository's whole history, shapes of credentials, and forms of a canary."""

from pathlib import Path

import pytest

from seatrial.secrecy.leaks import Finder
from suites.security import _history, _tree
from suites.security._disguises import canary, disguises
from suites.security._secret_shapes import bearers_in, secrets_in


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    def commit(message: str) -> None:
        who = ("-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "commit.gpgsign=false")
        _tree.git(tmp_path, "add", "--all")
        _tree.git(tmp_path, *who, "commit", "--quiet", "--message", message)

    _tree.git(tmp_path, "init", "--quiet")
    (tmp_path / "a.txt").write_text("first\n")
    (tmp_path / "b.bin").write_bytes(b"\n\0blob 3\n" * 300)
    commit("one")
    (tmp_path / "a.txt").unlink()
    commit("two")
    return tmp_path


def test_what_was_removed_is_in_the_history(repository: Path) -> None:
    found = {place.split(" ")[-1]: data for place, data in _history.objects(repository)}

    assert found["a.txt"] == b"first\n"
    assert found["b.bin"] == (repository / "b.bin").read_bytes()
    assert sum(b"two" in data for data in found.values()) == 1
    assert not _history.is_shallow(repository)


def test_every_branch_counts(repository: Path) -> None:
    _tree.git(repository, "checkout", "--quiet", "-b", "other", "HEAD~1")
    _tree.git(repository, "branch", "--quiet", "--force", "main-again", "HEAD")

    assert any(place.endswith("a.txt") for place, _ in _history.objects(repository))


def test_a_canary_is_itself_in_no_two_forms() -> None:
    value = canary()
    hidden = disguises(value)

    assert len(set(hidden.values())) == len(hidden)
    assert [form for form, data in hidden.items() if value.encode() in data] == ["as it is"]
    assert all(Finder({"c": value}).find(data) for data in hidden.values())
    assert not any(Finder({"c": canary()}).find(data) for data in hidden.values())


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("-----BEGIN PRIVATE KEY-----\n" + "M" * 40, ["a private key"]),
        ("-----BEGIN EC PRIVATE KEY-----\\n" + "M" * 40, ["a private key"]),
        ("-----BEGIN PRIVATE KEY-----\n...", []),
        ("postgres://api:" + "x" * 12 + "@host/db", ["a URL with a password"]),
        ("postgres://api:$PASSWORD@host/db", []),
        ("AKIA" + "A" * 16, ["an AWS access key"]),
        ("AGE-SECRET-KEY-1" + "Q" * 58, ["an age key"]),
    ],
)
def test_credentials_are_known_by_their_shape(text: str, kinds: list[str]) -> None:
    assert secrets_in(text) == kinds


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("eyJ" + "a" * 20 + ".eyJ" + "b" * 20 + "." + "c" * 20, ["a token (JWT)"]),
        ("GET /v/1/preview?exp=1&kid=k1&sig=" + "a" * 43, ["a signed link"]),
        ("GET /v/1/preview?sig=[hidden]", []),
        ("?X-Amz-Signature=" + "0" * 64, ["a presigned URL"]),
        ("$argon2id$v=19$m=1", ["a password's hash"]),
    ],
)
def test_what_opens_something_to_its_holder_is_known_in_a_log(text: str, kinds: list[str]) -> None:
    assert bearers_in(text) == kinds
