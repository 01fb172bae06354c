"""The undo log: durable before the strike, replayed newest first, torn lines ignored."""

import json
from pathlib import Path
from typing import Any

import pytest

from seatrial.errors import EnvironmentFault
from seatrial.undo import UndoLog


@pytest.fixture
def log(tmp_path: Path) -> UndoLog:
    return UndoLog(tmp_path / "undo.jsonl")


def test_replay_runs_the_inverses_newest_first_and_once(log: UndoLog) -> None:
    log.append("first", {"a": 1}, "some-fault")
    log.append("second", {"b": 2}, "some-fault")
    ran: list[tuple[str, dict[str, Any]]] = []

    log.replay(lambda do, args: ran.append((do, args)))
    log.replay(lambda do, args: ran.append((do, args)))

    assert ran == [("second", {"b": 2}), ("first", {"a": 1})]
    assert log.pending() == []


def test_an_inverse_that_fails_stays_pending_with_those_before_it(log: UndoLog) -> None:
    for name in ("first", "second", "third"):
        log.append(name, {}, "some-fault")

    def inverse(do: str, args: dict[str, Any]) -> None:
        if do == "second":
            raise EnvironmentFault("unreachable")

    with pytest.raises(EnvironmentFault):
        log.replay(inverse)

    assert [entry.do for entry in log.pending()] == ["second", "first"]


def test_an_inverse_that_needs_what_an_older_one_gives_back_is_run_again(log: UndoLog) -> None:
    for do, args in (("allow", {}), ("set", {"to": "first"}), ("set", {"to": "second"})):
        log.append(do, args, "some-fault")
    state = {"allowed": False, "value": "third"}

    def inverse(do: str, args: dict[str, Any]) -> None:
        if do == "allow":
            state["allowed"] = True
        elif not state["allowed"]:
            raise EnvironmentFault("not allowed")
        else:
            state["value"] = args["to"]

    assert [entry.number for entry in log.replay(inverse)] == [3, 2, 1]
    assert state == {"allowed": True, "value": "first"}
    assert log.pending() == []


def test_an_older_inverse_has_the_last_word_although_a_newer_one_failed_first(log: UndoLog) -> None:
    log.append("set", {"to": "first"}, "some-fault")
    log.append("set", {"to": "second"}, "some-fault")
    ran: list[str] = []

    def inverse(do: str, args: dict[str, Any]) -> None:
        if args["to"] == "second" and not ran:
            ran.append("tried")
            raise EnvironmentFault("not yet")
        ran.append(args["to"])

    log.replay(inverse)

    assert ran == ["tried", "first", "second", "first"]


def test_an_inverse_that_cannot_be_run_is_tried_no_more_than_helps(log: UndoLog) -> None:
    log.append("works", {}, "some-fault")
    log.append("fails", {}, "some-fault")
    ran: list[str] = []

    def inverse(do: str, args: dict[str, Any]) -> None:
        ran.append(do)
        if do == "fails":
            raise EnvironmentFault("never")

    with pytest.raises(EnvironmentFault, match="never"):
        log.replay(inverse)

    assert ran == ["fails", "works"] * 2
    assert [entry.do for entry in log.pending()] == ["fails", "works"]


def test_replay_after_a_number_leaves_older_strikes_alone(log: UndoLog) -> None:
    log.append("fault", {}, "some-fault")
    mark = log.last()
    log.append("drill", {}, "DR-WK-01")
    ran: list[str] = []

    log.replay(lambda do, args: ran.append(do), after=mark)

    assert ran == ["drill"]
    assert [entry.do for entry in log.pending()] == ["fault"]


def test_a_record_is_numbered_without_those_before_it_being_read_again(
    log: UndoLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A strike on each of thousands of keys would else read thousands of records each."""
    log.append("first", {}, "x")
    with monkeypatch.context() as patched:
        patched.setattr(log, "_records", pytest.fail)
        assert log.append("second", {}, "x") == 2
    assert UndoLog(log.path).append("third", {}, "by another process") == 3

    assert log.append("fourth", {}, "x") == 4


def test_numbers_go_on_after_everything_was_undone(log: UndoLog) -> None:
    assert log.append("first", {}, "x") == 1
    log.replay(lambda do, args: None)

    assert log.append("second", {}, "x") == 2


@pytest.mark.parametrize("torn", ['{"n": 2, "do": "sec', "{", '{"n": 2, "do": "x", "args": {}, "by": "x", "at": "y"}'])
def test_a_torn_last_line_is_a_strike_that_never_happened(log: UndoLog, torn: str) -> None:
    log.append("first", {}, "x")
    with log.path.open("a") as file:
        file.write(torn)

    assert [entry.do for entry in log.pending()] == ["first"]
    log.append("second", {}, "x")
    assert [entry.do for entry in log.pending()] == ["second", "first"]


def test_a_broken_line_in_the_middle_is_never_skipped(log: UndoLog) -> None:
    log.path.write_text('not json\n{"n": 2, "do": "b", "args": {}, "by": "x", "at": "y"}\n')

    with pytest.raises(EnvironmentFault, match=r"undo.jsonl:1: not a record"):
        log.pending()


def test_every_prefix_of_the_file_can_be_read(log: UndoLog) -> None:
    for name in ("first", "second"):
        log.append(name, {"value": "äö\n"}, "x")
    whole = log.path.read_bytes()
    ends = [position + 1 for position, byte in enumerate(whole) if byte == 10]

    for size in range(len(whole) + 1):
        log.path.write_bytes(whole[:size])
        assert len(UndoLog(log.path).pending()) == sum(end <= size for end in ends)


def test_an_unwritable_place_is_an_error_before_the_strike(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="cannot be written"):
        UndoLog(tmp_path / "missing" / "undo.jsonl").append("x", {}, "x")


def test_records_hold_who_struck_and_when(log: UndoLog) -> None:
    log.append("redis.config_set", {"name": "maxmemory"}, "redis-evicts")

    record = json.loads(log.path.read_text())
    assert record["by"] == "redis-evicts"
    assert record["at"].startswith("20")
