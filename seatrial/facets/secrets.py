"""The secrets that this process holds, for looking whether they lie about; no value is ever given out."""

from functools import cached_property

from seatrial.leaks import Finder
from seatrial.scope import Scope


class ObserveSecrets:
    """Looks for the passwords and keys that the profile's references gave to this process."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    @cached_property
    def _finder(self) -> Finder:
        return Finder(self._scope.held())

    @property
    def held(self) -> tuple[str, ...]:
        """The references of those that are looked for."""
        return tuple(self._scope.held())

    def find(self, data: bytes) -> list[str]:
        """Return the references of the secrets that stand in the bytes, in whatever encoding."""
        return self._finder.find(data)
