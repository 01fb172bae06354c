"""What of the ports that are open in public INF-NET-02 leaves out, and what it finds."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.environment import Environment
from seatrial.impact import Observe
from seatrial.platform import Listener, Listeners
from seatrial.profile import load
from suites.infra import test_network as network
from suites.infra.test_network import test_only_declared_ports_are_open_in_public as only_declared_ports_are_open
from tests.checking import ended
from tests.serving import answering

PUBLIC = "127.0.0.1"


@pytest.fixture
def declared() -> Iterator[int]:
    with answering(BaseHTTPRequestHandler) as port:
        yield port


def judged(
    folder: Path, declared: int, other: int, *listed: Listener, before: tuple[Listener, ...] = ()
) -> tuple[str, str]:
    """Ask about two open ports on a platform that knows these listeners."""
    file = folder / "here.toml"
    file.write_text(
        f'name = "here"\nmax_impact = "observe"\ntree = {json.dumps(str(folder))}\n'
        f'[urls]\napp = "http://{PUBLIC}:{declared}"\n'
        f'[targets]\npublic_address = "{PUBLIC}"\npublic_scan_ports = "{declared},{other}"\n'
    )
    observe: Any = Observe(Environment(load(file)), "test")
    observe.platform = SimpleNamespace(offers=lambda _: True, listeners=lambda: Listeners(before, listed))
    return ended(observe, only_declared_ports_are_open)


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


def test_what_is_soon_gone_again_is_left_out(declared: int, tmp_path: Path) -> None:
    closing = answering(BaseHTTPRequestHandler)
    other = closing.__enter__()
    timer = threading.Timer(0.5, closing.__exit__, (None, None, None))
    timer.start()

    seen = judged(tmp_path, declared, other, Listener(PUBLIC, other, pid=7))

    timer.join()
    assert seen == ("PASSED", "")
