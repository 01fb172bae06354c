"""Command line: `python -m system.platforms.digitalocean deploy|rollback|commit|revert|status`."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from system.platforms.digitalocean import deployments, spec
from system.platforms.digitalocean.api import ENDPOINT, Api
from system.platforms.digitalocean.deploying import Run, deploy, roll_back, settle
from system.platforms.digitalocean.deployments import App, Patience
from system.platforms.digitalocean.ending import DeployError, Ending, WrongCallError
from system.platforms.digitalocean.gate import TOKEN, gate

EPILOG = f"""\
The token stands in the variable {TOKEN} and needs app:create, app:read and app:update; it is in no argument, no output,
and not in the gate's environment. What stands behind `--` is the gate's: `deploy ... -- --profile staging`.

exit codes:
  0  done, and the gate says GO                       3  wrong call, or the vendor refuses the spec: nothing was changed
  1  refused: what served before serves again, and    4  the vendor's API refused or did not answer
     the gate says GO of it                           5  broken: a rollback failed or is not verified; look now
  2  done, and the gate gave no verdict             130  interrupted: the vendor goes on; ask `status`
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {message}", file=sys.stderr)
        sys.exit(Ending.WRONG_CALL)


def main(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
    """Run one command and return its exit code."""
    variables = os.environ if environment is None else environment
    own, to_gate = _split(arguments)
    options = parser().parse_args(own)
    options.to_gate, options.environment = to_gate, variables
    try:
        return int(_run(options))
    except DeployError as error:
        print(f"{options.name}: {error}", file=sys.stderr)
        return int(error.ending)
    except KeyboardInterrupt:
        print(f"{options.name}: interrupted; the vendor goes on: ask `status`", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> Ending:
    token = options.environment.get(TOKEN, "").strip()
    if not token:
        raise WrongCallError(f"no {TOKEN} in the environment")
    if options.gated and not options.dry_run and "--profile" not in options.to_gate:
        raise WrongCallError("say what the gate shall ask: -- --profile NAME")
    api = Api(token, options.endpoint, options.ca)
    run = Run(
        api,
        Patience(options.deadline, options.every, lambda line: print(line, flush=True)),
        lambda: gate(options.to_gate, options.environment),
        dry=options.dry_run,
    )
    command: Callable[[Run, argparse.Namespace], Ending] = options.command
    try:
        return command(run, options)
    finally:
        api.close()


def _deploy(run: Run, options: argparse.Namespace) -> Ending:
    template, release = spec.read(options.spec), spec.Release.read(options.release)
    secrets = spec.read_secrets(options.secrets) if options.secrets else {}
    app = deployments.find(run.api, template["name"])
    return deploy(run, spec.fill(template, release, secrets, app.spec if app else None), app)


def _rollback(run: Run, options: argparse.Namespace) -> Ending:
    return roll_back(run, _app(run, options), options.to)


def _settle(run: Run, options: argparse.Namespace) -> Ending:
    app = _app(run, options)
    if app.deployment("pinned") is None:
        raise WrongCallError(f"{options.app} is pinned to no rollback: there is nothing to {options.name}")
    return settle(run, app.id, keep=options.name == "commit")


def _status(run: Run, options: argparse.Namespace) -> Ending:
    app = _app(run, options)
    ready = True
    for which in ("active", "in_progress", "pending", "pinned"):
        found = app.deployment(which)
        if found or which == "active":
            run.tell(f"{which:12} {deployments.told(found) if found else 'none'}")
        ready &= bool(found) == (which == "active")
    for part in (run.api.read("apps.get_health", app.id).get("app_health") or {}).get("components") or []:
        run.tell(
            f"{part.get('name', '?'):12} {part.get('state')}, {part.get('replicas_ready')} of {part.get('replicas_desired')} ready"
        )
        ready &= part.get("state") == "HEALTHY"
    for domain in app.shown.get("domains") or []:
        run.tell(f"{(domain.get('spec') or {}).get('domain')}: {domain.get('phase')}")
        ready &= domain.get("phase") == "ACTIVE"
    return Ending.DONE if ready else Ending.REFUSED


def _app(run: Run, options: argparse.Namespace) -> App:
    found = deployments.find(run.api, options.app)
    if found is None:
        raise WrongCallError(f"the account has no app named {options.app}")
    return found


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    given = list(arguments)
    at = given.index("--") if "--" in given else len(given)
    return given[:at], given[at + 1 :]


def parser() -> argparse.ArgumentParser:
    """Return the parser of what stands before `--`."""
    made = _Parser(
        prog="python -m system.platforms.digitalocean",
        description="Bring releases to App Platform, verify them with the gate, and take them back.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(required=True, dest="name", metavar="COMMAND", parser_class=_Parser)

    def add(
        name: str, run: Callable[[Run, argparse.Namespace], Ending], text: str, *, gated: bool = False
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name, help=text, description=text, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        command.set_defaults(command=run, gated=gated, dry_run=False)
        command.add_argument("--endpoint", default=ENDPOINT, help=f"the vendor's API (default {ENDPOINT})")
        command.add_argument("--ca", type=Path, metavar="FILE", help="what signs the endpoint's certificate")
        command.add_argument(
            "--deadline", type=float, default=1800.0, metavar="S", help="a deployment ends within (default 1800)"
        )
        command.add_argument("--every", type=float, default=10.0, metavar="S", help="ask every (default 10)")
        if run is not _status:
            command.add_argument("--dry-run", action="store_true", help="ask and validate, change nothing")
        if run is not _deploy:
            command.add_argument("app", metavar="APP", help="the app's name")
        return command

    out = add("deploy", _deploy, "propose, create or update, wait, gate; roll back by itself if not good", gated=True)
    out.add_argument("--spec", type=Path, required=True, metavar="FILE", help="the spec, with room for a release")
    out.add_argument(
        "--release", type=Path, required=True, metavar="FILE", help='{"release": ID, "images": {REPOSITORY: DIGEST}}'
    )
    out.add_argument(
        "--secrets", metavar="FILE|-", help="new values, {component: {KEY: value}}; kept ones need not be given"
    )
    back = add("rollback", _rollback, "go back to what served before, gate, and commit or revert", gated=True)
    back.add_argument("--to", metavar="DEPLOYMENT", help="this one (default: what served before the active one)")
    add("commit", _settle, "keep a rollback that was left pinned")
    add("revert", _settle, "undo a rollback that was left pinned")
    add("status", _status, "show what is deployed (exit 0 at rest and healthy, else 1)")
    return made
