"""The matrix shows what was measured; what was not is no colour of its own."""

from pathlib import Path

from seatrial.proof import Record, draw
from seatrial.proof._grid import grid
from seatrial.secrecy.redaction import Redactor
from tests.proof.conftest import CHECKS


def test_each_outcome_has_its_cell_and_nothing_else_has(record: Record) -> None:
    drawn = grid(record.trials, CHECKS)

    assert sorted((cell.title.split(",")[0], cell.css) for cell in drawn.cells) == [
        ("closed: INF-TC-01 FAILED", "noticed"),
        ("closed: SEC-TC-01 FAILED", "also"),
        ("silent: INF-TC-03 PASSED", "missed"),
    ]
    assert drawn.green.count("M") == 1


def test_columns_stand_by_suite_and_rows_by_kind_all_inside_the_picture(record: Record) -> None:
    drawn = grid(record.trials, CHECKS)

    assert [name for _, name in drawn.columns] == [check.id for check in CHECKS]
    assert [suite for _, _, suite in drawn.suites] == ["inf", "sec"]
    assert [fault for _, fault, _ in drawn.rows] == ["closed", "silent", "slow"]
    assert all(cell.x < drawn.width and cell.y < drawn.height for cell in drawn.cells)


def test_the_page_asks_nobody_for_anything_and_escapes_what_it_tells(record: Record, tmp_path: Path) -> None:
    text = draw(record, CHECKS, tmp_path, Redactor(["not in <effect>"])).read_text()

    assert "default-src 'none'" in text
    assert not any(word in text for word in ("<script", "http:", "https:", "src=", "@import", "<effect>"))
    assert "1 of 2, 50.0% (95 % interval 9.5% to 90.5%)" in text
    assert "3 of 5 known, 1 not applicable here" in text


def test_a_run_of_nothing_has_a_page_too(tmp_path: Path) -> None:
    empty = Record("here", "r1", "t1", "2026-11-01T10:00:00+00:00")

    assert "0 of 0: nothing was measured" in draw(empty, CHECKS, tmp_path, Redactor()).read_text()
