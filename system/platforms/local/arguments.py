"""Arguments of a control call: read by name and type, every wrong or unknown one is refused with one line."""

import datetime as dt
from collections.abc import Collection
from typing import Any

from system.platforms.local.errors import BadRequest
from system.platforms.local.releases import Edit
from system.recovery import read_moment


class Arguments:
    """Query or body of a call.

    Args:
        values: as received.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = dict(values)

    def finish(self) -> None:
        """Refuse what nobody has asked for."""
        if self._values:
            raise BadRequest(f"unknown argument {', '.join(sorted(self._values))}")

    def text(self, name: str) -> str:
        """Give a required string."""
        value = self.optional_text(name)
        if value is None:
            raise BadRequest(f"{name} is missing")
        return value

    def optional_text(self, name: str) -> str | None:
        """Give a string, None when it is absent."""
        value = self._values.pop(name, None)
        if value is not None and (not isinstance(value, str) or not value):
            raise BadRequest(f"{name} must be a string that is not empty")
        return value

    def moment(self, name: str) -> dt.datetime | None:
        """Give a moment with its distance from UTC, None when it is absent."""
        text = self.optional_text(name)
        if text is None:
            return None
        try:
            return read_moment(text)
        except ValueError as error:
            raise BadRequest(f"{name}: {error}") from None

    def choice(self, name: str, options: Collection[str], default: str) -> str:
        """Give one of a few words."""
        value = self.optional_text(name) or default
        if value not in options:
            raise BadRequest(f"{name} must be one of {', '.join(options)}, not {value!r}")
        return value

    def integer(self, name: str, default: int, *, least: int, most: int) -> int:
        """Give an integer within bounds; the query has it as text."""
        value = self._values.pop(name, default)
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise BadRequest(f"{name} must be an integer") from None
        if isinstance(value, bool) or not least <= number <= most:
            raise BadRequest(f"{name} must be an integer from {least} to {most}")
        return number

    def flag(self, name: str) -> bool:
        """Give true or false."""
        value = self._values.pop(name, False)
        if not isinstance(value, bool):
            raise BadRequest(f"{name} must be true or false")
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        """Give an object, empty when it is absent."""
        value = self._values.pop(name, None) or {}
        if not isinstance(value, dict):
            raise BadRequest(f"{name} must be an object")
        return value

    def texts(self, name: str) -> dict[str, str]:
        """Give an object of strings, empty when it is absent."""
        value = self.mapping(name)
        if not all(isinstance(each, str) for each in value.values()):
            raise BadRequest(f"{name} must be an object of strings")
        return value

    def settings(self, name: str) -> dict[str, dict[str, str | None]]:
        """Give an object of objects of strings or null, empty when it is absent."""
        value = self.mapping(name)
        for each in value.values():
            if not isinstance(each, dict) or not all(text is None or isinstance(text, str) for text in each.values()):
                raise BadRequest(f"{name} must be an object of objects of strings or null")
        return value

    def names(self, name: str) -> list[str]:
        """Give a list of strings, empty when it is absent."""
        value = self._values.pop(name, None) or []
        if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
            raise BadRequest(f"{name} must be a list of strings")
        return value

    def edits(self, name: str) -> list[Edit]:
        """Give the edits of a patch, empty when it is absent."""
        value = self._values.pop(name, None) or []
        try:
            edits = [Edit(**each) for each in value]
        except TypeError:
            raise BadRequest(f"{name} must be a list of objects with file, find and replace") from None
        if not all(isinstance(text, str) for edit in edits for text in (edit.file, edit.find, edit.replace)):
            raise BadRequest(f"{name}: file, find and replace must be strings")
        return edits
