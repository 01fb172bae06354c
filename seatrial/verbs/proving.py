"""`seatrial prove`: see that every check has teeth."""

import argparse
import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

import seatrial
from seatrial import conclude, expected, hosting, proof
from seatrial.environment import Environment
from seatrial.errors import EnvironmentFault, UsageError
from seatrial.outcome import Result
from seatrial.profile import Profile
from seatrial.registry import FAULTS, Fault, applicable, load_faults, pick, sample
from seatrial.report import OUT, progress
from seatrial.scope import close_clients
from seatrial.verbs.common import Verbs, count, opened_to_strike, with_arm, with_profile, with_suites

if TYPE_CHECKING:
    from seatrial.prove import Prover


def add_to(verbs: Verbs) -> None:
    """Add the verb."""
    prove = verbs.add(
        "prove",
        _prove,
        "break the environment on purpose and demand that each check notices (exit 0 all caught, 1 not all, 2 not healthy or "
        "interrupted by an error, 3 usage)",
    )
    with_profile(prove)
    with_arm(prove, "allow destroy (a disposable environment needs no arming)")
    with_suites(prove)
    prove.add_argument("--fault", action="append", default=[], metavar="ID", help="only this fault (may be repeated)")
    prove.add_argument(
        "--suite", action="append", default=[], metavar="NAME", help="only faults of this suite (may be repeated)"
    )
    prove.add_argument(
        "--faults", type=Path, action="append", help="folder of faults (default: faults; may be repeated)"
    )
    prove.add_argument("--sample", type=count, metavar="N", help="only N faults, taken from every kind in turn")
    prove.add_argument("--times", type=count, default=1, metavar="N", help="how often to go through the faults")
    prove.add_argument(
        "--matrix", action="store_true", help="under each fault, ask quick observing checks too that it does not name"
    )
    prove.add_argument(
        "--resume",
        action="store_true",
        help=f"go on with {OUT / proof.NAME}: ask what was not asked on this tree, what was never asked first, and keep what earlier "
        "trees have shown until it is asked again",
    )


def _chosen(options: argparse.Namespace, profile: Profile) -> tuple[list[Fault], list[str]]:
    """Return the faults to prove, and a line for each that the profile makes pointless; UsageError if none is left."""
    faults = load_faults(*(options.faults or [Path("faults")]))
    if unknown := set(options.suite) - {fault.file.parent.name for fault in faults.values()}:
        raise UsageError(f"no faults of a suite named {min(unknown)!r}")
    chosen = [pick(faults, name) for name in options.fault] or list(faults.values())
    if options.suite:
        chosen = [fault for fault in chosen if fault.file.parent.name in options.suite]
    chosen, elsewhere = applicable(chosen, profile.expect.not_applicable)
    if options.sample:
        chosen = sample(chosen, options.sample)
    if not chosen:
        raise UsageError("no fault to prove" + "".join(f"\n  {line}" for line in elsewhere))
    return chosen, elsewhere


def _prove(options: argparse.Namespace) -> int:
    from seatrial import prove  # noqa: PLC0415 - pytest is needed by two commands only

    environment, console = opened_to_strike(options), Console(highlight=False)
    profile = environment.profile
    chosen, elsewhere = _chosen(options, profile)
    earlier = _earlier() if options.resume else None
    prover = prove.Prover(environment, options.suites, expected.read(options.suites))
    with hosting.booted(profile, alone=environment.armed), contextlib.ExitStack() as ending:
        ending.callback(close_clients, environment.clients)
        conclude.ready(environment)
        environment.check_secrets()
        record = _record(options, environment, earlier)
        for line in elsewhere:
            console.print(line, markup=False, soft_wrap=True)
        tried, known = record.times(), {trial.fault for trial in record.trials}
        chosen.sort(key=lambda fault: fault.id in known)
        wanted = [fault for turn in range(options.times) for fault in chosen if tried[fault.id] <= turn]
        if kept := len(record.trials):
            console.print(f"{kept} trials are kept from {record.started_at}, {len(record.own)} of them of this tree")
        if wanted:
            _baseline(prover, wanted, record, console, matrix=options.matrix)
        try:
            for number, fault in enumerate(wanted, 1):
                proven = prover.prove(fault)
                if (tree := _tree(options, profile)) != record.tree:
                    raise EnvironmentFault(
                        f"the tree is {tree} now and was {record.tree} when this run began: {fault.id} is not kept; begin anew"
                    )
                record.add(proven)
                record.ended_at = _now()
                record.save(OUT, environment.redactor)
                prove.show(replace(proven, reason=environment.redactor.text(proven.reason)), console)
                if proven.proof is not proof.Proof.CAUGHT:
                    _still_healthy(prover, fault, wanted[number:])
        except KeyboardInterrupt:
            environment.undo_strikes()
            raise
        finally:
            picture = proof.draw(record, prover.rows.values(), OUT, environment.redactor)
    prove.matrix(record.trials, prover.rows, console)
    caught = sum(proven.proof is proof.Proof.CAUGHT for proven in record.trials)
    left = f", {len(elsewhere)} not applicable to {profile.name}" if elsewhere else ""
    console.print(f"the matrix as a picture: {picture}", soft_wrap=True)
    console.print(
        f"{caught} of {len(record.trials)} faults caught, confirmed in effect and healed{left}; {OUT / proof.NAME}",
        soft_wrap=True,
    )
    return 0 if caught == len(record.trials) else 1


def _earlier() -> proof.Record:
    """Return the record to go on with, before anything is booted for it."""
    if (earlier := proof.last(OUT)) is None:
        raise UsageError(f"nothing to resume: there is no {OUT / proof.NAME}")
    return earlier


def _record(options: argparse.Namespace, environment: Environment, earlier: proof.Record | None) -> proof.Record:
    """Return the record to add to: a new one, or the earlier one where it is to be resumed."""
    profile, tree = environment.profile, _tree(options, environment.profile)
    _, elsewhere = applicable(FAULTS.values(), profile.expect.not_applicable)
    titles = {name: FAULTS[name].title for name in sorted(FAULTS)}
    record = proof.Record(
        profile.name, conclude.release_of(environment), tree, _now(), known=titles, elsewhere=elsewhere
    )
    if earlier is not None:
        record.continues(earlier)
    return record


def _tree(options: argparse.Namespace, profile: Profile) -> str:
    harness, faults = Path(seatrial.__file__).parent, options.faults or [Path("faults")]
    return proof.digest(profile.tree, options.suites, *faults, harness, profile.path, state=profile.state)


def _baseline(prover: "Prover", wanted: list[Fault], record: proof.Record, console: Console, *, matrix: bool) -> None:
    """See that what is to turn red is green now, and choose what is asked beside; a resumed run keeps the choice."""
    console.print(f"{len(wanted)} to prove; first their checks on the healthy environment")

    def tell(result: Result) -> None:
        console.print(progress(result), style="dim", markup=False, soft_wrap=True)

    if wrong := prover.baseline(wanted, tell):
        raise EnvironmentFault("not healthy before the first strike:\n  " + "\n  ".join(wrong))
    if matrix:
        if not record.beside:
            record.beside, record.unasked = prover.affordable(tell)
        prover.beside = tuple(record.beside)
        console.print(f"under each fault {len(record.beside)} of {len(prover.rows)} checks are asked beside its own")


def _still_healthy(prover: "Prover", fault: Fault, left: list[Fault]) -> None:
    """After a fault that was not caught see that the others' checks are green: what it left would be taken for theirs."""
    conclude.ready(prover.environment)
    if wrong := prover.baseline(left):
        raise EnvironmentFault(f"not healthy after {fault.id}; --resume goes on:\n  " + "\n  ".join(wrong))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
