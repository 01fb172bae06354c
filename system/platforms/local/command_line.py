"""Command line: `python -m system.platforms.local COMMAND`."""

import argparse
import datetime as dt
import sys
from collections.abc import Callable
from pathlib import Path

from system.platforms.local.addresses import DEFAULT_BASE_PORT, MAX_BASE_PORT
from system.platforms.local.errors import PlatformError
from system.platforms.local.layout import DEFAULT_STATE, Layout
from system.recovery import read_moment


def main(arguments: list[str]) -> int:
    """Run one command; 0 done, 1 with one line on stderr when not, 2 for a wrong call, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except PlatformError as error:
        print(f"{options.name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{options.name}: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m system.platforms.local", description="The system on one machine.")
    commands = parser.add_subparsers(required=True, dest="name", metavar="COMMAND")
    setup = commands.add_parser("setup", help="fetch the programs that no wheel holds, once")
    setup.set_defaults(command=_setup)
    up = commands.add_parser("up", help="start everything; returns when all of it is ready")
    up.set_defaults(command=_up)
    up.add_argument("--foreground", action="store_true", help="stay, and end everything with this process")
    up.add_argument("--lifeline", type=int, metavar="FD", help="end everything when this inherited descriptor closes")
    up.add_argument(
        "--unwatched",
        action="store_true",
        help="without monitoring: for a machine that the system itself is enough for",
    )
    rebuild = commands.add_parser("rebuild", help="make everything anew of data/s3 and kept; returns when all is ready")
    rebuild.set_defaults(command=_rebuild)
    rebuild.add_argument(
        "--lifeline", type=int, metavar="FD", help="end everything when this inherited descriptor closes"
    )
    down = commands.add_parser("down", help="stop everything; returns when nothing is left")
    down.set_defaults(command=_down)
    status = commands.add_parser("status", help="show the parts; exit code 0 when all are ready")
    status.set_defaults(command=_status)
    status.add_argument("--json", action="store_true", help="print the answer of the control protocol")
    deploy = commands.add_parser(
        "deploy", help="migrate, roll the source tree out; what does not become ready is rolled back"
    )
    deploy.set_defaults(command=_deploy)
    rollback = commands.add_parser("rollback", help="go back to a release, by default the one before this one")
    rollback.set_defaults(command=_rollback)
    rollback.add_argument("release", nargs="?", metavar="RELEASE")
    releases = commands.add_parser("releases", help="list what was deployed and rolled back, newest first")
    releases.set_defaults(command=_releases)
    scale = commands.add_parser("scale", help="run so many instances of a service")
    scale.set_defaults(command=_scale)
    scale.add_argument("service", metavar="SERVICE")
    scale.add_argument("count", type=int, metavar="COUNT")
    restart = commands.add_parser("restart", help="restart a part as shipped, without settings made by hand")
    restart.set_defaults(command=_restart)
    restart.add_argument("part", metavar="PART")
    restore = commands.add_parser("restore", help="recover a server from the backups, beside the live one")
    restore.set_defaults(command=_restore)
    restore.add_argument("--backup", metavar="ID", help="by default the newest that ended before --to")
    restore.add_argument("--to", type=_moment, metavar="MOMENT", help="by default everything that was archived")
    recover = commands.add_parser("recover", help="bring deleted and overwritten objects back from their versions")
    recover.set_defaults(command=_recover)
    recover.add_argument("bucket", metavar="BUCKET")
    recover.add_argument("prefix", metavar="PREFIX", help="of the keys")
    recover.add_argument("--at", type=_moment, required=True, metavar="MOMENT", help="as they were then")
    recover.add_argument("--dry-run", action="store_true", help="say which, and change nothing")
    for each in (parser, up, rebuild, down, status, deploy, rollback, releases, scale, restart, restore, recover):
        # Both before and behind the command: a profile names them once and the harness appends `up` or `down`.
        each.add_argument(
            "--state",
            type=Path,
            default=DEFAULT_STATE if each is parser else argparse.SUPPRESS,
            metavar="DIR",
            help=f"default {DEFAULT_STATE}",
        )
        each.add_argument(
            "--base-port",
            type=_base_port,
            default=DEFAULT_BASE_PORT if each is parser else argparse.SUPPRESS,
            metavar="PORT",
            help=f"default {DEFAULT_BASE_PORT}; only `up` needs it",
        )
    return parser


def _base_port(text: str) -> int:
    if not text.isdigit() or not 1024 <= int(text) <= MAX_BASE_PORT:
        raise argparse.ArgumentTypeError(f"expected a port from 1024 to {MAX_BASE_PORT}, got {text!r}")
    return int(text)


def _moment(text: str) -> dt.datetime:
    try:
        return read_moment(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _setup(_: argparse.Namespace) -> int:
    from system.platforms.local.setup import setup  # noqa: PLC0415 - each command imports what it needs: `status` is quick

    setup()
    return 0


def _up(options: argparse.Namespace) -> int:
    from system.platforms.local.up import up  # noqa: PLC0415

    layout = Layout.of(options.state, options.base_port)
    return up(layout, foreground=options.foreground, lifeline=options.lifeline, watched=not options.unwatched)


def _rebuild(options: argparse.Namespace) -> int:
    from system.platforms.local.up import up  # noqa: PLC0415

    layout = Layout.of(options.state, options.base_port)
    return up(layout, foreground=False, lifeline=options.lifeline, rebuild=True)


def _down(options: argparse.Namespace) -> int:
    from system.platforms.local.down import down  # noqa: PLC0415

    return down(Layout.of(options.state, DEFAULT_BASE_PORT))


def _status(options: argparse.Namespace) -> int:
    from system.platforms.local.status import status  # noqa: PLC0415

    return status(Layout.of(options.state, DEFAULT_BASE_PORT), as_json=options.json)


def _deploy(options: argparse.Namespace) -> int:
    from system.platforms.local.releasing import deploy  # noqa: PLC0415

    return deploy(Layout.of(options.state, DEFAULT_BASE_PORT))


def _rollback(options: argparse.Namespace) -> int:
    from system.platforms.local.releasing import rollback  # noqa: PLC0415

    return rollback(Layout.of(options.state, DEFAULT_BASE_PORT), options.release)


def _releases(options: argparse.Namespace) -> int:
    from system.platforms.local.releasing import releases  # noqa: PLC0415

    return releases(Layout.of(options.state, DEFAULT_BASE_PORT))


def _scale(options: argparse.Namespace) -> int:
    from system.platforms.local.releasing import scale  # noqa: PLC0415

    return scale(Layout.of(options.state, DEFAULT_BASE_PORT), options.service, options.count)


def _restart(options: argparse.Namespace) -> int:
    from system.platforms.local.releasing import restart  # noqa: PLC0415

    return restart(Layout.of(options.state, DEFAULT_BASE_PORT), options.part)


def _restore(options: argparse.Namespace) -> int:
    from system.platforms.local.recovering import restore  # noqa: PLC0415

    return restore(Layout.of(options.state, DEFAULT_BASE_PORT), options.backup, options.to)


def _recover(options: argparse.Namespace) -> int:
    from system.platforms.local.recovering import recover  # noqa: PLC0415

    layout = Layout.of(options.state, DEFAULT_BASE_PORT)
    return recover(layout, options.bucket, options.prefix, options.at, dry_run=options.dry_run)
