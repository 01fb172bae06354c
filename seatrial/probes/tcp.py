"""Whether a port answers."""

import socket

from seatrial.probes.text import describe

OPEN, REFUSED, TIMEOUT = "open", "refused", "timeout"


def connect(address: str, port: int, timeout_s: float = 1.0) -> str:
    """Return "open", "refused", "timeout" or the error's text for one TCP connection attempt."""
    try:
        with socket.create_connection((address, port), timeout_s):
            return OPEN
    except ConnectionRefusedError:
        return REFUSED
    except TimeoutError:
        return TIMEOUT
    except OSError as error:
        return describe(error)
