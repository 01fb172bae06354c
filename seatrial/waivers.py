"""Waivers: failures that somebody answers for until a day, in `waivers.toml` beside `expected.toml`.

    [[waiver]]
    check = "INF-RD-02"
    profile = "staging"
    owner = "platform team"
    reason = "Valkey has one user until each service has its own"
    expires = 2026-12-24

The check runs nevertheless. A waiver that is over, too long, of no check, or of one that passes is a failure by itself: else the list
would only grow.
"""

import datetime as dt
import tomllib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from seatrial import expected
from seatrial.errors import UsageError
from seatrial.outcome import Outcome, Result

NAME = "waivers.toml"
LONGEST = dt.timedelta(days=90)
EXCUSED = (Outcome.FAILED, Outcome.INVALID)


@dataclass(frozen=True)
class Waiver:
    """One accepted failure; `profile` is the environment's name, `expires` the last day, in UTC."""

    check: str
    profile: str
    owner: str
    reason: str
    expires: dt.date

    def to_json(self) -> dict[str, str]:
        """Return what a verdict tells of it."""
        return {"owner": self.owner, "reason": self.reason, "expires": self.expires.isoformat()}


@dataclass(frozen=True)
class Waivers:
    """All that stand in the lists; `known` are the ids of the checks that there are."""

    rows: tuple[Waiver, ...] = ()
    known: frozenset[str] = frozenset()

    def wrong(self, waiver: Waiver, today: dt.date) -> str:
        """Say why a waiver excuses nothing; empty where it does."""
        if waiver.check not in self.known:
            return "there is no such check"
        if waiver.expires < today:
            return f"it ended on {waiver.expires}"
        if waiver.expires > today + LONGEST:
            return f"it ends on {waiver.expires}, more than {LONGEST.days} days from now"
        return ""

    def used(self, results: Iterable[Result], profile: str, today: dt.date) -> dict[str, Waiver]:
        """Return the waivers of this environment that excuse a result, by check."""
        needed = {result.id for result in results if result.outcome in EXCUSED}
        return {each.check: each for each in self._of(profile) if each.check in needed and not self.wrong(each, today)}

    def unfit(self, results: Iterable[Result], profile: str, today: dt.date) -> list[str]:
        """Name the waivers of this environment that must be taken out or renewed.

        What did not run is another run's affair: a drill does not fail for a check that is not in it. One of no check is in no run.
        """
        ended = {result.id: result.outcome for result in results}
        found = {
            each.check: self.wrong(each, today) or ("it passed" if ended.get(each.check) is Outcome.PASSED else "")
            for each in self._of(profile)
            if each.check in ended or each.check not in self.known
        }
        return [f"the waiver of {check} does not count: {why}" for check, why in found.items() if why]

    def _of(self, profile: str) -> list[Waiver]:
        return [each for each in self.rows if each.profile == profile]


def read(*roots: Path) -> Waivers:
    """Read the lists of folders of suites, which need have none; raises UsageError for one that is malformed."""
    rows: list[Waiver] = []
    for root in roots:
        path = root / NAME
        if path.exists():
            rows += _rows(path)
    known = {row.id for root in roots for row in expected.read(root)}
    return Waivers(tuple(rows), frozenset(known))


def _rows(path: Path) -> list[Waiver]:
    try:
        data = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from None
    tables = data.pop("waiver", [])
    if data or not isinstance(tables, list):
        raise UsageError(f"{path}: expected nothing but [[waiver]] tables, found {', '.join(data) or 'waiver'}")
    rows = [_row(path, number, table) for number, table in enumerate(tables, start=1)]
    places = [(row.check, row.profile) for row in rows]
    if doubled := [f"{check} at {profile}" for check, profile in places if places.count((check, profile)) > 1]:
        raise UsageError(f"{path}: two waivers of {doubled[0]}")
    return rows


def _row(path: Path, number: int, table: object) -> Waiver:
    names = [field.name for field in fields(Waiver)]
    if not isinstance(table, dict) or sorted(table) != sorted(names):
        raise UsageError(f"{path}: waiver {number} must have {', '.join(names)}, and nothing else")
    row = Waiver(**table)
    empty = [
        name
        for name, value in asdict(row).items()
        if name != "expires" and not (isinstance(value, str) and value.strip())
    ]
    if empty:
        raise UsageError(f"{path}: waiver {number}: {empty[0]} must be a text that says something")
    if type(row.expires) is not dt.date:
        raise UsageError(f"{path}: waiver {number}: expires must be a day like 2026-12-24, without quotes")
    return row
