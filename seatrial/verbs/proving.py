"""`seatrial prove`: see that every check has teeth."""

import argparse
import contextlib
import json
from pathlib import Path

from rich.console import Console

from seatrial import conclude, expected, hosting
from seatrial.environment import Arming, Environment
from seatrial.errors import EnvironmentFault, UsageError
from seatrial.outcome import Level
from seatrial.profile import Profile, find, load
from seatrial.registry import Fault, applicable, load_faults, pick, sample
from seatrial.report import OUT
from seatrial.scope import close_clients
from seatrial.verbs.common import Verbs, count, with_arm, with_profile, with_suites


def add_to(verbs: Verbs) -> None:
    """Add the verb."""
    prove = verbs.add("prove", _prove, "break the environment on purpose and demand that each check notices")
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

    profile, console = load(find(options.profile)), Console(highlight=False)
    disposable = profile.platform is not None and profile.platform.disposable
    arm = options.arm or ([f"destroy={profile.name}"] if disposable else [])
    environment = Environment(profile, Arming.parse(arm, profile))
    if reason := environment.refuses(Level.DESTROY):
        raise UsageError(f"prove strikes: {reason}")
    chosen, elsewhere = _chosen(options, profile)
    prover = prove.Prover(environment, options.suites, expected.read(options.suites))
    proofs: list[prove.Proven] = []
    with hosting.booted(profile, alone=environment.armed), contextlib.ExitStack() as ending:
        ending.callback(close_clients, environment.clients)
        conclude.ready(environment)
        environment.check_secrets()
        for line in elsewhere:
            console.print(line, markup=False, soft_wrap=True)
        console.print(f"{len(chosen)} to prove; first their checks on the healthy environment")
        if wrong := prover.baseline(chosen):
            raise EnvironmentFault("not healthy before the first strike:\n  " + "\n  ".join(wrong))
        try:
            for _ in range(options.times):
                for fault in chosen:
                    proofs.append(prover.prove(fault))
                    prove.show(proofs[-1:], console)
        except KeyboardInterrupt:
            environment.undo_strikes()
            raise
        finally:
            OUT.mkdir(parents=True, exist_ok=True)
            kept = environment.redactor.clean([proven.to_json() for proven in proofs])
            (OUT / "prove.json").write_text(json.dumps(kept, indent=1) + "\n")
    caught = sum(proven.proof is prove.Proof.CAUGHT for proven in proofs)
    prove.matrix(proofs, prover.rows, console)
    left = f", {len(elsewhere)} not applicable to {profile.name}" if elsewhere else ""
    console.print(
        f"{caught} of {len(proofs)} faults caught, confirmed in effect and healed{left}; {OUT / 'prove.json'}",
        soft_wrap=True,
    )
    return 0 if caught == len(proofs) else 1
