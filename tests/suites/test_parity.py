"""Configurations are compared, and reads beside the reader are found."""

from pathlib import Path

import pytest

from suites.deploy._parity import behind_the_reader, disagreements
from suites.deploy._variables import problems_of

OWN = {"INSTANCE": "a-1", "LISTEN_PORT": "1", "S3_REGION": "x", "DATABASE_URL": "postgresql://a@b/c"}


def test_what_is_an_instances_own_may_differ() -> None:
    assert disagreements({"a": {"a-1": OWN, "a-2": {**OWN, "INSTANCE": "a-2", "LISTEN_PORT": "2"}}}) == []


def test_a_value_that_differs_or_is_missing_is_named_with_who_has_it() -> None:
    assert disagreements({"a": {"a-1": OWN, "a-2": {**OWN, "S3_REGION": "y"}}}) == ["S3_REGION differs: a-1 x, a-2 y"]
    without = {name: value for name, value in OWN.items() if name != "S3_REGION"}
    assert disagreements({"a": {"a-1": OWN, "a-2": without}}) == ["S3_REGION differs: a-1 x, a-2 nothing"]


def test_services_agree_about_what_both_have_but_their_own() -> None:
    other = {"S3_REGION": "y", "DATABASE_URL": "postgresql://d@b/c"}
    assert disagreements({"a": {"a-1": OWN}, "b": {"b-1": other}}) == ["S3_REGION differs: a-1 x, b-1 y"]
    assert disagreements({"a": {"a-1": OWN}, "b": {"b-1": {"LOG_LEVEL": "INFO"}}}) == []


def test_a_secret_that_differs_is_not_shown() -> None:
    assert "hush" not in disagreements({"a": {"a-1": {"JWT_KEY": "hush"}, "a-2": {"JWT_KEY": "<secret>"}}})[0]


@pytest.mark.parametrize(
    "read", ['os.environ.get("X", "1")', 'os.environ["X"]', 'os.getenv("X")', 'environ.get("X")', 'getattr(os, "x")']
)
def test_a_variable_taken_beside_the_reader_is_found(read: str, tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "module.py").write_text(f'import os\nPATH = os.environ.get("PATH", "")\nvalue = {read}\n')
    assert behind_the_reader(tmp_path, ["api"]) == ([] if "getattr" in read else ["api/module.py:3: X"])


def test_what_is_left_to_a_default_is_a_problem_where_all_must_be_given() -> None:
    given = {"RELEASE": "r", "LISTEN_HOST": "127.0.0.1", "LISTEN_PORT": "1", "API_INTERNAL_URL": "http://a"}
    given |= {f"{name}_ORIGIN": "https://a" for name in ("APP", "PLAY")} | {"S3_PUBLIC_ENDPOINT": "https://s"}
    settled = {"SERVICE": "frontend", "INSTANCE": "f-1", "LOG_LEVEL": "INFO", "TRUSTED_PROXIES": "127.0.0.1/32"}
    settled |= {"ERRORS_URL": "http://a@b/1", "TRACES_URL": "", "TRACES_RATIO": "0.1"}

    def problems(values: dict[str, str], *, complete: bool) -> list[str]:
        return problems_of(Path.cwd(), "frontend", values, image={}, secrets=(), files=(), complete=complete)

    assert problems(given, complete=False) == []
    assert problems(given | settled, complete=True) == []
    assert {line.partition(":")[0] for line in problems(given, complete=True)} == set(settled)
