"""Values of secrets that are replaced while the service runs: a mounted file is read again once it has changed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

__all__ = ["Live", "follow"]

T = TypeVar("T")
_Stamp = tuple[tuple[int, int, int], ...]
_TRIES = 5
_FOLLOW_EVERY_S = 0.25

log = logging.getLogger("system.secrets")  # configuration is read before the logs are set up


class Live(Generic[T]):
    """Hold the current value of a secret; a file that is gone or makes no sense leaves the last good value in force.

    Args:
        value: what was read first.
        parse: makes the value of the files' texts; raises ValueError, which never quotes them.
        files: none for a value that came by environment and never changes. Several are read as one: their writer
            replaces all of them in one step.
    """

    def __init__(self, value: T, parse: Callable[[Sequence[str]], T] | None = None, files: Sequence[Path] = ()) -> None:
        self._value, self._parse, self._files = value, parse, tuple(files)
        self._seen: _Stamp | None = None

    @property
    def now(self) -> T:
        """Give the value of this moment; it is the same object for as long as nothing has changed."""
        if self._parse is None or not self._files:
            return self._value
        try:
            stamp = self._stamp()
            if stamp != self._seen:
                self._value, self._seen = self._read(self._parse, stamp)
        except (OSError, ValueError) as error:
            if self._seen != ():
                log.warning("a secret cannot be read again", extra={"file": self._files[0].name, "reason": str(error)})
            self._seen = ()
        return self._value

    def _stamp(self) -> _Stamp:
        return tuple((stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in (file.stat() for file in self._files))

    def _read(self, parse: Callable[[Sequence[str]], T], stamp: _Stamp) -> tuple[T, _Stamp]:
        for _ in range(_TRIES):
            texts = [file.read_text(encoding="utf-8").rstrip("\r\n") for file in self._files]
            after = self._stamp()
            if after == stamp:  # nothing was replaced between the first look and the last: the texts belong together
                if not all(texts):
                    raise ValueError("the file is empty")
                return parse(texts), after
            stamp = after
        raise OSError("the file changes faster than it can be read")


async def follow(secret: Live[Any], renew: Callable[[], Awaitable[object]]) -> None:
    """Call `renew` each time the secret has changed, and again where it fails, until cancelled.

    Connections that were opened with the secret from before are old.
    """
    seen = secret.now
    while True:
        await asyncio.sleep(_FOLLOW_EVERY_S)
        newest = secret.now
        if newest is not seen:
            try:
                await renew()
            except Exception as error:  # noqa: BLE001 - whatever it was, the connections are old still
                log.warning(
                    "old connections cannot be closed yet", extra={"reason": f"{type(error).__name__}: {error}"}
                )
            else:
                seen = newest
