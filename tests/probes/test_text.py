"""What is shown of texts from the wire."""

import pytest

from seatrial.probes.text import without_queries


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
