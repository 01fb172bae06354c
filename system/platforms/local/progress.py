"""Progress of a start: JSON lines from the supervisor to whoever called `up`."""

import json
import os
from typing import Any


class CallerGone(Exception):  # noqa: N818 - the name of the event
    """Nobody reads the progress any more: the caller of `up` has died."""


class Progress:
    """Writes events to the caller of `up`.

    Args:
        descriptor: the writing end of a pipe.
    """

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._descriptor: int | None = descriptor

    def send(self, **event: Any) -> None:
        """Write one event; raises CallerGone. Does nothing after `close`."""
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, json.dumps(event).encode() + b"\n")
        except BrokenPipeError:
            self.close()
            raise CallerGone from None

    def close(self) -> None:
        """Let the caller go."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
