"""Conditional and ranged requests get what RFC 9110 says, whatever a client writes into their headers."""

import pytest

from system.edge.conditions import Full, NotModified, Part, PreconditionFailed, Selection, Unsatisfiable, select

ETAG, SIZE = '"abc"', 1000


def chosen(headers: dict[str, str], *, method: str = "GET", size: int = SIZE) -> Selection:
    return select(method, headers, etag=ETAG, size=size)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-0", Part(0, 1)),
        ("bytes=0-99", Part(0, 100)),
        ("bytes=999-", Part(999, 1000)),
        ("bytes=0-", Part(0, 1000)),
        ("bytes=500-5000", Part(500, 1000)),
        ("bytes=-1", Part(999, 1000)),
        ("bytes=-5000", Part(0, 1000)),
        ("BYTES=0-9", Part(0, 10)),
        ("bytes= 0-9 ", Part(0, 10)),
        ("bytes=1000-", Unsatisfiable()),
        ("bytes=1000-2000", Unsatisfiable()),
        ("bytes=-0", Unsatisfiable()),
    ],
)
def test_one_range_is_honoured(asked: str, expected: Selection) -> None:
    assert chosen({"range": asked}) == expected


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=9-1",
        "bytes=a-b",
        "bytes=0-1,2-3",
        "lines=0-9",
        "bytes=-1-2",
        "bytes=0x1-2",
        "bytes=\u0661-\u0662",
        "bytes=" + "9" * 30 + "-",
    ],
)
def test_what_is_no_single_valid_range_gets_everything(asked: str) -> None:
    assert chosen({"range": asked}) == Full()


def test_an_empty_object_satisfies_no_range() -> None:
    assert chosen({"range": "bytes=0-"}, size=0) == Unsatisfiable()


def test_head_has_no_ranges() -> None:
    assert chosen({"range": "bytes=0-9"}, method="HEAD") == Full()


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (ETAG, NotModified()),
        (f"W/{ETAG}", NotModified()),
        (f'"x", {ETAG}', NotModified()),
        ("*", NotModified()),
        ('"x"', Full()),
        ("abc", Full()),
        ('"abc', Full()),
    ],
)
def test_if_none_match_compares_weakly(known: str, expected: Selection) -> None:
    assert chosen({"if-none-match": known}) == expected


def test_if_none_match_goes_before_range() -> None:
    assert chosen({"if-none-match": ETAG, "range": "bytes=0-9"}) == NotModified()


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (ETAG, Part(0, 10)),
        ('"x"', Full()),
        (f"W/{ETAG}", Full()),
        ("Mon, 23 Nov 2026 05:00:00 GMT", Full()),
    ],
)
def test_if_range_compares_strongly(condition: str, expected: Selection) -> None:
    assert chosen({"if-range": condition, "range": "bytes=0-9"}) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [(ETAG, Full()), ("*", Full()), ('"x"', PreconditionFailed()), (f"W/{ETAG}", PreconditionFailed())],
)
def test_if_match_compares_strongly(wanted: str, expected: Selection) -> None:
    assert chosen({"if-match": wanted}) == expected
