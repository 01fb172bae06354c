"""An edge that cannot use what it is given says so in its last line, and does not start."""

from pathlib import Path

import pytest

from .bench import running_edge


def test_a_directory_of_somebody_elses_is_refused_by_its_variable(tmp_path: Path) -> None:
    theirs = tmp_path / "edge" / "letter.txt"
    theirs.parent.mkdir()
    theirs.write_text("dear")

    with pytest.raises(AssertionError) as caught, running_edge(tmp_path, store_port=9):
        pytest.fail("it started")
    ended, _, last = str(caught.value).strip().rpartition("\n")
    assert ended.endswith("edge: configuration is not usable:")
    assert last.startswith(f"  CACHE_DIR: {theirs.parent} holds 'letter.txt'")
    assert theirs.read_text() == "dear"
