"""What MIG-06 asks squawk, and what may be waived."""

import json
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from seatrial import Invalid

UP = re.compile(r"^-- migrate:up([^\n]*)\n(.*?)^-- migrate:down", re.DOTALL | re.MULTILINE)
HEADER = re.compile(r"^-- (lock_timeout|statement_timeout): ([0-9]+(?:ms|s|min))$", re.MULTILINE)
DEFAULT_STATEMENT_TIMEOUT = "5s"
LONGEST_WAIVER_DAYS = 90
KNOWN_BAD = "alter table jobs add column tries integer not null;"
KNOWN_BAD_RULE = "adding-required-field"


@dataclass(frozen=True)
class Waiver:
    """A rule that a revision may break until a day."""

    file: str
    rule: str
    owner: str
    reason: str
    expires: date


@dataclass(frozen=True)
class Script:
    """A revision's way up as the runner sends it."""

    sql: str
    first_line: int
    transaction: bool


def waivers(path: Path) -> list[Waiver]:
    """Read the waivers; raises Invalid for one that is not whole."""
    try:
        return [Waiver(**each) for each in tomllib.loads(path.read_text()).get("waiver", [])]
    except (TypeError, tomllib.TOMLDecodeError) as error:
        raise Invalid(f"{path.name}: {error}") from None


def unfit(waiver: Waiver, today: date) -> str:
    """Return what is wrong with a waiver itself, "" if nothing."""
    if not waiver.reason.strip() or not waiver.owner.strip():
        return "has no owner or no reason"
    if waiver.expires < today:
        return f"has expired on {waiver.expires}"
    if (waiver.expires - today).days > LONGEST_WAIVER_DAYS:
        return f"runs for more than {LONGEST_WAIVER_DAYS} days"
    return ""


def script(text: str) -> Script:
    """Take the way up out of a revision; raises Invalid where there is none."""
    found = UP.search(text)
    if found is None:
        raise Invalid("a revision has no way up to lint")
    limits = {"statement_timeout": DEFAULT_STATEMENT_TIMEOUT, **dict(HEADER.findall(text))}
    settings = " ".join(f"set {name} = '{value}';" for name, value in sorted(limits.items()))
    return Script(
        f"{settings}\n{found[2]}", text[: found.start(2)].count("\n"), transaction="transaction:false" not in found[1]
    )


def findings(script: Script, postgres_major: int) -> list[tuple[int, str, str]]:
    """Return what squawk finds: line in the revision, rule, message; raises Invalid when it cannot be asked."""
    program = Path(sys.executable).with_name("squawk")
    if not program.is_file():
        raise Invalid(f"squawk is missing: run make setup ({program})")
    command = [str(program), "--reporter", "json", "--pg-version", str(postgres_major)]
    command += ["--assume-in-transaction"] if script.transaction else []
    # A folder without a squawk configuration, so that none is picked up from where the check runs.
    done = subprocess.run(
        [*command, "--stdin-filepath", "revision.sql"],
        input=script.sql,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd="/",
    )
    try:
        return [(row["line"] + script.first_line, row["rule_name"], row["message"]) for row in json.loads(done.stdout)]
    except (ValueError, KeyError, TypeError):
        raise Invalid(f"squawk ended with {done.returncode}: {done.stderr.strip()[:300]}") from None
