import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from seatrial.probes.http import HttpAnswer
from suites.security._browser import lands_at, let_in, named_paths
from suites.security._tricks import EVIL, climbs, elsewhere, forged_forms, forged_origins, hosts

OWN = "https://app.example:8443"


@pytest.mark.parametrize(
    "location",
    ["/", "/upload?x=1", "upload", "?x", "/%5cattacker.example", "/..//attacker.example", "https:upload", f"{OWN}/x"],
)
def test_a_path_stays_on_our_site(location: str) -> None:
    assert lands_at(OWN, location) == OWN


@pytest.mark.parametrize(
    "location",
    [
        "//attacker.example/",
        "/\\attacker.example",
        "\\\\attacker.example",
        "/\t/attacker.example",
        " \x00//attacker.example",
        "https://attacker.example",
        "https:\\\\attacker.example",
        "HTTPS:///attacker.example/",
        f"{OWN}@attacker.example/",
    ],
)
def test_what_browsers_read_as_another_host_leads_away(location: str) -> None:
    assert lands_at(OWN, location) == "https://attacker.example"


def test_a_scheme_that_is_no_place_leads_away() -> None:
    assert lands_at(OWN, "java\nscript:alert(1)") == "javascript:"


def test_another_scheme_of_our_host_is_another_origin() -> None:
    assert lands_at(OWN, "http://app.example:8443/") != OWN


def test_paths_are_read_from_pages_and_scripts() -> None:
    text = '<a href="/upload?x=1"> <form action="/assets/7/delete"> post(`/assets/${made.asset.id}/complete`) "//x" "/static/a.js"'

    assert named_paths(text, {"id": "7"}) == {"/upload", "/assets/7/delete", "/assets/7/complete"}


def test_no_trick_is_made_twice() -> None:
    names = [
        [each.name for each in climbs("/static/", {"app.py": "import"})],
        [each.name for each in forged_origins(OWN, {"api": "https://api.example"})],
        [each.name for each, _, _ in forged_forms(OWN)],
        [name for name, _ in hosts("app.example")],
        list(elsewhere(OWN)),
    ]

    assert [each for each in names if len(each) != len(set(each)) or len(each) < 10] == []


def test_no_forged_origin_is_ours() -> None:
    assert [each for each in forged_origins(OWN, {}) if each.headers.get("Origin") == OWN] == []


def test_most_goals_lead_away_when_they_are_obeyed() -> None:
    away = [goal for goal in elsewhere(OWN) if lands_at(OWN, goal) != OWN]

    assert len(away) > 20
    assert all(EVIL in goal or re.search("script|blob|data", goal) for goal in away)


def test_who_the_form_has_let_in_is_signed_out_when_the_check_ends() -> None:
    sent: list[tuple[Any, ...]] = []
    http = SimpleNamespace(request=lambda method, url, **how: sent.append((method, url, how["headers"]["Cookie"])))
    left: list[Callable[[], object]] = []
    exercise: Any = SimpleNamespace(
        http=http,
        profile=SimpleNamespace(urls={"app": "https://app.test"}),
        cleanup=lambda call, *args, **how: left.append(lambda: call(*args, **how)),
    )
    cookies = httpx2.Headers([("set-cookie", "__Host-access=a; Secure"), ("set-cookie", "__Host-refresh=b; Secure")])

    let_in(exercise, HttpAnswer("POST", "app:/sign-in", 303, cookies, b"", 0.0, None))
    left.pop()()

    assert sent == [("POST", "app:/sign-out", "__Host-access=a; __Host-refresh=b")]
