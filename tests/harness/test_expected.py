"""The committed list of checks, and scopes made from it."""

from pathlib import Path

import pytest

from seatrial import expected
from seatrial.errors import UsageError
from seatrial.outcome import Level, Severity

ROWS = [
    expected.Row("INF-PG-01", "infra/test_postgres.py", "test_one", Severity.BLOCKER, Level.OBSERVE, alone=False),
    expected.Row("INF-PG-05", "infra/test_postgres.py", "test_two", Severity.MINOR, Level.OBSERVE, alone=True),
    expected.Row("DR-WK-01", "dr/test_worker.py", "test_three", Severity.BLOCKER, Level.DESTROY, alone=False),
]


@pytest.fixture
def suites(tmp_path: Path) -> Path:
    for row in ROWS:
        (tmp_path / row.file).parent.mkdir(exist_ok=True)
        (tmp_path / row.file).touch()
    expected.write(tmp_path, ROWS)
    return tmp_path


def test_the_list_survives_writing_and_reading(suites: Path) -> None:
    assert sorted(expected.read(suites), key=lambda row: row.id) == sorted(ROWS, key=lambda row: row.id)


def test_a_missing_list_says_how_to_write_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--write-expected"):
        expected.read(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        "[A-B-01]\nfile = 'x'",
        "not toml",
        "A = {file='x',test='y',severity='huge',level='observe'}",
        "A = {file=1,test='y',severity='minor',level='observe'}",
    ],
)
def test_a_malformed_list_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / expected.NAME).write_text(text)

    with pytest.raises(UsageError, match="not a list of expected checks"):
        expected.read(tmp_path)


def test_suites_and_ids_select(suites: Path) -> None:
    rows = expected.read(suites)

    assert {row.id for row in expected.select(rows, []).rows} == {row.id for row in ROWS}
    assert [row.id for row in expected.select(rows, ["dr"]).rows] == ["DR-WK-01"]
    assert [row.id for row in expected.select(rows, ["INF-PG-05"]).rows] == ["INF-PG-05"]


def test_an_unknown_suite_is_refused(suites: Path) -> None:
    with pytest.raises(UsageError, match="no suite or check named 'infar'"):
        expected.select(expected.read(suites), ["infar"])


def test_paths_select(suites: Path) -> None:
    def ids(*arguments: str) -> set[str]:
        return {row.id for row in expected.select_paths([str(suites / argument) for argument in arguments]).rows}

    assert ids("") == {"INF-PG-01", "INF-PG-05", "DR-WK-01"}
    assert ids("infra") == {"INF-PG-01", "INF-PG-05"}
    assert ids("infra/test_postgres.py::test_one") == {"INF-PG-01"}
    assert ids("dr", "infra/test_postgres.py") == {"INF-PG-01", "INF-PG-05", "DR-WK-01"}


def test_minor_checks_are_not_required() -> None:
    assert [row.required for row in ROWS] == [True, False, True]
