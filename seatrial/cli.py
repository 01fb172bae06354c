"""The command line: `seatrial --help`."""

import argparse
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from seatrial import conclude, expected, hosting, inventory, plans, waivers
from seatrial.environment import Arming, Environment
from seatrial.errors import EnvironmentFault, SeatrialError, UsageError
from seatrial.load import commands as load_commands
from seatrial.outcome import Level
from seatrial.platform import PlatformClient
from seatrial.profile import Profile, find, load
from seatrial.registry import Fault, applicable, load_faults, pick, sample
from seatrial.report import OUT, Rows, checklist, sign_off, site
from seatrial.report.figures import with_figures
from seatrial.scope import close_clients
from seatrial.secrecy import commands as secret_commands

USAGE_ERROR = 3


class _Parser(argparse.ArgumentParser):
    """An argument parser that exits 3 for wrong usage and suggests the nearest command."""

    def error(self, message: str) -> NoReturn:
        """Print usage and what was meant."""
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {message}", file=sys.stderr)
        sys.exit(USAGE_ERROR)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="seatrial", description="Give a deployed environment its sea trial.")
    parser.add_argument("--version", action="version", version=f"seatrial {conclude.harness_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    def with_profile(command: argparse.ArgumentParser) -> None:
        command.add_argument("--profile", help="name or file (default: SEATRIAL_PROFILE, else local)")

    gate = add(
        "gate", _gate, "check the environment and give the verdict (exit 0 GO, 1 NO-GO, 2 INCONCLUSIVE, 3 usage)"
    )
    with_profile(gate)
    gate.add_argument(
        "--arm", action="append", default=[], metavar="LEVEL=ENVIRONMENT", help="allow disrupt or destroy"
    )
    gate.add_argument("--suites", type=Path, default=Path("suites"), help="folder of suites (default: suites)")
    gate.add_argument("--suite", action="append", default=[], metavar="NAME", help="only this suite (may be repeated)")
    gate.add_argument("only", nargs="*", metavar="SUITE|ID", help="only these suites or checks")

    drill = add("drill", _drill, "rehearse disasters, and tell how long the recovery took (exit codes as of gate)")
    with_profile(drill)
    _drill_arguments(drill)
    prove = add("prove", _prove, "break the environment on purpose and demand that each check notices")
    with_profile(prove)
    _prove_arguments(prove)

    load_ = add("load", _load, "make load by an open model and hold it against the objective (exit codes as of gate)")
    with_profile(load_)
    load_commands.add_arguments(load_)

    heal = add(
        "heal", _heal, "replay the undo log after a trial was killed; starts the environment first if it is down"
    )
    with_profile(heal)

    for name, text in (("up", "start the environment"), ("down", "stop it"), ("status", "show its parts")):
        with_profile(add(name, _platform, text))
    logs = add("logs", _logs, "print a part's last log lines")
    with_profile(logs)
    logs.add_argument("part", help="for example api-1")
    logs.add_argument("--lines", type=int, default=100)

    checks = add("checks", _checks, "list the checks")
    checks.add_argument("--suites", type=Path, default=Path("suites"))
    checks.add_argument("--faults", type=Path, action="append")
    checks.add_argument("--json", action="store_true")
    checks.add_argument(
        "--write-expected", action="store_true", help="write SUITES/expected.toml from what is collected"
    )
    checks.add_argument("--write-pages", type=Path, metavar="DIR", help="write one page per check")
    faults = add("faults", _faults, "list the faults")
    faults.add_argument("--faults", type=Path, action="append")
    faults.add_argument("--json", action="store_true")

    accepted = add(
        "waivers", _waivers, "list the failures that are accepted, and until when (exit 1 where one is unfit)"
    )
    accepted.add_argument("--suites", type=Path, default=Path("suites"))

    profile = add("profile", _profile, "work with profiles")
    actions = profile.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=_Parser)
    actions.add_parser("check", help="report every problem of a profile with file and line").add_argument("file")

    secret_commands.add_verbs(add("secrets", _secrets, secret_commands.SUMMARY), with_profile)

    _checklist_arguments(
        add("checklist", _checklist, "write a checklist that the last verdict and the last prove answer")
    )

    report = add("report", _report, "build the Allure site from the last verdict's results")
    report.add_argument("--out", type=Path, default=OUT)
    return parser


def _drill_arguments(drill: argparse.ArgumentParser) -> None:
    drill.add_argument("only", nargs="*", metavar="ID", help="only these drills (default: all)")
    drill.add_argument("--arm", action="append", default=[], metavar="LEVEL=ENVIRONMENT", help="allow the strikes")
    drill.add_argument("--times", type=_count, default=1, metavar="N", help="rehearse each so often")
    drill.add_argument(
        "--dry-run", action="store_true", help="say what would be struck and who would notice, strike nothing"
    )
    drill.add_argument(
        "--write-figures",
        type=Path,
        metavar="FILE",
        help="write what the last verdict measured into a page, strike nothing",
    )
    drill.add_argument("--suites", type=Path, default=Path("suites"), help="folder of suites (default: suites)")


def _prove_arguments(prove: argparse.ArgumentParser) -> None:
    prove.add_argument("--arm", action="append", default=[], metavar="destroy=ENVIRONMENT")
    prove.add_argument("--fault", action="append", default=[], metavar="ID", help="only this fault (may be repeated)")
    prove.add_argument(
        "--suite", action="append", default=[], metavar="NAME", help="only faults of this suite (may be repeated)"
    )
    prove.add_argument("--suites", type=Path, default=Path("suites"))
    prove.add_argument(
        "--faults", type=Path, action="append", help="folder of faults (default: faults; may be repeated)"
    )
    prove.add_argument("--sample", type=_count, metavar="N", help="only N faults, taken from every kind in turn")
    prove.add_argument("--times", type=_count, default=1, metavar="N", help="how often to go through the faults")


def _checklist_arguments(listed: argparse.ArgumentParser) -> None:
    listed.add_argument(
        "--suite", action="append", default=[], metavar="NAME", help="only this suite (may be repeated)"
    )
    listed.add_argument("--title", default="Checklist")
    listed.add_argument(
        "--rows", type=Path, metavar="FILE", help="answer the rows of this file (TOML) instead, with a sign-off"
    )
    listed.add_argument("--write", type=Path, required=True, metavar="FILE")
    listed.add_argument("--out", type=Path, default=OUT, help=f"folder of reports (default: {OUT})")


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    signal.signal(signal.SIGTERM, _terminated)
    # What a script starts in the background ignores it, and so would the stages, to which we pass an interrupt on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(given)
    try:
        code: int = options.run(options)
    except UsageError as error:
        print(f"seatrial: {error}", file=sys.stderr)
        return USAGE_ERROR
    except SeatrialError as error:
        print(f"seatrial: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("seatrial: interrupted; what was struck has been undone", file=sys.stderr)
        return 130
    return code


def _terminated(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _open(options: argparse.Namespace) -> Environment:
    profile = load(find(options.profile))
    return Environment(profile, Arming.parse(getattr(options, "arm", []), profile))


def _gate(options: argparse.Namespace) -> int:
    from seatrial import gate  # noqa: PLC0415 - pytest is needed by two commands only

    environment = _open(options)
    wanted = [*options.suite, *options.only]
    verdict = gate.run(environment, options.suites, wanted, options.arm, Console(highlight=False))
    conclude.publish(environment, verdict, with_site=True)
    return verdict.ruling.exit_code


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return int(text)


def _drill(options: argparse.Namespace) -> int:
    from seatrial import gate  # noqa: PLC0415 - pytest is needed by a few commands only

    drills = {row.id: row for row in inventory.planned(options.suites)}
    if unknown := [name for name in options.only if name not in drills]:
        raise UsageError(f"no drill {unknown[0]!r} (there are: {', '.join(drills)})")
    wanted = [name for name in drills if not options.only or name in options.only]
    if not wanted:
        raise UsageError(f"no drills in {options.suites}")
    console = Console(highlight=False)
    if options.dry_run:
        environment_name = load(find(options.profile)).name
        for name in wanted:
            plans.tell(drills[name], environment_name, console)
        return 0
    if options.write_figures:
        try:
            page = options.write_figures.read_text()
        except OSError as error:
            raise UsageError(f"{options.write_figures}: {error.strerror}") from None
        options.write_figures.write_text(with_figures(page, [drills[name] for name in wanted], _last_verdict(OUT)))
        print(f"wrote {options.write_figures}: {len(wanted)} drills")
        return 0
    environment = _open(options)
    verdict = gate.run(environment, options.suites, wanted, options.arm, console, times=options.times)
    conclude.publish(environment, verdict, with_site=True)
    return verdict.ruling.exit_code


def _load(options: argparse.Namespace) -> int:
    return load_commands.run(_open(options), options, Console(highlight=False))


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

    environment, console = _open(options), Console(highlight=False)
    profile = environment.profile
    if environment.arming.level is None and profile.platform and profile.platform.disposable:
        environment.arming = Arming.parse([f"destroy={profile.name}"], profile)
    if reason := environment.refuses(Level.DESTROY):
        raise UsageError(f"prove strikes: {reason}")
    chosen, elsewhere = _chosen(options, profile)
    prover = prove.Prover(environment, options.suites, expected.read(options.suites))
    proofs: list[prove.Proven] = []
    with hosting.booted(profile), environment.lock(), contextlib.ExitStack() as ending:
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


def _heal(options: argparse.Namespace) -> int:
    environment = _open(options)
    profile = environment.profile
    environment.arming = Arming(profile.max_impact)
    if not environment.undo_log.pending():
        print(f"nothing to heal on {profile.name}: no strike is waiting to be undone")
        return 0
    if not hosting.is_up(profile):
        print(f"{profile.name} is down: starting it first")
        if hosting.call(profile, "up"):
            raise EnvironmentFault(f"{profile.name} did not start; its lines above say why")
    with environment.lock():
        for entry in environment.undo_strikes():
            print(f"undone {entry}")
        close_clients(environment.clients)
    print(f"{profile.name} is whole again")
    return 0


def _platform(options: argparse.Namespace) -> int:
    return hosting.call(_open(options).profile, options.command)


def _logs(options: argparse.Namespace) -> int:
    environment = _open(options)
    lines = PlatformClient(hosting.section(environment.profile).socket).logs(options.part, options.lines)
    if not lines:
        print(f"the log of {options.part} is empty", file=sys.stderr)
    for line in lines:
        print(line)
    return 0


def _checks(options: argparse.Namespace) -> int:
    rows = inventory.collect(options.suites)
    if options.write_expected:
        print(f"wrote {expected.write(options.suites, [row.expected for row in rows])}: {len(rows)} checks")
    elif options.write_pages:
        faults = load_faults(*(options.faults or [Path("faults")]))
        print(
            f"wrote {inventory.write(rows, faults, options.suites, options.write_pages)} pages to {options.write_pages}"
        )
    elif options.json:
        print(json.dumps([row.to_json() for row in rows], indent=1))
    else:
        for row in rows:
            print(f"{row.expected.id:12} {row.expected.level!s:9} {row.expected.severity!s:8} {row.title}")
    return 0


def _faults(options: argparse.Namespace) -> int:
    faults = load_faults(*(options.faults or [Path("faults")]))
    if options.json:
        rows = [
            {
                "id": fault.id,
                "kind": fault.kind,
                "title": fault.title,
                "caught_by": sorted(fault.caught_by),
                "file": str(fault.file),
            }
            for fault in faults.values()
        ]
        print(json.dumps(rows, indent=1))
        return 0
    for fault in faults.values():
        print(f"{fault.id:34} {fault.kind:14} {','.join(sorted(fault.caught_by)):28} {fault.title}")
    return 0


def _waivers(options: argparse.Namespace) -> int:
    found, today = waivers.read(options.suites), datetime.now(UTC).date()
    for each in found.rows:
        wrong = found.wrong(each, today)
        state = f"UNFIT: {wrong}" if wrong else f"until {each.expires}, {(each.expires - today).days} days"
        print(f"{each.check:12} {each.profile:12} {state}; {each.owner}: {each.reason}")
    if not found.rows:
        print(f"no failure is accepted: {options.suites / waivers.NAME} has no waiver")
    return int(any(found.wrong(each, today) for each in found.rows))


def _profile(options: argparse.Namespace) -> int:
    profile: Profile = load(Path(options.file))
    print(
        f"{options.file}: profile {profile.name} is well formed (grants up to {profile.max_impact}, expects {profile.expect.level})"
    )
    return 0


def _secrets(options: argparse.Namespace) -> int:
    code: int = options.verb(load(find(options.profile)), options)
    return code


def _checklist(options: argparse.Namespace) -> int:
    verdict, proofs = _last_verdict(options.out), _json(options.out / "prove.json")
    rows = [row for row in verdict["results"] if not options.suite or row["suite"] in options.suite]
    folder = options.write.resolve().parent
    if options.rows:
        signed = sign_off(Rows.read(options.rows), verdict, checks=os.path.relpath("docs/checks", folder))
        options.write.write_text(signed.text, encoding="utf-8")
        print(f"wrote {options.write}: {signed.summary}")
        return 0
    text = checklist(
        options.title,
        {**verdict, "results": rows},
        proofs or [],
        checks=os.path.relpath("docs/checks", folder),
        report=os.path.relpath(options.out / "verdict.html", folder),
    )
    options.write.write_text(text, encoding="utf-8")
    print(f"wrote {options.write}: {len(rows)} checks, verdict {verdict['verdict']} of {verdict['started_at']}")
    return 0


def _last_verdict(out: Path) -> dict[str, Any]:
    verdict: dict[str, Any] | None = _json(out / "verdict.json")
    if verdict is None:
        raise UsageError(f"no {out / 'verdict.json'}: run `seatrial gate` first")
    return verdict


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None


def _report(options: argparse.Namespace) -> int:
    made = site(options.out)
    print(made.index or made.note)
    return 0 if made.index else 2


if __name__ == "__main__":
    sys.exit(main())
