import contextlib
import socket

from seatrial.probes import tcp
from tests.probes.conftest import Serve, silent


def test_a_listening_port_is_open(serve: Serve) -> None:
    assert tcp.connect("127.0.0.1", serve(silent).port) == "open"


def test_a_closed_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert tcp.connect("127.0.0.1", port) == "refused"


def test_a_port_that_takes_no_one_is_late() -> None:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        waiting = stack.enter_context(socket.socket())
        waiting.connect(address)
        assert tcp.connect(address[0], address[1], timeout_s=0.1) == "timeout"


def test_a_name_that_does_not_resolve_says_so(no_names: None) -> None:
    assert tcp.connect("nowhere.invalid", 80) == "name not resolved: Name or service not known"
