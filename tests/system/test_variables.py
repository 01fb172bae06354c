"""A program says which variables it reads, for whoever writes a deployment's files."""

import io
import json

import pytest

from system import variables

DATABASE = {"DATABASE_URL": "postgresql://a@b/c", "DATABASE_PASSWORD": "a long password"}


@pytest.mark.parametrize("program", variables.PROGRAMS)
def test_each_program_names_what_it_reads_and_what_it_misses(program: str) -> None:
    answer = variables.examine(program, {})

    assert answer["read"]
    assert answer["problems"]
    assert {line.split(":")[0] for line in answer["problems"]} <= set(answer["read"])


def test_what_is_read_under_a_condition_is_named_where_it_holds() -> None:
    assert "REDIS_CA" not in variables.examine("worker", {"REDIS_URL": "redis://a"})["read"]
    assert "REDIS_CA" in variables.examine("worker", {"REDIS_URL": "rediss://a"})["read"]


def test_usable_variables_have_no_problems() -> None:
    assert variables.examine("migrations", DATABASE)["problems"] == []


@pytest.mark.parametrize(("given", "status"), [(DATABASE, 0), ({}, 1)])
def test_the_command_prints_the_answer_and_exits_by_it(
    given: dict[str, str], status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["variables", "migrations"])
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(given)))

    assert variables.main() == status
    assert "DATABASE_URL" in json.loads(capsys.readouterr().out)["read"]
