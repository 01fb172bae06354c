"""`seatrial gate`, `drill` and `load`: what ends in a verdict."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from seatrial import expected, inventory, plans, publishing
from seatrial.errors import UsageError
from seatrial.load import commands as load_commands
from seatrial.plans import Planned
from seatrial.profile import find, load
from seatrial.report.figures import with_figures
from seatrial.verbs.common import Verbs, count, last_verdict, opened, with_arm, with_profile, with_suites


def add_to(verbs: Verbs) -> None:
    """Add the verbs."""
    gate = verbs.add(
        "gate", _gate, "check the environment and give the verdict (exit 0 GO, 1 NO-GO, 2 INCONCLUSIVE, 3 usage)"
    )
    with_profile(gate)
    with_arm(gate, "allow disrupt or destroy")
    with_suites(gate)
    gate.add_argument("--suite", action="append", default=[], metavar="NAME", help="only this suite (may be repeated)")
    gate.add_argument("only", nargs="*", metavar="SUITE|ID", help="only these suites or checks")

    drill = verbs.add(
        "drill", _drill, "rehearse disasters, and tell how long the recovery took (exit codes as of gate)"
    )
    with_profile(drill)
    with_arm(drill, "allow the strikes")
    with_suites(drill)
    drill.add_argument("only", nargs="*", metavar="ID", help="only these drills (default: all)")
    drill.add_argument("--times", type=count, default=1, metavar="N", help="rehearse each so often")
    drill.add_argument(
        "--dry-run", action="store_true", help="say what would be struck and who would notice, strike nothing"
    )
    drill.add_argument(
        "--write-figures",
        type=Path,
        metavar="FILE",
        help="write what the last verdict measured into a page, strike nothing",
    )

    load_ = verbs.add(
        "load", _load, "make load by an open model and hold it against the objective (exit codes as of gate)"
    )
    with_profile(load_)
    load_commands.add_arguments(load_)


def _gate(options: argparse.Namespace) -> int:
    from seatrial import gate  # noqa: PLC0415 - pytest is needed by two commands only

    environment = opened(options, signs=True)
    wanted = [*options.suite, *options.only]
    publishing.withdraw()
    verdict = gate.run(environment, options.suites, wanted, options.arm, Console(highlight=False))
    publishing.publish(environment, verdict, with_site=True)
    return verdict.ruling.exit_code


def _drill(options: argparse.Namespace) -> int:
    from seatrial import gate  # noqa: PLC0415 - pytest is needed by a few commands only

    listed = [row.id for row in expected.read(options.suites) if row.drill]
    if unknown := [name for name in options.only if name not in listed]:
        raise UsageError(f"no drill {unknown[0]!r} (there are: {', '.join(listed)})")
    wanted = [name for name in listed if not options.only or name in options.only]
    if not wanted:
        raise UsageError(
            f"{options.suites / expected.NAME} marks no drills: `seatrial checks --write-expected` does, where there are any"
        )
    console = Console(highlight=False)
    if options.dry_run or options.write_figures:
        return _told(options, [each for each in inventory.planned(options.suites) if each.id in wanted], console)
    # No suite is imported in this process: it rules and signs.
    environment = opened(options, signs=True)
    publishing.withdraw()
    verdict = gate.run(environment, options.suites, wanted, options.arm, console, times=options.times)
    publishing.publish(environment, verdict, with_site=True)
    return verdict.ruling.exit_code


def _told(options: argparse.Namespace, drills: Sequence[Planned], console: Console) -> int:
    """Say what the drills would strike, or write what the last verdict measured of them; strike nothing."""
    if options.dry_run:
        for drill in drills:
            plans.tell(drill, load(find(options.profile)), console)
        return 0
    try:
        page = options.write_figures.read_text()
    except OSError as error:
        raise UsageError(f"{options.write_figures}: {error.strerror}") from None
    options.write_figures.write_text(with_figures(page, drills, last_verdict()))
    print(f"wrote {options.write_figures}: {len(drills)} drills")
    return 0


def _load(options: argparse.Namespace) -> int:
    return load_commands.run(opened(options), options, Console(highlight=False))
