"""From results to a verdict, the same way for `seatrial gate` and for raw pytest."""

import difflib
import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

import pytest
from rich.console import Console

import seatrial
from seatrial import expected, hosting
from seatrial.basis import Basis, summed
from seatrial.environment import Environment
from seatrial.errors import EnvironmentFault, ProfileError, UsageError
from seatrial.outcome import Outcome, Result
from seatrial.platform import PlatformClient
from seatrial.profile import Profile
from seatrial.report import OUT, previous, site, summary, write
from seatrial.report._files import Folder
from seatrial.secrecy.redaction import Redactor
from seatrial.verdict import Verdict, rule
from seatrial.waivers import Waivers

if TYPE_CHECKING:
    from seatrial.dsse import Signer

ATTESTATION = "verdict.intoto.json"
"""The signed verdict's name among the reports."""
CLOCK_TOLERANCE_S = 5.0
# How like another id one is that is a slip: all but one of the six characters of the shortest.
_SLIP = 0.83
# Whose hooks a trial rests on.
_TRUSTED = {"_pytest", "pytest", "pluggy", "xdist", "seatrial"}
_WORKER = "__channelexec__"  # xdist's, which is in no file


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


def scope_of_arguments(config: pytest.Config) -> expected.Scope:
    """Return what a raw pytest call is about, from its path arguments."""
    return expected.select_paths(_paths(config))


def roots_of_arguments(config: pytest.Config) -> set[Path]:
    """Return the folders of suites that a raw pytest call is about, from its path arguments."""
    return expected.roots_of_paths(_paths(config))


def _paths(config: pytest.Config) -> list[str]:
    # Where help is asked for, pytest comes no further than to what was typed.
    return [str(argument) for argument in config.args or config.known_args_namespace.file_or_dir]


def is_trial(config: pytest.Config) -> bool:
    """Tell whether a raw pytest call names suites."""
    try:
        return bool(scope_of_arguments(config).rows)
    except UsageError:
        return False


def filters(config: pytest.Config) -> list[str]:
    """Name every option that made the run smaller than its scope."""
    names = {
        "keyword": "-k",
        "markexpr": "-m",
        "deselect": "--deselect",
        "lf": "--lf",
        "maxfail": "-x/--maxfail",
        "stepwise": "--stepwise",
        "ignore": "--ignore",
        "ignore_glob": "--ignore-glob",
        "collectonly": "--collect-only",
        "setuponly": "--setup-only",
        "setupplan": "--setup-plan",
        "runxfail": "--runxfail",
        "continue_on_collection_errors": "--continue-on-collection-errors",
    }
    return [f"the run was filtered by {flag}" for option, flag in names.items() if config.getoption(option, None)]


def hooks(config: pytest.Config) -> list[str]:
    """Name everybody else who hooks into pytest, and could turn an outcome: a conftest of suites holds fixtures and nothing more."""
    manager, found = config.pluginmanager, []
    for plugin in manager.get_plugins():
        module = plugin if isinstance(plugin, ModuleType) else sys.modules.get(type(plugin).__module__)
        name = getattr(module, "__name__", type(plugin).__module__)
        if not _is_trusted(name, module) and (callers := manager.get_hookcallers(plugin)):
            names = ", ".join(sorted({caller.name for caller in callers}))
            found.append(f"{_place(module) or name} hooks into pytest ({names}): no outcome can be trusted")
    return sorted(found)


def _is_trusted(name: str, module: ModuleType | None) -> bool:
    """Tell whether a module is of a package that a trial rests on; one that only bears its name lies somewhere else."""
    root = name.partition(".")[0]
    home, file = getattr(sys.modules.get(root), "__file__", None), getattr(module, "__file__", None)
    ours = home is not None and file is not None and Path(file).is_relative_to(Path(home).parent)
    return name == _WORKER or (root in _TRUSTED and ours)


def _place(module: ModuleType | None) -> str:
    file = getattr(module, "__file__", None)
    return str(Path(os.path.relpath(file))) if file else ""


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


def earlier(environment: Environment, out: Path = OUT) -> list[dict[str, Any]]:
    """Return the results of the environment's last verdict, as plain JSON values; none without one."""
    verdict = previous(out, environment.profile.name)
    return list(verdict["results"]) if verdict else []


def harness() -> str:
    """Return the version of the harness and what its files come to: a version stays the same from release to release."""
    return f"{harness_version()} {summed(Path(seatrial.__file__).parent)[:12]}"


def harness_version() -> str:
    """Return the version of the harness."""
    try:
        return version("seatrial")
    except PackageNotFoundError:
        return "source"


def withdraw(out: Path = OUT) -> None:
    """Take away the attestation of an earlier verdict, which nobody may take for this one's, however the trial ends.

    Raises OSError where no report can be written: that is told before a trial, and not after it.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=out):
        (out / ATTESTATION).unlink(missing_ok=True)


def publish(environment: Environment, verdict: Verdict, out: Path = OUT, *, with_site: bool = False) -> None:
    """Write the reports, signed where the environment signs and with the Allure site if asked for, and print the summary."""
    with _held(out):
        withdraw(out)
        signer = environment.signer
        why = "the profile names no key" if environment.signs else "only `seatrial gate` and `seatrial drill` sign"
        if signer and verdict.basis.unknown:
            signer, why = None, f"nobody tells which release this is: {verdict.basis.unknown}"
        signature = f"signed with key {signer.public.id}" if signer else f"not signed: {why}"
        verdict = replace(verdict, signature=environment.redactor.text(signature))
        write(verdict, out, previous(out, verdict.environment), redactor=environment.redactor)
        if signer:
            _sign(environment, verdict, signer, out)
        shutil.rmtree(out / "allure", ignore_errors=True)  # an older verdict's site would be taken for this one's
        if with_site and (note := site(out).note):
            print(note, file=sys.stderr)
        summary(verdict, Console(highlight=False), out, _likely_causes(verdict))


@contextmanager
def _held(out: Path) -> Iterator[None]:
    """Let no other trial write its reports here meanwhile: what is signed, rendered and told is the verdict.json that lies here."""
    out.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _likely_causes(verdict: Verdict) -> list[str]:
    if all(result.outcome is not Outcome.FAILED for result in verdict.results):
        return []
    from seatrial import proof  # noqa: PLC0415 - each process of a trial imports this module, and few see a failure

    return proof.likely(verdict.results)


def _sign(environment: Environment, verdict: Verdict, signer: "Signer", out: Path) -> None:
    """Write the attestation as it is: what is signed cannot be redacted afterwards, so its texts are before."""
    from seatrial.attest import make  # noqa: PLC0415 - each process of a trial imports this module, one signs

    armed = environment.arming.level
    used = environment.redactor.clean(verdict.waivers)
    report = (out / "verdict.json").read_bytes()
    statement = make(verdict, "" if armed is None else str(armed), report, used)
    Folder(out, Redactor()).put(ATTESTATION, signer.sign(statement) + "\n")
