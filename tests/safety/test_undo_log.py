"""The undo log under attack: what cannot be recorded is not struck, and what was struck is undone whatever becomes of the file."""

import json
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from seatrial.errors import EnvironmentFault, HarnessError
from seatrial.inverses import invert
from seatrial.undo import UndoLog
from tests.probes.conftest import scope

__all__ = ["scope"]
ENTRY = {"n": 1, "do": "first", "args": {}, "by": "x", "at": "y"}


@pytest.fixture
def log(tmp_path: Path) -> UndoLog:
    return UndoLog(tmp_path / "undo.jsonl")


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes, as a full disk does: of a longer write a part is taken, without an error."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 20])
def test_what_a_full_disk_takes_a_part_of_is_not_struck(log: UndoLog, room: int) -> None:
    log.append("first", {"a": 1}, "x")
    size = log.path.stat().st_size

    with room_for(size + room), pytest.raises(EnvironmentFault, match="cannot be written"):
        log.append("second", {"b": 2}, "x")

    assert [entry.do for entry in UndoLog(log.path).pending()] == ["first"]
    log.append("third", {}, "x")
    assert [entry.do for entry in UndoLog(log.path).pending()] == ["third", "first"]


def test_a_folder_in_the_place_of_the_log_is_the_environments_fault(log: UndoLog) -> None:
    log.path.mkdir()

    for call in (log.pending, lambda: log.append("x", {}, "x")):
        with pytest.raises(EnvironmentFault, match="undo log"):
            call()


@pytest.mark.parametrize(
    "line",
    [
        b"[1, 2]",
        b'"first"',
        b"{}",
        b'{"undone": "1"}',
        json.dumps(ENTRY | {"n": "1"}).encode(),
        json.dumps(ENTRY | {"n": True}).encode(),
        json.dumps(ENTRY | {"args": []}).encode(),
        json.dumps(ENTRY | {"undone": 1}).encode(),
        json.dumps({name: value for name, value in ENTRY.items() if name != "do"}).encode(),
        b"\xff\xfe",
        b"",
    ],
)
def test_a_line_of_another_form_is_named_and_nothing_is_run(log: UndoLog, line: bytes) -> None:
    log.append("first", {}, "x")
    log.path.write_bytes(log.path.read_bytes() + line + b"\n")
    ran: list[str] = []

    with pytest.raises(EnvironmentFault, match=r"undo.jsonl:2: not a record"):
        log.replay(lambda do, args: ran.append(do))

    assert ran == []


def test_a_link_is_neither_read_nor_written(log: UndoLog, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(json.dumps(ENTRY) + "\n")
    log.path.symlink_to(elsewhere)
    before = elsewhere.read_bytes()

    for call in (log.pending, lambda: log.append("x", {}, "x")):
        with pytest.raises(EnvironmentFault, match="undo log"):
            call()

    assert elsewhere.read_bytes() == before


def test_a_log_that_others_may_write_is_not_believed(log: UndoLog) -> None:
    log.append("first", {}, "x")
    log.path.chmod(0o620)

    with pytest.raises(EnvironmentFault, match="its owner alone may write"):
        log.pending()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def removed(path: Path) -> None:
    path.unlink()


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


@pytest.mark.parametrize("attack", [emptied, removed, cut_short])
def test_a_strike_is_undone_although_the_log_has_lost_it(log: UndoLog, attack: Callable[[Path], None]) -> None:
    mark = log.last()
    log.append("first", {"a": (1, 2)}, "x")
    log.append("second", {}, "x")
    attack(log.path)
    log.append("third", {}, "x")
    ran: list[str] = []

    with pytest.raises(EnvironmentFault, match=r"has lost records .*#2.*undone from memory"):
        log.replay(lambda do, args: ran.append(do), after=mark)

    assert ran == ["third", "second", "first"]
    assert UndoLog(log.path).pending() == []
    assert log.replay(lambda do, args: ran.append(do)) == []


def test_an_entry_with_an_unknown_inverse_stays_and_the_others_are_run(
    log: UndoLog, scope: Callable[..., Any], tmp_path: Path
) -> None:
    here = scope(state=tmp_path)
    (tmp_path / "tree").mkdir()
    log.append("tree.drop_copy", {}, "x")
    log.append("redis.flush_all", {}, "nobody")

    with pytest.raises(HarnessError, match=r"no inverse is named 'redis.flush_all'"):
        log.replay(lambda do, args: invert(do, args, here))

    assert not (tmp_path / "tree").exists()
    assert [entry.do for entry in log.pending()] == ["redis.flush_all", "tree.drop_copy"]


@pytest.mark.parametrize(
    ("do", "args", "reason"),
    [
        ("files.show", {"path": "/etc/passwd"}, "outside of the state folder"),
        ("files.chmod", {"path": "{state}/../../etc", "mode": 0o777}, "outside of the state folder"),
        ("tree.drop_copy", {"state": "/"}, "unexpected keyword argument"),
    ],
)
def test_a_foreign_entry_reaches_no_file_outside_of_the_environment(
    scope: Callable[..., Any], tmp_path: Path, do: str, args: dict[str, Any], reason: str
) -> None:
    given = {name: value.format(state=tmp_path) if isinstance(value, str) else value for name, value in args.items()}

    with pytest.raises((HarnessError, TypeError), match=reason):
        invert(do, given, scope(state=tmp_path))
