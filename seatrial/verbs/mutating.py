"""`seatrial mutate`: see which share of mistakes that nobody thought of the checks notice."""

import argparse
from pathlib import Path

from rich.console import Console

from seatrial import expected
from seatrial.profile import find, load
from seatrial.report import OUT
from seatrial.verbs.common import Verbs, count, opened_to_strike, with_arm, with_profile, with_suites


def add_to(verbs: Verbs) -> None:
    """Add the verb."""
    mutate = verbs.add(
        "mutate", _mutate, "make one-line mutants of the product and see which of them the checks notice"
    )
    with_profile(mutate)
    with_arm(mutate, "allow destroy (a disposable environment needs no arming)")
    with_suites(mutate)
    mutate.add_argument(
        "--faults", type=Path, default=Path("faults"), help="folder with mutation.toml (default: faults)"
    )
    mutate.add_argument(
        "--service", action="append", default=[], metavar="NAME", help="only mutants of this service (may be repeated)"
    )
    mutate.add_argument("--sample", type=count, default=100, metavar="N", help="how many mutants (default: 100)")
    mutate.add_argument("--seed", type=int, default=1, metavar="K", help="what draws the sample (default: 1)")
    mutate.add_argument("--resume", action="store_true", help="go on with the run that was interrupted")
    mutate.add_argument("--dry-run", action="store_true", help="show the mutants of the sample, touch nothing")


def _mutate(options: argparse.Namespace) -> int:
    from seatrial import mutation  # noqa: PLC0415 - pytest is needed by a few commands only

    rows, console = expected.read(options.suites), Console(highlight=False)
    tree = load(find(options.profile)).tree
    sample = mutation.drawn(tree, options.faults, rows, options.service, size=options.sample, seed=options.seed)
    if options.dry_run:
        mutation.tell(sample, console)
        return 0
    environment = opened_to_strike(options)
    mutation.Run(environment, options.suites, rows, sample, OUT, console).go(resume=options.resume)
    return 0
