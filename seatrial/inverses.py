"""Inverses of strikes, by name: what `prove`, Ctrl-C and `heal` replay from the undo log.

An inverse is idempotent, takes its arguments from the log alone and imports no fault.
"""

import importlib
from collections.abc import Callable
from typing import Any

from seatrial.errors import HarnessError
from seatrial.scope import Scope

Inverse = Callable[..., None]

INVERSES: dict[str, Inverse] = {}

_FACETS = ("cloud", "files", "platform", "postgres", "redis", "s3", "tree")


def inverse(name: str) -> Callable[[Inverse], Inverse]:
    """Register a function as the inverse `name`; it is called with the scope and the logged arguments as keywords."""

    def register(function: Inverse) -> Inverse:
        if name in INVERSES:
            raise HarnessError(f"two inverses are named {name!r}")
        INVERSES[name] = function
        return function

    return register


def invert(name: str, args: dict[str, Any], scope: Scope) -> None:
    """Run one inverse; raises HarnessError if none has that name."""
    for facet in _FACETS:
        importlib.import_module(f"seatrial.facets.{facet}")
    if name not in INVERSES:
        raise HarnessError(f"no inverse is named {name!r} (there are: {', '.join(sorted(INVERSES))})")
    INVERSES[name](scope, **args)
