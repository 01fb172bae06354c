"""What MIG-10 reads: its file of queries, and a plan."""

from suites.migrations import _plans as plans

FILE = """-- a comment

-- name: one
-- file: a.py
-- index: t_pkey
-- values: [1]
select * from t where id = %s;

-- name: two
-- file: b.py
-- index: t_idx
-- values: {"x": 2}
select 1
  from t where x = %(x)s;
"""
PLAN = {
    "Node Type": "Limit",
    "Plans": [
        {"Node Type": "Seq Scan", "Relation Name": "t"},
        {
            "Node Type": "Nested Loop",
            "Plans": [{"Node Type": "Index Scan", "Relation Name": "u", "Index Name": "u_pkey"}],
        },
    ],
}


def test_every_query_of_the_file_is_read() -> None:
    one, two = plans.queries(FILE)
    assert one == plans.Query("one", "a.py", "t_pkey", [1], "select * from t where id = %s")
    assert (two.values, two.sql) == ({"x": 2}, "select 1\n  from t where x = %(x)s")


def test_no_query_of_the_committed_file_is_overlooked() -> None:
    text = plans.QUERIES.read_text()
    assert len(plans.queries(text)) == text.count("-- name: ") >= 8


def test_a_query_is_found_whatever_its_white_space_and_not_when_a_word_differs() -> None:
    _, two = plans.queries(FILE)
    assert two.stands_in('execute("""select 1 from t\n where x = %(x)s""")')
    assert not two.stands_in("select 1 from t where y = %(x)s")


def test_whole_scans_and_indexes_are_found_at_any_depth() -> None:
    assert plans.scans(PLAN) == ({"t"}, {"u_pkey"})
