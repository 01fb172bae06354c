"""What is shown of texts from the wire."""

import pytest

from seatrial.probes.text import LIMIT, one_line, without_queries
from seatrial.secrecy.redaction import Redactor


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://play.example/v/1/preview?exp=9&kid=one&sig=SIGNED", "https://play.example/v/1/preview?…"),
        ("http://127.77.0.41:18011/staging/k?X-Amz-Signature=SIGNED#part", "http://127.77.0.41:18011/staging/k?…"),
        ("api:/v1/assets?cursor=SIGNED", "api:/v1/assets?…"),
        ("https://play.example?sig=SIGNED", "https://play.example?…"),
        (
            '{"url":"https://play.example/v?exp=9\\u0026sig=SIGNED","expires":9}',
            '{"url":"https://play.example/v?…","expires":9}',
        ),
        (
            "media-src refused https://play.example/v?sig=SIGNED: 'self'",
            "media-src refused https://play.example/v?… 'self'",
        ),
    ],
)
def test_the_query_of_an_url_is_not_shown(text: str, shown: str) -> None:
    assert without_queries(text) == shown


@pytest.mark.parametrize(
    "text", ["https://play.example/v/1/preview", "why? because a/b?c", "the status: what? 200", "10:30 and a?b=c", ""]
)
def test_what_has_no_query_stays_as_it_is(text: str) -> None:
    assert without_queries(text) == text


@pytest.mark.parametrize("around", ['{{"token":"{}"}}', "as {} or so", "sig={}"])
def test_what_is_cut_holds_no_part_of_a_secret(around: str) -> None:
    secret = "hunter2/and+more=of_it"
    texts = [f"{'x ' * before}{around.format(secret)} {'and so on ' * LIMIT}" for before in range(LIMIT)]

    shown = [one_line(text) for text in texts]

    assert max(map(len, shown)) <= LIMIT
    assert [line for line in map(Redactor([secret]).text, shown) if secret[:2] in line] == []


def test_one_word_that_is_too_long_is_not_shown() -> None:
    assert (one_line("x" * LIMIT), one_line("x" * (LIMIT + 1))) == ("x" * LIMIT, "…")
