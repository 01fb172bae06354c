"""The harness, asked from outside: a deployment is good when its gate says GO."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from enum import Enum

TOKEN = "DIGITALOCEAN_TOKEN"  # noqa: S105 - the variable's name


class Verdict(Enum):
    """What the gate said."""

    GO = "GO"
    NO_GO = "NO-GO"
    UNKNOWN = "no verdict"


def gate(arguments: Sequence[str], environment: Mapping[str, str]) -> Verdict:
    """Run `seatrial gate` with these arguments, its output on ours, and without the token that may deploy."""
    command = [sys.executable, "-m", "seatrial", "gate", *arguments]
    own = {key: value for key, value in environment.items() if key != TOKEN}
    ended = subprocess.run(command, env=own, stdin=subprocess.DEVNULL, check=False)
    return {0: Verdict.GO, 1: Verdict.NO_GO}.get(ended.returncode, Verdict.UNKNOWN)
