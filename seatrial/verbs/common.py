"""What the families of verbs share: how a verb is added, and how its environment is opened."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from seatrial.environment import Arming, Environment
from seatrial.errors import UsageError
from seatrial.outcome import Level, Result
from seatrial.profile import find, load
from seatrial.report import OUT

USAGE_ERROR = 3
# What is read of a verdict that was written.
_READ: dict[str, type] = {"missing": list, "results": list}
_READ |= dict.fromkeys(("environment", "level", "release", "scope", "signature", "started_at", "verdict"), str)


class Parser(argparse.ArgumentParser):
    """An argument parser that exits 3 for wrong usage: 2 means that there is no verdict."""

    def error(self, message: str) -> NoReturn:
        """Print usage and what was meant."""
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {message}", file=sys.stderr)
        sys.exit(USAGE_ERROR)


@dataclass(frozen=True)
class Verbs:
    """Where verbs are added."""

    commands: "argparse._SubParsersAction[Parser]"

    def add(self, name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        """Add a verb, which `run` carries out and returns the exit code of."""
        command = self.commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command


def with_profile(command: argparse.ArgumentParser) -> None:
    """Let a verb be told its environment."""
    command.add_argument("--profile", help="name or file (default: SEATRIAL_PROFILE, else local)")


def with_arm(command: argparse.ArgumentParser, text: str) -> None:
    """Let a verb be armed."""
    command.add_argument("--arm", action="append", default=[], metavar="LEVEL=ENVIRONMENT", help=text)


def with_suites(command: argparse.ArgumentParser) -> None:
    """Let a verb be told where the checks are."""
    command.add_argument("--suites", type=Path, default=Path("suites"), help="folder of suites (default: suites)")


def opened(options: argparse.Namespace, *, signs: bool = False) -> Environment:
    """Return the environment that the options name, armed as they say; where it signs, this process runs no check."""
    profile = load(find(options.profile))
    return Environment(profile, Arming.parse(getattr(options, "arm", []), profile), signs=signs)


def opened_to_strike(options: argparse.Namespace) -> Environment:
    """Return the environment that the options name, armed for destroy: a disposable one needs no arming."""
    profile = load(find(options.profile))
    disposable = profile.platform is not None and profile.platform.disposable
    environment = Environment(profile, Arming.parse(options.arm or [f"destroy={profile.name}"] * disposable, profile))
    if reason := environment.refuses(Level.DESTROY):
        raise UsageError(f"{options.command} strikes: {reason}")
    return environment


def count(text: str) -> int:
    """Read a number of times from the command line."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return int(text)


def last_verdict(out: Path = OUT) -> dict[str, Any]:
    """Return the last verdict as it was written; UsageError if there is none."""
    verdict = read_json(out / "verdict.json")
    if verdict is None:
        raise UsageError(f"no {out / 'verdict.json'}: run `seatrial gate` first")
    told = verdict if isinstance(verdict, dict) else {}
    if lacking := sorted(name for name, kind in _READ.items() if not isinstance(told.get(name), kind)):
        raise UsageError(
            f"{out / 'verdict.json'} is no verdict: it lacks {', '.join(lacking)}, or has another kind of value there"
        )
    try:
        _ = [Result.from_json(row) for row in told["results"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{out / 'verdict.json'} is no verdict: a result of it cannot be read: {error!r}") from None
    return told


def read_json(file: Path) -> Any:
    """Return what a file holds, None where there is none; UsageError if it is no JSON."""
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from None
