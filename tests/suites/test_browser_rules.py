"""Which policies let injected text run, as SEC-HTTP-01 reads them."""

import httpx2
import pytest

from seatrial import Failure
from seatrial.probes.http import HttpAnswer
from suites.security.test_http import Seen, _require_headers

CLOSED = "default-src 'none'; frame-ancestors 'none'"
OTHERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def judge(policy: str) -> None:
    headers = httpx2.Headers({"Content-Security-Policy": policy, **OTHERS})
    _require_headers(Seen("it", "frontend", HttpAnswer("GET", "app:/", 200, headers, b"", 0.0, None), 200))


@pytest.mark.parametrize(
    "scripts",
    [
        "",
        "script-src 'self' https://app.test; object-src 'none'",
        "script-src 'self' 'nonce-abc' 'strict-dynamic'; script-src-elem 'self'",
        "script-src 'self'; script-src 'unsafe-inline'",
        "img-src data: https: *",
    ],
)
def test_a_policy_that_lets_nothing_injected_run_is_right(scripts: str) -> None:
    judge(f"{CLOSED}; {scripts}")


@pytest.mark.parametrize(
    ("scripts", "kind"),
    [
        ("script-src 'unsafe-inline'", "script-src"),
        ("script-src 'self' 'UNSAFE-EVAL'", "script-src"),
        ("script-src *", "script-src"),
        ("script-src https://*", "script-src"),
        ("script-src *:*", "script-src"),
        ("script-src https://*.test", "script-src"),
        ("script-src https:", "script-src"),
        ("script-src filesystem:", "script-src"),
        ("script-src 'unsafe-inline'; script-src 'self'", "script-src"),
        ("script-src 'self'; script-src-elem 'self' 'unsafe-inline'", "script-src-elem"),
        ("script-src 'self'; script-src-attr 'unsafe-inline'", "script-src-attr"),
        ("style-src 'self'; style-src-attr 'unsafe-inline'", "style-src-attr"),
        ("object-src data:", "object-src"),
    ],
)
def test_a_loose_policy_is_found_by_its_directive(scripts: str, kind: str) -> None:
    with pytest.raises(Failure, match=f"a {kind} without"):
        judge(f"{CLOSED}; {scripts}")
