"""What SEC-SEC-02 reads and knows: a repository's whole history, shapes of credentials, forms of a canary; and where it could not look."""

import json
from pathlib import Path

import pytest

from faults._code import PatchedRelease
from faults.security import leaks
from seatrial.secrecy.leaks import Finder
from suites.security import _history, _tree
from suites.security._disguises import canary, disguises
from suites.security._secret_shapes import bearers_in, secrets_in
from suites.security.test_leaks import (
    test_no_secret_is_in_source_history_logs_pages_processes_or_reports as no_secret_is_where_none_may_be,
)
from tests.checking import outcome


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
    assert not _history.lacking(repository)


def test_every_branch_counts(repository: Path) -> None:
    _tree.git(repository, "checkout", "--quiet", "-b", "other", "HEAD~1")
    _tree.git(repository, "branch", "--quiet", "--force", "main-again", "HEAD")

    assert any(place.endswith("a.txt") for place, _ in _history.objects(repository))


def test_a_history_that_is_lacking_or_not_whole_is_told(repository: Path, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    _tree.git(tmp_path, "clone", "--quiet", "--depth", "1", repository.as_uri(), str(shallow))

    assert (_history.is_shallow(shallow), _history.is_shallow(repository)) == (True, False)
    assert "no git repository" in _history.lacking(shallow / "nothing")


def looked(folder: Path, *places: str) -> tuple[str, str]:
    """Look in these places of an environment without a platform, whose tree is the folder."""
    head = f'name = "here"\nmax_impact = "observe"\ntree = {json.dumps(str(folder))}\n[urls]\n[targets]\n'
    file = folder / "here.toml"
    file.write_text(f"{head}secrets_looked_for_in = {json.dumps(places)}\n")
    return outcome(file, no_secret_is_where_none_may_be)


def test_what_can_be_looked_at_is_enough_where_the_profile_names_nothing_else(repository: Path) -> None:
    assert looked(repository, "tree", "history") == ("PASSED", "")


@pytest.mark.parametrize("place", ["history", "logs", "arguments", "environment"])
def test_a_place_that_is_named_and_cannot_be_looked_at_is_no_pass(tmp_path: Path, place: str) -> None:
    ended, said = looked(tmp_path, "tree", place)

    assert ended == "INVALID"
    assert said.startswith(f"{place}: not looked at")


def test_what_was_found_outweighs_what_could_not_be_looked_at(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("AKIA" + "A" * 16)

    assert looked(tmp_path, "tree", "history", "logs") == ("FAILED", "notes.txt: an AWS access key")


@pytest.mark.parametrize("places", [(), ("tree", "loggs")])
def test_a_profile_that_names_no_place_or_an_unknown_one_is_told(tmp_path: Path, places: tuple[str, ...]) -> None:
    ended, said = looked(tmp_path, *places)

    assert ended == "INVALID"
    assert "must name some of tree, history, answers, reports, logs, arguments, environment" in said


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


def test_a_release_that_lets_a_secret_out_has_it_replaced() -> None:
    kinds = {each for each in vars(leaks).values() if isinstance(each, type) and issubclass(each, PatchedRelease)}

    assert {each for each in kinds if not issubclass(each, leaks.Exposed)} == {PatchedRelease}
