"""A go-live list is answered by checks alone, and ready only where every row is."""

import json
from pathlib import Path
from typing import Any

import pytest

from seatrial import expected
from seatrial.cli import main
from seatrial.errors import UsageError
from seatrial.outcome import NOT_APPLICABLE
from seatrial.report import Rows, sign_off
from tests.report.test_checklist import row, verdict

LIST = """
title = "Going out"
signed_by = ["the captain"]
[[parts]]
title = "Doors"
[[parts.rows]]
what = "Doors | are shut."
checks = ["SEC-TC-01", "SEC-TC-02"]
"""
HANDS = '[[parts.rows]]\nwhat = "Somebody has the key."\nby_hand = "ask the captain"\n'
TWO = (row("SEC-TC-01", "PASSED"), row("SEC-TC-02", "PASSED"))


def signed(folder: Path, *rows: dict[str, Any], text: str = LIST, **of: Any) -> tuple[str, str]:
    (folder / "list.toml").write_text(text, errors="surrogateescape")
    made = sign_off(Rows.read(folder / "list.toml"), {**verdict(*rows), "verdict": "GO", **of}, checks="checks")
    return made.summary, made.text


def test_a_list_whose_rows_all_hold_is_ready(tmp_path: Path) -> None:
    summary, text = signed(tmp_path, *TWO)

    assert summary == "Ready as far as checks can tell: 1 rows"
    assert "| yes | Doors \\| are shut. | [SEC-TC-01](checks/SEC-TC-01.md) yes; [SEC-TC-02]" in text
    assert "For release `r1` in here, and no other." in text
    assert "| the captain | | | |" in text


@pytest.mark.parametrize(
    ("second", "holds"),
    [
        (row("SEC-TC-02", "FAILED", seen="open"), "**no**"),
        (row("SEC-TC-02", "INVALID", "no door"), "**unknown**"),
        (row("SEC-TC-02", "NOT-RUN", "not armed"), "**not asked**"),
        (row("SEC-TC-99", "PASSED"), "**not asked**"),
    ],
    ids=["failed", "invalid", "not run", "no result"],
)
def test_a_row_is_as_good_as_its_worst_check(tmp_path: Path, second: dict[str, Any], holds: str) -> None:
    summary, text = signed(tmp_path, row("SEC-TC-01", "PASSED"), second)

    assert summary.startswith("Not ready")
    assert f"| {holds} | Doors" in text


def test_what_does_not_apply_does_not_stand_in_the_way(tmp_path: Path) -> None:
    away = row("SEC-TC-02", "NOT-RUN", f"{NOT_APPLICABLE}no second door")

    assert "| yes | Doors" in signed(tmp_path, row("SEC-TC-01", "PASSED"), away)[1]
    both = [{**away, "id": name} for name in ("SEC-TC-01", "SEC-TC-02")]
    summary, text = signed(tmp_path, *both)
    assert "| not applicable | Doors" in text
    assert summary.startswith("Ready")


def test_what_no_check_tells_is_left_to_somebody(tmp_path: Path) -> None:
    summary, text = signed(tmp_path, *TWO, text=LIST + HANDS)

    assert summary == "Ready as far as checks can tell: 2 rows; 1 need somebody's look"
    assert "| **by hand** | Somebody has the key. | ask the captain |" in text


@pytest.mark.parametrize("of", [{"verdict": "NO-GO"}, {"verdict": "INCONCLUSIVE"}, {"scope": "security"}])
def test_no_list_is_ready_by_another_verdict_than_the_whole_go(tmp_path: Path, of: dict[str, str]) -> None:
    assert signed(tmp_path, *TWO, **of)[0].startswith("Not ready")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LIST.replace('checks = ["SEC-TC-01", "SEC-TC-02"]', ""), "neither checks nor by_hand"),
        (LIST.replace("what =", "waht ="), "parts.0.rows.0"),
        ("title = ", "list.toml"),
        ("\udcff", "list.toml.*utf-8"),
        (LIST.replace('signed_by = ["the captain"]', "signed_by = []"), "signed_by"),
    ],
    ids=["no answer", "unknown key", "no TOML", "no text", "nobody"],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        signed(tmp_path, *TWO, text=text)


def test_the_projects_own_list_names_only_checks_that_exist() -> None:
    known = {each.id for each in expected.read(Path("suites"))}
    named = Rows.read(Path("docs/go-live.toml")).named

    assert sorted(named - known) == []


def test_the_command_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "verdict.json").write_text(json.dumps({**verdict(*TWO), "verdict": "GO"}))
    (tmp_path / "list.toml").write_text(LIST)
    written = tmp_path / "signed.md"

    given = ["checklist", "--rows", str(tmp_path / "list.toml"), "--out", str(tmp_path), "--write", str(written)]

    assert main(given) == 0
    assert "Ready as far as checks can tell" in capsys.readouterr().out
    assert "# Going out" in written.read_text()
