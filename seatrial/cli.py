"""The command line: `seatrial --help`."""

import argparse
import signal
import sys
import traceback

from seatrial import conclude
from seatrial.environment import Environment
from seatrial.errors import SeatrialError, UsageError
from seatrial.profile import find, load
from seatrial.secrecy import commands as secret_commands
from seatrial.verbs import attesting, listing, mutating, paper, proving, running, soaking, trial
from seatrial.verbs.common import USAGE_ERROR, Parser, Verbs, with_profile


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="seatrial", description="Give a deployed environment its sea trial.")
    parser.add_argument("--version", action="version", version=f"seatrial {conclude.harness_version()}")
    verbs = Verbs(parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser))
    for family in (trial, soaking, proving, mutating, running, listing, paper, attesting):
        family.add_to(verbs)
    secret_commands.add_verbs(verbs.add("secrets", _secrets, secret_commands.SUMMARY), with_profile)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    signal.signal(signal.SIGTERM, _terminated)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as below nohup
        signal.signal(signal.SIGHUP, _terminated)
    # What a script starts in the background ignores it, and so would the stages, to which we pass an interrupt on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(given)
    try:
        code: int = options.run(options)
    except UsageError as error:
        print(f"seatrial: {error}", file=sys.stderr)
        return USAGE_ERROR
    except (SeatrialError, OSError) as error:  # of the latter: a folder that is not there, a full disk
        print(f"seatrial: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"seatrial: interrupted{_left_struck(options)}", file=sys.stderr)
        return 130
    except SystemExit:  # rich's, when nobody reads what it prints any more; its 1 would say NO-GO
        print("seatrial: the output was closed", file=sys.stderr)
        return 2
    except Exception:  # noqa: BLE001 - Python's own exit code for what nobody foresaw is 1, which says NO-GO
        traceback.print_exc()
        return 2
    return code


def _left_struck(options: argparse.Namespace) -> str:
    """Say what an interrupted command has left of an environment, as its undo log has it."""
    if not hasattr(options, "profile"):
        return ""
    try:
        return f"; {conclude.struck(Environment(load(find(options.profile)))) or 'nothing is left struck'}"
    except SeatrialError as error:
        return f"; whether anything is left struck is not known: {error}"


def _terminated(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _secrets(options: argparse.Namespace) -> int:
    code: int = options.verb(load(find(options.profile)), options)
    return code


if __name__ == "__main__":
    sys.exit(main())
