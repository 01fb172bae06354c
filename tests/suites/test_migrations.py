"""What MIG-04, MIG-06 and MIG-11 compute, without a server."""

from datetime import date
from pathlib import Path

import pytest

from seatrial import Invalid
from suites.migrations import _lint as lint
from suites.migrations import _rows as rows
from suites.migrations._configuration import committed, digest, unlisted
from suites.migrations.test_configuration import INSERT

REVISION = "-- phase: expand\n-- lock_timeout: 500ms\n\n-- migrate:up\nselect 1;\n\n-- migrate:down\nselect 2;\n"
TODAY = date(2026, 12, 1)
WAIVER = lint.Waiver("a.sql", "rule", "owner", "reason", TODAY)


def test_a_column_that_is_gone_has_changed_and_a_new_one_has_not() -> None:
    before = {"t a": "1", "t b": "2", "t c": "3"}
    assert rows.changed(before, {"t a": "1", "t b": "0", "t d": "4"}) == ["t b", "t c"]
    assert rows.changed(before, before) == []


def test_every_seed_belongs_to_a_revision_and_fills_something() -> None:
    seeds = rows.seeds()
    assert seeds
    assert [version for version, sql in seeds.items() if "insert into" not in sql] == []


def test_the_way_up_is_linted_as_the_runner_sends_it() -> None:
    script = lint.script(REVISION)
    assert script.sql == "set lock_timeout = '500ms'; set statement_timeout = '5s';\nselect 1;\n\n"
    assert (script.first_line, script.transaction) == (4, True)
    assert not lint.script(REVISION.replace("migrate:up", "migrate:up transaction:false")).transaction


def test_a_revision_without_a_way_up_cannot_be_linted() -> None:
    with pytest.raises(Invalid, match="way up"):
        lint.script("select 1;")


def test_a_finding_names_its_line_in_the_revision() -> None:
    text = REVISION.replace("select 1;", "select 1;\nalter table t add column c text not null;")
    assert [line for line, rule, _ in lint.findings(lint.script(text), 16) if rule == "adding-required-field"] == [6]


@pytest.mark.parametrize(
    ("waiver", "said"),
    [
        (WAIVER, ""),
        (lint.Waiver("a.sql", "rule", "owner", " ", TODAY), "no reason"),
        (lint.Waiver("a.sql", "rule", "", "reason", TODAY), "no owner"),
        (lint.Waiver("a.sql", "rule", "owner", "reason", date(2026, 11, 30)), "expired"),
        (lint.Waiver("a.sql", "rule", "owner", "reason", date(2027, 3, 2)), "90 days"),
    ],
)
def test_a_waiver_needs_an_owner_a_reason_and_a_near_end(waiver: lint.Waiver, said: str) -> None:
    found = lint.unfit(waiver, TODAY)
    assert said in found
    assert bool(said) == bool(found)


def test_a_waiver_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.toml").write_text('[[waiver]]\nfile = "a.sql"\n')
    with pytest.raises(Invalid, match=r"w\.toml"):
        lint.waivers(tmp_path / "w.toml")


def test_a_rows_digest_does_not_depend_on_the_order_of_its_columns() -> None:
    assert digest({"a": 1, "b": "x"}) == digest({"b": "x", "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_a_row_that_is_listed_nowhere_is_named_also_in_a_table_that_is_listed() -> None:
    listed, thumbnails = committed(), {"kind": "thumbnail", "stream": "jobs:thumbnail"}
    there = {table: expected["rows"] for table, expected in listed.items()}
    assert unlisted(there, listed) == []
    more = {"job_kinds": [*there["job_kinds"], thumbnails], "plans": [{"name": "free"}], "assets": []}
    assert unlisted(more, listed) == [f"job_kinds {thumbnails}", "plans {'name': 'free'}"]


def test_tables_that_a_revision_fills_are_found() -> None:
    assert INSERT.findall("insert into a (b) values (1);\nINSERT INTO public.c values (1)") == ["a", "c"]
