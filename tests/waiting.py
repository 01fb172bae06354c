"""Wait for what others bring about."""

import time
from collections.abc import Callable

PAUSE_S = 0.02  # between two looks: whoever is waited for needs the processor, too


def wait_for(holds: Callable[[], object], within_s: float = 20.0, *, what: str = "what was waited for") -> None:
    """Look until something holds; fails the test when it does not in time."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(PAUSE_S)
