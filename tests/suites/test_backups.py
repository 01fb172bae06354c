import datetime as dt
import gzip
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial import Failure
from seatrial.probes.s3 import S3Answer
from suites.infra._backups import (
    Backup,
    archived,
    backup_names,
    chain,
    followed,
    is_stored,
    number,
    obsolete,
    read_history,
)

SEGMENT_BYTES = 16 << 20
NOW = dt.datetime(2026, 5, 10, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
INFO = """\
backup_label='START WAL LOCATION: 0/E000028 (file x)\\nLABEL: a=b\\n'
begin_wal=00000001000000000000000E
end_time=2026-05-09 08:25:00.767616+00:00
end_wal=00000001000000000000000F
status={status}
systemid=7712700970827437832
"""


def backup(days: int, name: str) -> Backup:
    return Backup(name, "1", NOW - days * DAY, "", "", 1)


def stored(*names: str) -> dict[str, dt.datetime]:
    return dict.fromkeys(names, NOW)


def test_a_whole_backup_is_read() -> None:
    found = Backup.read("b", INFO.format(status="DONE"), 5)
    assert (found.cluster, found.first[-1], found.last[-1]) == ("7712700970827437832", "E", "F")
    assert found.ended == dt.datetime(2026, 5, 9, 8, 25, 0, 767616, tzinfo=dt.UTC)


@pytest.mark.parametrize("status", ["STARTED", "FAILED", "EMPTY"])
def test_a_backup_that_is_not_done_has_no_end(status: str) -> None:
    assert Backup.read("b", INFO.format(status=status), 5).ended is None


def test_a_description_without_its_segments_is_an_error() -> None:
    with pytest.raises(KeyError, match="begin_wal"):
        Backup.read("b", "status=DONE\nend_time=2026-05-09 08:25:00+00:00\nsystemid=1\n", 5)


def test_a_garbled_time_is_an_error() -> None:
    with pytest.raises(ValueError, match="Invalid isoformat"):
        Backup.read("b", INFO.format(status="DONE").replace("2026-05-09", "May"), 5)


def test_backups_and_segments_are_told_from_everything_else() -> None:
    keys = ["p/s/base/1/backup.info", "p/s/base/1/data.tar", "p/s/base/2/data.tar"]
    assert backup_names(keys) == {"1": "p/s/base/1/backup.info"}
    plain = "p/s/wals/0000000100000000/00000001000000000000000E"
    names = [plain, f"{plain[:-1]}F.gz", f"{plain}.00000028.backup.gz", "p/s/wals/00000002.history"]
    assert list(archived(stored(*names))) == ["00000001000000000000000E", "00000001000000000000000F"]


def test_the_log_goes_on_in_the_next_file_and_on_the_next_timeline() -> None:
    segments = stored("0000000100000000000000FF", "000000010000000100000000", "000000020000000100000001")
    assert chain("0000000100000000000000FF", segments, SEGMENT_BYTES) == ("000000020000000100000001", [])


def test_a_segment_of_a_timeline_that_was_left_fills_no_gap() -> None:
    old, new = (
        ("0000000100000000000000" + n for n in ("0E", "10")),
        ("00000002000000000000000F", "000000020000000000000011"),
    )
    history = "1\t0/F0000A0\tno recovery target specified\n"
    line = followed(stored(*old, *new, "00000003000000000000000F"), "00000002", history, SEGMENT_BYTES)
    assert chain("00000001000000000000000E", line, SEGMENT_BYTES) == (
        "00000002000000000000000F",
        ["000000020000000000000010"],
    )


def test_a_first_timeline_has_no_history_and_follows_no_other() -> None:
    segments = stored("00000001000000000000000E", "00000002000000000000000F")
    assert followed(segments, "00000001", "", SEGMENT_BYTES) == stored("00000001000000000000000E")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_history_is_read_packed_or_not(pack: Callable[[bytes], bytes]) -> None:
    text = "1\t0/F0000A0\tno recovery target specified\n"
    found = S3Answer("get_object", True, 200, "", None, body=pack(text.encode()))
    handle: Any = SimpleNamespace(s3=SimpleNamespace(get=lambda *_: found))
    assert read_history(handle, "backups", ["p/s/wals/00000002.history.gz"], "00000002") == text
    with pytest.raises(Failure, match="the history of timeline 00000003"):
        read_history(handle, "backups", ["p/s/wals/00000002.history"], "00000003")


def test_larger_segments_are_fewer_in_a_file() -> None:
    assert number("000000010000000100000000", 64 << 20) == 64


def test_a_gap_ends_the_chain_and_is_named() -> None:
    segments = stored("00000001000000000000000E", "000000010000000000000010")
    expected = ("00000001000000000000000E", ["00000001000000000000000F"])
    assert chain("00000001000000000000000E", segments, SEGMENT_BYTES) == expected


def test_without_its_first_segment_nothing_is_reached() -> None:
    assert chain("00000001000000000000000E", stored("00000001000000000000000F"), SEGMENT_BYTES) == (
        None,
        ["00000001000000000000000E"],
    )
    assert chain("00000001000000000000000E", {}, SEGMENT_BYTES) == (None, [])


def test_the_newest_backup_before_the_window_is_still_needed() -> None:
    backups = [backup(1, "new"), backup(8, "edge"), backup(9, "over"), backup(30, "old")]
    assert obsolete(backups, NOW, 7 * DAY, dt.timedelta()) == ["old", "over"]


def test_the_slack_gives_a_clean_up_its_time() -> None:
    backups = [backup(8, "edge"), backup(9, "over")]
    assert obsolete(backups, NOW, 7 * DAY, 1 * DAY) == []


def test_a_backup_that_failed_is_no_reason_to_drop_another() -> None:
    failed = Backup("failed", "1", None, "", "", 1)
    assert obsolete([failed, backup(9, "only")], NOW, 7 * DAY, dt.timedelta()) == []


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("000000010000000000000004", True),
        ("000000010000000000000005", False),
        ("000000010000000000000005.partial", True),
        ("00000002.history", True),
        ("00000003.history", False),
        ("000000010000000000000003.00000028.backup", True),
    ],
)
def test_what_the_server_calls_archived_is_looked_for_under_its_own_name(name: str, stored: bool) -> None:
    keys = [
        "postgres/seatrial/wals/0000000100000000/000000010000000000000003.00000028.backup",
        "postgres/seatrial/wals/0000000100000000/000000010000000000000004.gz",
        "postgres/seatrial/wals/0000000100000000/000000010000000000000005.partial",
        "postgres/seatrial/wals/00000002.history",
    ]
    assert is_stored(name, keys) is stored
