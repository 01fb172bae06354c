"""The queries that run all the time, on tables as large as a year makes them."""

from seatrial import MAJOR, Exercise, Invalid, check, require
from suites.migrations import _plans as plans
from suites.migrations import _volume as volume
from suites.migrations._scratch import ScratchServer

GROWING = (
    "accounts",
    "sessions",
    "refresh_tokens",
    "assets",
    "idempotency_keys",
    "jobs",
    "outbox",
    "idempotent_answers",
)
ROWS = 20_000
LARGE = "select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' and reltuples >= 10000"


@check("MIG-10", severity=MAJOR, component="postgres")
def test_hot_queries_use_their_indexes(exercise: Exercise) -> None:
    """Each query that the product runs all the time uses the index made for it, and reads no large table from end to end.

    Why it matters: on a developer's hundred rows every plan is fast; with a year's rows, the query that lost its index
    takes seconds, holds its connection meanwhile, and the pool is empty before anybody has looked.

    How it is measured: a scratch server at head is filled with 20 000 generated rows in each table that grows, and
    analyzed. The queries of suites/migrations/hot_queries.sql, each of which must stand word for word in the file of the
    source tree that it names, or the check is INVALID, are given to EXPLAIN (FORMAT JSON) with values. The plan must use
    the index that stands beside the query, and may scan no table of 10 000 rows or more sequentially.

    Not covered: how long they take (the load suite), queries that are put together from pieces (the worker's claims, by
    primary key), indexes that the deletes of foreign keys need.
    """
    queries = plans.queries(plans.QUERIES.read_text())
    for query in queries:
        file = exercise.tree / query.file
        if not file.is_file() or not query.stands_in(file.read_text()):
            raise Invalid(
                f"{query.name}: not in {query.file} any more; bring suites/migrations/hot_queries.sql up to date"
            )
    server = ScratchServer(exercise)
    server.up()
    server.rows(volume.filling(dict.fromkeys(GROWING, ROWS)))
    large = {row["name"] for row in server.rows(LARGE)}
    if len(large) < len(GROWING):
        raise Invalid(f"only {', '.join(sorted(large)) or 'no table'} was filled, so that plans say nothing")
    seen = {}
    with exercise.cases(at_least=9) as cases:
        for query in queries:
            row = server.rows(f"explain (format json) {query.sql}", query.values)[0]
            whole, indexes = plans.scans(row["QUERY PLAN"][0]["Plan"])
            seen[query.name] = sorted(indexes)
            with cases(query.name):
                slow = sorted(whole & large)
                require(not slow, "no large table read from end to end", f"Seq Scan on {', '.join(slow)}")
                require(
                    query.index in indexes, f"the index {query.index} used", f"used: {', '.join(indexes) or 'none'}"
                )
    exercise.evidence("indexes", seen)
