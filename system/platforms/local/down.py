"""`down`: stop everything and wait until nothing is left."""

import os
import signal
import time

from system.platforms.local import lock
from system.platforms.local.control_client import call
from system.platforms.local.errors import PlatformError
from system.platforms.local.layout import Layout

_ORDERLY_S = 30.0
_FORCED_S = 10.0


def down(layout: Layout) -> int:
    """Stop the instance of a state directory; 0 also when there was none."""
    started = time.monotonic()
    if lock.is_free(layout.lock_file):
        print(f"down: nothing is running ({layout.state})")
        return 0
    try:
        answered = call(layout.control_socket, "POST", "/v1/down") is not None
    except PlatformError as error:
        print(f"down: {error}; asking the guardian")
        answered = False
    if not answered:
        _signal_guardian(layout, signal.SIGTERM)
    if not lock.wait_free(layout.lock_file, _ORDERLY_S):
        print(f"down: still there after {_ORDERLY_S:g} s, killing it")
        _signal_guardian(layout, signal.SIGKILL)
        if not lock.wait_free(layout.lock_file, _FORCED_S):
            raise PlatformError(f"the instance does not end; its log is {layout.platform_log}")
    print(f"down: everything has stopped ({time.monotonic() - started:.1f} s)")
    return 0


def _signal_guardian(layout: Layout, signum: signal.Signals) -> None:
    """Signal the guardian, and so both: the kernel tells the supervisor when the guardian is gone."""
    try:
        os.kill(int(layout.guardian_pid.read_text()), signum)
    except (FileNotFoundError, ProcessLookupError):
        return  # it is ending by itself; the caller waits for that
