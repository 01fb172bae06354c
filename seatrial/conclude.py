"""From results to a verdict, the same way for `seatrial gate` and for raw pytest."""

import difflib
import sys
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self

import seatrial
from seatrial import expected, hosting
from seatrial.basis import Basis, summed
from seatrial.environment import Environment
from seatrial.errors import EnvironmentFault, ProfileError, UsageError
from seatrial.outcome import Result
from seatrial.platform import PlatformClient
from seatrial.profile import Profile
from seatrial.verdict import Verdict, rule
from seatrial.waivers import Waivers

CLOCK_TOLERANCE_S = 5.0
# How like another id one is that is a slip: all but one of the six characters of the shortest.
_SLIP = 0.83


@dataclass(frozen=True)
class Moment:
    """One moment by two clocks: that of the wall, which may be set, and that of the machine, which may not."""

    wall_s: float
    machine_s: float

    @classmethod
    def now(cls) -> Self:
        """Return this moment. The machine's clock goes on while it sleeps."""
        return cls(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))

    def moved(self, later: "Moment") -> list[str]:
        """Say by how much the wall's clock was moved between two moments, if it was."""
        moved_s = (later.wall_s - self.wall_s) - (later.machine_s - self.machine_s)
        if abs(moved_s) <= CLOCK_TOLERANCE_S:
            return []
        return [
            f"the clock of this machine was moved by {moved_s:+.0f} s meanwhile: certificates and waivers were judged by it"
        ]


def ready(environment: Environment) -> None:
    """Raise UsageError unless the environment is up, is the one that the profile names, and nothing waits to be undone."""
    profile = environment.profile
    if profile.platform is None:
        return
    if not profile.platform.socket.exists():
        raise UsageError(f"environment {profile.name} is down: run `seatrial up {profile.option}`")
    try:
        hosting.require_up(profile)
    except EnvironmentFault as error:
        raise UsageError(f"environment {profile.name} is down ({error}): run `seatrial up {profile.option}`") from None
    if left := struck(environment):
        raise UsageError(left)


def require_listed(profile: Profile, known: Collection[str], *roots: Path) -> None:
    """Raise ProfileError where the profile calls a check not applicable whose id is a slip of one that there is.

    An id that is like none is another folder's: of it a line is printed.

    Args:
        known: the ids of all checks in the folders of suites that are run.
        roots: those folders.
    """
    unknown = sorted(profile.expect.not_applicable.keys() - set(known))
    close = {name: difflib.get_close_matches(name, known, n=1, cutoff=_SLIP) for name in unknown}
    if slips := [
        f"{profile.path}: expect.not_applicable.{name}: no {expected.NAME} has such a check; did you mean {near[0]!r}?"
        for name, near in close.items()
        if near
    ]:
        raise ProfileError("\n".join(slips))
    lists = " or ".join(str(root / expected.NAME) for root in roots)
    for name in unknown:
        print(f"{profile.path}: expect.not_applicable.{name}: no check of {lists}", file=sys.stderr)


def struck(environment: Environment) -> str:
    """Say what waits to be undone, and how; nothing where nothing does."""
    profile = environment.profile
    pending = environment.undo_log.pending() if profile.platform else []
    if not pending:
        return ""
    more = f" and {len(pending) - 1} more" if pending[1:] else ""
    return f"environment {profile.name} is still struck: {pending[0]}{more}; run `seatrial heal {profile.option}`"


def release_of(environment: Environment) -> str:
    """Return the release under trial: what the profile expects, or what the platform calls current."""
    profile = environment.profile
    if profile.expect.release != "platform":
        return profile.expect.release
    if profile.platform is None:
        return "unknown"
    try:
        return str(PlatformClient(profile.platform.socket).status().release)
    except EnvironmentFault:
        return "unknown"


def _unlike(results: Iterable[Result], scope: expected.Scope) -> list[str]:
    """Name the results that are not what was reviewed."""
    rows, found = {row.id: row for row in scope.rows}, []
    for result in results:
        if (row := rows.get(result.id)) is None:
            found.append(f"{result.id} ran but is not in expected.toml")
        elif (row.severity, row.level) != (result.severity, result.level):
            seen, listed = f"{result.severity} at {result.level}", f"{row.severity} at {row.level}"
            found.append(f"{result.id} is {seen}, and {listed} in expected.toml")
    return found


def conclude(
    environment: Environment,
    results: Iterable[Result],
    scope: expected.Scope,
    problems: Iterable[str],
    *,
    began: Moment,
    timings: Mapping[str, float] | None = None,
    waivers: Waivers | None = None,
    basis: Basis | None = None,
) -> Verdict:
    """Rule on the results of a scope.

    Args:
        began: when the trial did.
        waivers: what is accepted; nothing when left out.
        timings: stage name -> seconds, for the report.
        basis: the releases and files that the trial was about; none when left out.
    """
    profile, ended = environment.profile, tuple(sorted(results, key=lambda result: (result.suite, result.id)))
    level = max(profile.expect.level, environment.arming.level or profile.expect.level)
    required = expected.required(scope, level, profile.expect.not_applicable)
    now = Moment.now()
    found = [*problems, *_unlike(ended, scope), *began.moved(now)]
    if left := struck(environment):
        found.append(left)
    accepted, today = waivers or Waivers(), datetime.now(UTC).date()
    used = accepted.used(ended, profile.name, today)
    unfit = accepted.unfit(ended, profile.name, today)
    ruling, missing = rule(ended, required, found, used, unfit)
    return Verdict(
        ruling=ruling,
        environment=profile.name,
        release=release_of(environment),
        scope=scope.label,
        level=str(level),
        started_at=datetime.fromtimestamp(began.wall_s, UTC).isoformat(timespec="seconds"),
        duration_s=now.machine_s - began.machine_s,
        results=ended,
        required=tuple(required),
        missing=missing,
        problems=(*found, *unfit),
        timings=dict(timings or {}),
        waivers={check: waiver.to_json() for check, waiver in used.items()},
        harness=harness(),
        basis=basis or Basis(),
    )


def harness() -> str:
    """Return the version of the harness and what its files come to: a version stays the same from release to release."""
    return f"{harness_version()} {summed(Path(seatrial.__file__).parent)[:12]}"


def harness_version() -> str:
    """Return the version of the harness."""
    try:
        return version("seatrial")
    except PackageNotFoundError:
        return "source"
