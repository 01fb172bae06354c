"""The checks of certificates and protocols against TLS servers that really are broken, one defect each."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.probes.conftest import Authority, Serve
from tests.tls.bench import CHECKS, old, strong, trial, weak_cipher, weak_key

Dress = Callable[[Authority], ssl.SSLContext]


def test_a_good_server_passes_every_check(tmp_path: Path, authority: Authority, serve: Serve) -> None:
    ended = trial(tmp_path, authority, serve, strong(authority), tuple(CHECKS))
    assert ended.outcomes == dict.fromkeys(CHECKS, "PASSED"), ended.said


CHAINS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("expired", {"days": -1}, {"SEC-TLS-01": "certificate has expired", "SEC-TLS-02": "certificate has expired"}),
    ("self-signed", {"self_signed": True}, {"SEC-TLS-01": "self-signed certificate"}),
    ("for another host", {"names": ("other.example.test",)}, {"SEC-TLS-01": "Hostname mismatch"}),
    ("without intermediate", {"with_intermediate": False}, {"SEC-TLS-01": "unable to get local issuer certificate"}),
    (
        "below an expired intermediate",
        {"intermediate_days": -1},
        {"SEC-TLS-01": "certificate has expired", "SEC-TLS-02": "certificate has expired"},
    ),
    ("about to expire", {"days": 0.02}, {"SEC-TLS-02": "more than 3600 s left"}),
]


@pytest.mark.parametrize(("how", "words"), [row[1:] for row in CHAINS], ids=[row[0] for row in CHAINS])
def test_a_broken_chain_is_refused_for_its_reason(
    tmp_path: Path, authority: Authority, serve: Serve, how: dict[str, Any], words: dict[str, str]
) -> None:
    ended = trial(tmp_path, authority, serve, strong(authority, **how), tuple(words))
    assert ended.outcomes == dict.fromkeys(words, "FAILED"), ended.said
    for check, said in words.items():
        assert said in ended.said[check]


WEAK: list[tuple[str, Dress, str]] = [
    ("TLS 1.0", lambda authority: old(authority, ssl.TLSVersion.TLSv1), "'TLSv1'"),
    ("TLS 1.1", lambda authority: old(authority, ssl.TLSVersion.TLSv1_1), "TLS versions {'TLSv1.1'}"),
    ("a CBC suite", weak_cipher, "Cipher suites {'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA'}"),
    ("RSA-1024", weak_key, "RSA key size is 1024"),
]


SLOW = [pytest.param(*row[1:], id=row[0], marks=pytest.mark.slow) for row in WEAK[1:]]  # some ten seconds each


@pytest.mark.parametrize(("dress", "words"), [pytest.param(*WEAK[0][1:], id=WEAK[0][0]), *SLOW])
def test_weak_tls_is_refused_for_its_reason(
    tmp_path: Path, authority: Authority, serve: Serve, dress: Dress, words: str
) -> None:
    ended = trial(tmp_path, authority, serve, dress(authority), ("SEC-TLS-03",))
    assert ended.outcomes == {"SEC-TLS-03": "FAILED"}, ended.said
    assert words in ended.said["SEC-TLS-03"]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"extra": ""}, "one Strict-Transport-Security header"),
        ({"extra": "Strict-Transport-Security: max-age=60\r\n"}, "max-age of at least 31536000 s"),
        ({"to": "http"}, "a redirect to https://app.example.test"),
    ],
    ids=["no HSTS", "short HSTS", "a redirect to HTTP"],
)
def test_a_way_around_https_is_refused_for_its_reason(
    tmp_path: Path, authority: Authority, serve: Serve, how: dict[str, Any], words: str
) -> None:
    ended = trial(tmp_path, authority, serve, strong(authority), ("SEC-TLS-04",), **how)
    assert ended.outcomes == {"SEC-TLS-04": "FAILED"}, ended.said
    assert words in ended.said["SEC-TLS-04"]
