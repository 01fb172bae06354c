"""`seatrial checks`, `faults`, `waivers` and `profile`: what there is, and whether it is fit."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

from seatrial import expected, inventory, waivers
from seatrial.profile import Profile, load
from seatrial.registry import load_faults
from seatrial.verbs.common import Parser, Verbs, with_suites


def add_to(verbs: Verbs) -> None:
    """Add the verbs."""
    checks = verbs.add("checks", _checks, "list the checks")
    with_suites(checks)
    checks.add_argument(
        "--faults", type=Path, action="append", help="folder of faults (default: faults; may be repeated)"
    )
    checks.add_argument("--json", action="store_true", help="as JSON")
    checks.add_argument(
        "--write-expected", action="store_true", help="write SUITES/expected.toml from what is collected"
    )
    checks.add_argument("--write-pages", type=Path, metavar="DIR", help="write one page per check")
    faults = verbs.add("faults", _faults, "list the faults")
    faults.add_argument(
        "--faults", type=Path, action="append", help="folder of faults (default: faults; may be repeated)"
    )
    faults.add_argument("--json", action="store_true", help="as JSON")

    with_suites(
        verbs.add(
            "waivers", _waivers, "list the failures that are accepted, and until when (exit 1 where one is unfit)"
        )
    )
    profile = verbs.add("profile", _profile, "work with profiles")
    actions = profile.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=Parser)
    actions.add_parser("check", help="report every problem of a profile with file and line").add_argument(
        "file", help="the profile's path"
    )


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
    environments = {load(file).name for file in Path("profiles").glob("*.toml")}
    unfit = 0
    for each in found.rows:
        wrong = found.wrong(each, today)
        if not wrong and environments and each.profile not in environments:
            wrong = f"no profile in profiles/ has this name (there are: {', '.join(sorted(environments))})"
        unfit += bool(wrong)
        state = f"UNFIT: {wrong}" if wrong else f"until {each.expires}, {(each.expires - today).days} days"
        print(f"{each.check:12} {each.profile:12} {state}; {each.owner}: {each.reason}")
    if not found.rows:
        print(f"no failure is accepted: {options.suites / waivers.NAME} has no waiver")
    return int(unfit > 0)


def _profile(options: argparse.Namespace) -> int:
    profile: Profile = load(Path(options.file))
    print(
        f"{options.file}: profile {profile.name} is well formed (grants up to {profile.max_impact}, expects {profile.expect.level})"
    )
    return 0
