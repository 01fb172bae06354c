"""The record survives a crash, and no cell of another tree gets into it."""

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.errors import UsageError
from seatrial.proof import NAME, Proof, Record, digest, joined, last, worst_of_each
from seatrial.secrecy.redaction import Redactor
from tests.proof.conftest import trial


def test_a_record_is_read_as_it_was_written(record: Record, tmp_path: Path) -> None:
    record.save(tmp_path, Redactor())

    assert last(tmp_path) == record


def test_no_secret_gets_into_a_record(record: Record, tmp_path: Path) -> None:
    record.trials.append(trial("talks", said={"INF-TC-01": 'password "s3cret/value" shown'}))

    written = record.save(tmp_path, Redactor(['"s3cret/value"'])).read_text()

    assert "s3cret" not in written
    assert "password [redacted] shown" in written


def test_no_record_tells_where_on_a_machine_it_was_made(record: Record, tmp_path: Path) -> None:
    record.trials.append(trial("talks", said={"INF-TC-01": f"{Path.cwd()}/.state/local/ca/root.crt is lost"}))

    written = record.save(tmp_path, Redactor()).read_text()

    assert str(Path.cwd()) not in written
    assert '".state/local/ca/root.crt is lost"' in written


def test_without_a_record_there_is_none(tmp_path: Path) -> None:
    assert last(tmp_path) is None


@pytest.mark.parametrize("text", ["[]", "{", '{"trials": [{}]}', '{"trials": []}'])
def test_what_is_no_record_is_refused_by_its_name(text: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(text)

    with pytest.raises(UsageError, match=r"prove\.json"):
        last(tmp_path)


def test_a_resumed_record_keeps_trials_start_and_choice(record: Record) -> None:
    now = Record("here", "r1", "t1", "2026-11-02T10:00:00+00:00", known=record.known)

    now.continues(record)

    assert (now.started_at, now.trials, now.beside) == (record.started_at, record.trials, record.beside)
    assert now.times() == {"closed": 1, "silent": 1, "slow": 1}


def test_what_an_earlier_tree_has_shown_is_kept_until_it_is_asked_again(record: Record) -> None:
    now = Record("here", "r2", "t2", "2026-11-02T10:00:00+00:00", known={"closed": "", "slow": ""})

    now.continues(record)
    kept = (now.times(), dict(now.earlier), now.beside)
    now.add(trial("closed", Proof.MISSED))

    assert kept == ({}, {"t1": 2}, {})
    assert {each.fault: (each.tree, each.proof) for each in now.trials} == {
        "slow": ("t1", "INVALID"),
        "closed": ("t2", "MISSED"),
    }
    assert (now.times(), dict(now.earlier)) == ({"closed": 1}, {"t1": 1})


@pytest.mark.parametrize("name", ["environment", "release"])
def test_nothing_of_another_place_or_of_another_release_of_the_same_tree_is_kept(record: Record, name: str) -> None:
    now = replace(record, trials=[])
    setattr(now, name, "other")

    with pytest.raises(UsageError, match=f"is of {name} .*, not other;"):
        now.continues(record)
    assert now.trials == []


def test_parts_of_one_proof_are_joined(record: Record) -> None:
    earlier = replace(
        record,
        started_at="2026-11-01T09:00:00+00:00",
        beside={},
        unasked={"INF-TC-02": "slow"},
        trials=[trial("early")],
    )

    whole = joined({Path("a"): record, Path("b"): earlier})

    assert (whole.started_at, whole.ended_at) == (earlier.started_at, record.ended_at)
    assert whole.times() == {"early": 1, "closed": 1, "silent": 1, "slow": 1}
    assert whole.beside == record.beside
    assert whole.unasked.keys() == (record.unasked.keys() | {"INF-TC-02"}) - record.beside.keys()


def test_parts_that_go_on_from_one_earlier_tree_keep_of_it_what_neither_has_asked(record: Record) -> None:
    def on_another_tree(asked: str) -> Record:
        now = replace(record, release="r2", tree="t2")
        now.add(trial(asked))
        return now

    whole = joined({Path("a"): on_another_tree("closed"), Path("b"): on_another_tree("silent")})

    assert sorted((each.fault, each.tree) for each in whole.trials) == [
        ("closed", "t2"),
        ("silent", "t2"),
        ("slow", "t1"),
    ]


@pytest.mark.parametrize("name", ["environment", "release", "tree"])
def test_what_was_measured_elsewhere_is_no_part_of_a_proof(record: Record, name: str) -> None:
    other = replace(record)
    setattr(other, name, "other")

    with pytest.raises(UsageError, match=f"^b is of {name} other, not .* as a:"):
        joined({Path("a"): record, Path("b"): other})


def test_of_several_trials_the_one_that_proves_least_counts() -> None:
    trials = [trial("one", Proof.INVALID), trial("one"), trial("one", Proof.MISSED), trial("two"), trial("two")]

    assert {name: each.proof for name, each in worst_of_each(trials).items()} == {"one": "MISSED", "two": "CAUGHT"}


def tree(folder: Path) -> Path:
    for name in (
        "system/a.py",
        "docs/page.md",
        "tests/test_a.py",
        ".git/x",
        "system/__pycache__/a.pyc",
        "here.lock",
        "package-lock.json",
    ):
        file = folder / "tree" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("1")
    return folder / "tree"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("system/a.py", True),
        ("system/new.sql", True),
        ("here.lock", True),
        ("package-lock.json", True),
        ("docs/page.md", False),
        ("tests/test_a.py", False),
        (".git/x", False),
        ("system/__pycache__/a.pyc", False),
        ("state/log", False),
    ],
)
def test_a_digest_changes_with_all_that_an_outcome_rests_on(name: str, told: bool, tmp_path: Path) -> None:
    root = tree(tmp_path)
    before = digest(root, state=root / "state")

    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("2")

    assert (digest(root, state=root / "state") != before) is told


def test_a_digest_changes_with_folders_and_files_elsewhere_and_not_with_the_place(tmp_path: Path) -> None:
    root, other = tree(tmp_path), tmp_path / "faults"
    other.mkdir()
    (other / "one.py").write_text("1")
    before = digest(root, other)
    moved = root.rename(tmp_path / "moved")

    assert digest(moved, other) == before
    (other / "one.py").write_text("2")
    assert digest(moved, other) != before
