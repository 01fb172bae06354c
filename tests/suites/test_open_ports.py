"""What of the ports that are open in public INF-NET-01 and INF-NET-02 leave out, and what they find."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.environment import Environment
from seatrial.impact import Observe
from seatrial.platform import Listener, Listeners
from seatrial.profile import load
from suites.infra import test_network as network
from suites.infra._ports import Private
from suites.infra.test_network import test_nothing_private_answers_in_public as nothing_private_answers
from suites.infra.test_network import test_only_declared_ports_are_open_in_public as only_declared_ports_are_open
from tests.checking import ended
from tests.serving import answering, serving

PUBLIC, INSIDE = "127.0.0.1", "127.0.0.2"


@pytest.fixture
def declared() -> Iterator[int]:
    with answering(BaseHTTPRequestHandler) as port:
        yield port


def judged(
    folder: Path,
    declared: int,
    other: int,
    *listed: Listener,
    before: tuple[Listener, ...] = (),
    check: Callable[[Observe], None] = only_declared_ports_are_open,
    more: str = "",
) -> tuple[str, str]:
    """Ask about two open ports on a platform that knows these listeners."""
    file = folder / "here.toml"
    file.write_text(
        f'name = "here"\nmax_impact = "observe"\ntree = {json.dumps(str(folder))}\n'
        f'[urls]\napp = "http://{PUBLIC}:{declared}"\n'
        f'[targets]\npublic_address = "{PUBLIC}"\npublic_scan_ports = "{declared},{other}"\n{more}'
    )
    observe: Any = Observe(Environment(load(file)), "test")
    observe.platform = SimpleNamespace(offers=lambda _: True, listeners=lambda: Listeners(before, listed))
    return ended(observe, check)


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have three private parts inside and nothing to see through the public hosts."""
    with serving(ThreadingHTTPServer((INSIDE, 0), BaseHTTPRequestHandler)) as server:
        parts = [Private(f"api-{number}", INSIDE, server.server_port) for number in range(3)]
        monkeypatch.setattr(network, "private_ports", lambda *_: parts)
        monkeypatch.setattr(network, "_require_no_side_door", lambda *_: None)
        yield


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "PASSING_S", 2.0)


def test_what_was_opened_by_hand_after_the_start_is_found(declared: int, tmp_path: Path) -> None:
    with answering(BaseHTTPRequestHandler) as other:
        seen = judged(tmp_path, declared, other, Listener(PUBLIC, other, pid=7))

    assert seen == ("FAILED", f"other ports of {PUBLIC}: also open: {other} (process 7)")


def test_what_was_there_before_the_start_is_left_out(declared: int, tmp_path: Path) -> None:
    with answering(BaseHTTPRequestHandler) as other:
        its = Listener(PUBLIC, other, pid=7)
        seen = judged(tmp_path, declared, other, its, before=(its,))

    assert seen == ("PASSED", "")


@pytest.mark.parametrize("address", [PUBLIC, "0.0.0.0"])  # noqa: S104 - a listing, not a bind
def test_what_another_user_has_opened_is_left_out(declared: int, tmp_path: Path, address: str) -> None:
    with answering(BaseHTTPRequestHandler) as other:
        seen = judged(tmp_path, declared, other, Listener(address, other))

    assert seen == ("PASSED", "")


@contextmanager
def open_for(seconds: float) -> Iterator[int]:
    """Listen at the public address for a while; gives the port."""
    with ExitStack() as closing:
        port = closing.enter_context(answering(BaseHTTPRequestHandler))
        timer = threading.Timer(seconds, closing.pop_all().close)
        timer.start()
        yield port
        timer.join()


def test_what_is_soon_gone_again_is_left_out(declared: int, tmp_path: Path) -> None:
    with open_for(0.5) as other:
        seen = judged(tmp_path, declared, other, Listener(PUBLIC, other, pid=7))

    assert seen == ("PASSED", "")


@pytest.mark.usefixtures("hidden")
def test_what_is_soon_gone_again_is_left_out_where_control_planes_listen_too(
    declared: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_for(0.5) as other:
        monkeypatch.setattr(network, "WELL_KNOWN", {other: "Redis"})
        listed = Listener(PUBLIC, other, pid=7)
        seen = judged(tmp_path, declared, other, listed, check=nothing_private_answers)

    assert seen == ("PASSED", "")


@pytest.mark.usefixtures("hidden")
@pytest.mark.parametrize("part", [None, "redis"])
def test_what_stays_where_control_planes_listen_is_found(
    declared: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str | None
) -> None:
    with answering(BaseHTTPRequestHandler) as other:
        monkeypatch.setattr(network, "WELL_KNOWN", {other: "Redis"})
        listed = Listener(PUBLIC, other, pid=7, part=part)
        seen = judged(tmp_path, declared, other, listed, check=nothing_private_answers)

    at = f"{PUBLIC}:{other}"
    assert seen == ("FAILED", f"Redis outside, {at}: open at the public address: {at} ({part or 'process 7'})")


@pytest.mark.usefixtures("hidden")
def test_no_port_is_tried_at_an_address_that_is_shared_with_others(
    declared: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(BaseHTTPRequestHandler) as other:
        monkeypatch.setattr(network, "WELL_KNOWN", {other: "worker-1"})
        more = '[expect.not_applicable]\nINF-NET-02 = "an edge that many customers share"\n'
        found = Listener(PUBLIC, other, pid=7)
        seen = judged(tmp_path, declared, other, found, check=nothing_private_answers, more=more)

    assert seen == ("PASSED", "")
