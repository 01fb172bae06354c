"""`seatrial gate`: boot if needed, run the stages, rule, report."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

import pytest
from rich.console import Console

from seatrial import conclude, expected, hosting, waivers
from seatrial.basis import Basis, digests
from seatrial.drills import of_many
from seatrial.environment import Environment
from seatrial.errors import HarnessError
from seatrial.outcome import Level, Outcome, Result
from seatrial.plugin import LEFT_OUT, NO_VERDICT, OWN_CONFIGURATION
from seatrial.profile import Profile
from seatrial.strikes import ENDS
from seatrial.verdict import Verdict

PARALLEL = 2
TIDY_S = 15.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Manner:
    """How the stages run, where not as ever.

    Attributes:
        seed: what checks that make up their cases start from, and the order where it is shuffled; chance when left out.
        shuffled: checks of the same level run in an order that the seed makes.
        output: takes what the stages print; our own output when left out.
    """

    seed: int | None = None
    shuffled: bool = False
    output: IO[str] | None = None

    @property
    def options(self) -> list[str]:
        """What each stage is told of it."""
        told = [] if self.seed is None else ["--seatrial-seed", str(self.seed)]
        return [*told, "--seatrial-order", str(self.seed)] if self.shuffled else told


AS_EVER = Manner()


@dataclass
class Stages:
    """The stages of one trial: how they run, and what they brought.

    Attributes:
        harness: what each of them must be run by.
        lock: a descriptor of the lock that they hold too.
    """

    manner: Manner
    harness: str
    lock: int | None = None
    results: dict[str, Result] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)


def run(
    environment: Environment,
    suites: Path,
    wanted: list[str],
    arm: list[str],
    console: Console,
    *,
    times: int = 1,
    manner: Manner = AS_EVER,
    held: hosting.Boot | None = None,
) -> Verdict:
    """Run the trial and return its verdict; the environment is booted and taken down if it was down.

    Args:
        times: how often to run every check; more than once, a result tells of all of them (drills).
        manner: how the stages run.
        held: the environment, where the caller holds it up already.
    """
    harness = conclude.harness()
    files = {**digests(environment.profile, suites), "profile": environment.profile.digest}
    scope = expected.select(expected.read(suites), wanted)
    accepted = waivers.read(suites)
    conclude.require_listed(environment.profile, accepted.known, suites)
    began = conclude.Moment.now()
    with nullcontext(held) if held else hosting.booted(environment.profile, alone=environment.armed) as boot:
        stages = Stages(manner, harness, boot.lock)
        if boot.seconds is not None:
            stages.timings["cold start"] = boot.seconds
        environment.check_secrets()
        _ = environment.signer  # a key that is unfit is told of now, and not after the trial
        conclude.ready(environment)
        before = replace(Basis.of(environment, suites), files=files)
        runs: dict[str, list[Result]] = {}
        for number in range(1, times + 1):
            if times > 1:
                console.print(f"rehearsal {number} of {times}")
            once = Stages(manner, harness, boot.lock)
            _run_stages(environment, suites, scope, wanted, arm, once, console)
            stages.problems += once.problems
            for stage, seconds in once.timings.items():
                stages.timings[stage] = stages.timings.get(stage, 0.0) + seconds
            for name, result in once.results.items():
                runs.setdefault(name, []).append(result)
        few = [f"{name} ended {len(each)} of {times} times" for name, each in runs.items() if len(each) < times]
        stages.problems += few
        stages.results = {name: of_many(each) if times > 1 else each[0] for name, each in runs.items()}
        basis, changed = before.until(Basis.of(environment, suites))
        stages.problems += changed
        if conclude.harness() != harness:
            stages.problems.append("seatrial itself changed during the trial")
        return conclude.conclude(
            environment,
            stages.results.values(),
            scope,
            stages.problems,
            began=began,
            timings=stages.timings,
            waivers=accepted,
            basis=basis,
        )


def _run_stages(
    environment: Environment,
    suites: Path,
    scope: expected.Scope,
    wanted: list[str],
    arm: list[str],
    stages: Stages,
    console: Console,
) -> None:
    paths = _paths(suites, scope, wanted)
    serial = [row for row in scope.rows if row.alone or row.level >= Level.DISRUPT]
    if parallel := len(scope.rows) - len(serial):
        spread = ["-n", str(PARALLEL)] if parallel > 1 else []
        console.print(
            f"observe and exercise: {parallel} checks in {PARALLEL} workers"
            if spread
            else "observe and exercise: 1 check"
        )
        options = [*spread, "--seatrial-stage", "parallel"]
        _stage(environment, suites, paths, options, "observe and exercise", stages)
    if serial:
        armed = [part for text in arm for part in ("--arm", text)]
        console.print(f"serial: {len(serial)} checks, one at a time" + (f", armed {' '.join(arm)}" if arm else ""))
        _stage(environment, suites, paths, ["--seatrial-stage", "serial", *armed], "serial", stages)
    _classify(environment, suites, scope, stages, console)


def _paths(suites: Path, scope: expected.Scope, wanted: list[str]) -> list[str]:
    """Return what pytest collects: whole folders where possible, so that an unlisted check is seen too."""
    if not wanted:
        return [str(suites)]
    whole = [name for name in wanted if (suites / name).is_dir()]
    nodes = [f"{suites / row.file}::{row.test}" for row in scope.rows if row.suite not in whole]
    return [*(str(suites / name) for name in whole), *nodes]


def _classify(environment: Environment, suites: Path, scope: expected.Scope, stages: Stages, console: Console) -> None:
    """Repeat what failed below `disrupt` once: a check that passes then is marked FLAKY; its failure still counts."""
    failed = {
        row.id
        for row in scope.rows
        if (result := stages.results.get(row.id))
        and result.outcome is Outcome.FAILED
        and result.level <= Level.EXERCISE
    }
    if not failed:
        return
    console.print(f"repeating {len(failed)} failed to classify: {', '.join(sorted(failed))}")
    again = Stages(stages.manner, stages.harness, stages.lock)
    nodes = [f"{suites / row.file}::{row.test}" for row in scope.rows if row.id in failed]
    _stage(environment, suites, nodes, [], "classify", again)
    stages.timings |= again.timings
    for result in again.results.values():
        if result.outcome is Outcome.PASSED:
            first = stages.results[result.id]
            stages.results[result.id] = replace(first, marks=(*first.marks, "FLAKY"))


def _stage(
    environment: Environment, suites: Path, paths: list[str], options: list[str], name: str, stages: Stages
) -> None:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="seatrial-") as folder:
        file = Path(folder) / "results.jsonl"
        given = ["--profile", str(environment.profile.path), "--seatrial-results", str(file)]
        given += [] if stages.lock is None else ["--seatrial-lock", str(stages.lock)]
        arguments = [*paths, *given, *options, *stages.manner.options]
        code = run_pytest(arguments, suites, lock=stages.lock, output=stages.manner.output)
        results, problems = read_results(file, code, name, environment.profile, stages.harness)
        stages.problems += problems
        for result in results:
            if stages.results.setdefault(result.id, result) is not result:
                stages.problems.append(f"{result.id} ended twice, again in stage {name}")
    stages.timings[name] = time.monotonic() - started


def _die_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def run_pytest(
    arguments: list[str],
    suites: Path,
    *,
    lock: int | None,
    output: IO[str] | None = None,
    limit_s: float | None = None,
) -> int | None:
    """Run checks in a process of their own and return its exit code; None if it was still running after so many seconds.

    Args:
        lock: a descriptor of the environment's lock, which it holds too.
        output: takes what it prints; left out, it prints where we do.
    """
    environment = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    # A suite may import its neighbours (suites.client) wherever the gate is called from.
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, (str(suites.resolve().parent), environment.get("PYTHONPATH")))
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        *OWN_CONFIGURATION,
        "-q",
        "--no-header",
        "-o",
        "console_output_style=classic",
        *arguments,
    ]
    # A group of its own: the terminal's Ctrl-C reaches us alone, and we pass it on exactly once.
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        process_group=0,
        pass_fds=() if lock is None else (lock,),
        preexec_fn=_die_with_parent,  # noqa: PLW1509 - nothing else runs in this process
    )
    try:
        return process.wait(limit_s)
    except subprocess.TimeoutExpired:
        _end(process)
        return None
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        try:
            print(
                "seatrial: interrupted; wait until it is undone, which a second Ctrl-C does not hasten", file=sys.stderr
            )
        finally:  # the terminal may be gone
            _outlast(process)
        raise


def _outlast(process: "subprocess.Popen[bytes]") -> None:
    """Wait for a stage that undoes its strikes, whatever we are told meanwhile: it would be ended with us."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDS}
    try:
        process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Let checks remove what they made, and end them by force, with all that they started, where they do not."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(TIDY_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def read_results(
    file: Path, code: int | None, stage: str, profile: Profile, harness: str
) -> tuple[list[Result], list[str]]:
    """Read a stage's results; no end line, an odd exit, or a profile or a harness that was not ours is a problem of the run."""
    if not file.exists() or code != NO_VERDICT:
        return [], [f"stage {stage} left no results (pytest exit {code})"]
    try:
        records = [json.loads(line) for line in file.read_text().splitlines()]
        end = dict(records.pop())
        results = [Result.from_json(record) for record in records]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise HarnessError(f"stage {stage}: results cannot be read: {error}") from error
    problems = [] if "end" in end else [f"stage {stage} ended early"]
    problems += [f"stage {stage}: {problem}" for problem in end.get("problems", ())]
    if end.get("end") not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        problems.append(f"stage {stage}: pytest ended with {end.get('end', code)}")
    if end.get("profile") != profile.digest:
        problems.append(f"stage {stage} read another profile: it was changed meanwhile")
    if (other := end.get("harness")) != harness:
        problems.append(
            f"stage {stage} was run by seatrial {other}, and this is {harness}: it was changed meanwhile, or another lies here"
        )
    return results, problems
