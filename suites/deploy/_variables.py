"""Whether a deployment's files give a program the variables that it reads: asked of the program's own reader."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from seatrial import Invalid
from suites.security._secret_shapes import is_secret_name

__all__ = ["problems_of"]

STAND_IN = "0123456789abcdef" * 4  # long enough for whatever a secret must be; the secrets themselves are in no file
TIMEOUT_S = 60


def problems_of(
    tree: Path,
    program: str,
    given: Mapping[str, str],
    *,
    image: Mapping[str, str],
    secrets: Collection[str],
    files: Collection[str],
    command: str = "",
    complete: bool = False,
) -> list[str]:
    """Name what the program misses, cannot use or does not know among `given`, and which secret travels openly.

    Args:
        tree: where the program's source is.
        program: one that `system.variables` knows.
        given: the variables; the values of `secrets` are not looked at.
        image: variables that the image gives, of which the program need not know each.
        secrets: variables that are kept secret, by the deployment's own means.
        files: paths that exist where the program runs; for a secret it is a `_FILE`.
        command: the command that starts the program, which may use variables itself.
        complete: nothing may be left to a default of the program.

    """
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder, "stand-in")
        there.write_text(STAND_IN)
        values = {**image, **given}
        for name, value in values.items():
            if value in files:
                values[name] = str(there)
            elif name in secrets:
                values[name] = STAND_IN
        read, wrong = _ask(tree, program, values)
    problems = [line.replace(str(there), "the file") for line in wrong]
    problems += [
        f"{name}: {program} reads no such variable"
        for name in sorted(given)
        if not (name in read or _uses(command, name))
    ]
    problems += [
        f"{name}: a secret in the open" for name in sorted(given) if is_secret_name(name) and name not in secrets
    ]
    if complete:
        problems += [f"{name}: not given, so that {program} takes a default" for name in _asked(read) - values.keys()]
    return problems


def _asked(read: Collection[str]) -> set[str]:
    """Name the variables that are read; one that may come in a file is read under two names."""
    return {name for name in read if name.removesuffix("_FILE") == name or name.removesuffix("_FILE") not in read}


def _ask(tree: Path, program: str, values: Mapping[str, str]) -> tuple[set[str], list[str]]:
    command = [sys.executable, "-B", "-m", "system.variables", program]
    try:
        done = subprocess.run(
            command,
            cwd=tree,
            input=json.dumps(dict(values)),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        answer = json.loads(done.stdout)
        read, problems = set(answer["read"]), list(answer["problems"])
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Invalid(f"{program} could not be asked what it reads: {error}") from None
    except (ValueError, KeyError, TypeError):
        raise Invalid(f"{program} does not say what it reads: {done.stderr.strip()[-300:]}") from None
    if not read:
        raise Invalid(f"{program} reads no variable at all, so nothing was compared")
    return read, problems


def _uses(command: str, name: str) -> bool:
    return re.search(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", command) is not None
