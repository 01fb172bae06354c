"""The secrets that this process holds: whether they lie about, and how strong they are; no value is ever given out."""

import secrets
from functools import cached_property

from seatrial.platform import Strength
from seatrial.scope import Scope
from seatrial.secrecy.leaks import Finder
from seatrial.secrecy.redaction import values
from seatrial.secrecy.strength import strength


class ObserveSecrets:
    """Looks for, and at, the passwords and keys that the profile's references gave to this process."""

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

    def strengths(self) -> tuple[Strength, ...]:
        """Return how strong each is, every key of a ring on its own, and which are the same."""
        nonce = secrets.token_hex(16)
        held = {name: list(values(text)) for name, text in self._scope.held().items()}
        return tuple(
            strength(name if len(found) == 1 else f"{name} ({number})", name, value, nonce)
            for name, found in held.items()
            for number, value in enumerate(found, 1)
        )
