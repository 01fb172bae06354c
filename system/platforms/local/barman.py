"""Run one of Barman's cloud tools for an instance: with the key, the authority and the address that it needs.

    python -m system.platforms.local.barman backup-list

What follows the tool's name goes to the tool, behind the bucket and the server's name.
"""

import argparse
import functools
import os
import runpy
import shlex
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from system.platforms.local.addresses import DEFAULT_BASE_PORT
from system.platforms.local.layout import DEFAULT_STATE, PROJECT, Layout
from system.platforms.local.parts.s3_identities import BACKUPS, REGION
from system.platforms.local.secret_files import SecretFiles

DESTINATION, SERVER = f"s3://{BACKUPS}/postgres", "seatrial"
ENVIRONMENT: Mapping[str, str] = {
    "PATH": os.defpath,
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    "PYTHONPATH": str(PROJECT),
}
# Only for what hangs in spite of the store's own time-outs. On a machine that is very busy the command's start alone takes half a
# minute: cut there, it would begin anew for ever, and a backup wait for its log as long.
_ARCHIVE_WITHIN_S = 90
# One job: more would compete with what is being backed up.
_OPTIONS = {
    "backup": ["--immediate-checkpoint", "--jobs=1"],
    "backup-delete": [],
    "backup-list": [],
    "restore": [],
    "wal-archive": ["--gzip"],
    "wal-restore": [],
}


def tool_command(layout: Layout, tool: str, *arguments: str) -> list[str]:
    """Give the command line of a tool; it needs PYTHONPATH to be the project."""
    return module_command(layout, "barman", tool, *arguments)


def module_command(layout: Layout, module: str, *arguments: str) -> list[str]:
    """Give the command line of one of this platform's modules; it runs with ENVIRONMENT."""
    where = [f"--state={layout.state}", f"--base-port={layout.addresses.base_port}"]
    return [sys.executable, "-m", f"system.platforms.local.{module}", *where, *arguments]


def shell_command(layout: Layout, tool: str, *arguments: str) -> str:
    """Give the tool as PostgreSQL's archive_command or restore_command, which a shell runs; %p and %f stay bare."""
    environment = ["env", f"PYTHONPATH={PROJECT}"]
    words = ["timeout", str(_ARCHIVE_WITHIN_S), *environment, *tool_command(layout, tool)]
    return " ".join([*(shlex.quote(word.replace("%", "%%")) for word in words), *arguments])


def main(arguments: list[str]) -> None:
    """Run the tool in this process; ends with its exit code."""
    parser = argparse.ArgumentParser(prog="python -m system.platforms.local.barman", description=__doc__)
    parser.add_argument("--state", type=Path, default=DEFAULT_STATE)
    parser.add_argument("--base-port", type=int, default=DEFAULT_BASE_PORT)
    parser.add_argument("tool", choices=_OPTIONS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    layout = Layout.of(options.state, options.base_port)
    reach_store(layout)
    connect = _connect(layout) if options.tool == "backup" else []
    store = [f"--endpoint-url={layout.addresses.origin('s3')}", "--addressing-style=path", "--read-timeout=15"]
    program = Path(sys.executable).with_name(f"barman-cloud-{options.tool}")
    sys.argv = [str(program), *store, *_OPTIONS[options.tool], *connect, DESTINATION, SERVER, *options.arguments]
    runpy.run_path(str(program), run_name="__main__")


def _connect(layout: Layout) -> list[str]:
    # Not at the top: PostgreSQL's client would take a third of the time that each segment's command needs to start.
    from system.platforms.local.segments import database  # noqa: PLC0415

    return [f"--dbname={database(layout)}"]


def reach_store(layout: Layout) -> None:
    """Have this process reach the store with the backups' key of now, and the database with their password; may be called again."""
    os.environ.update(_environment(layout))
    _resolve(layout.addresses.host("s3"), layout.addresses.endpoint("https").address)


def _environment(layout: Layout) -> dict[str, str]:
    """Give what boto3 and libpq take from the environment; set in this process, so that no other one can read it."""
    secrets = SecretFiles(layout.secrets)
    return {
        "AWS_ACCESS_KEY_ID": secrets.read("s3-backup.access"),
        "AWS_SECRET_ACCESS_KEY": secrets.read("s3-backup.secret"),
        "AWS_CA_BUNDLE": str(layout.root_certificate),
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_RETRY_MODE": "standard",
        "AWS_MAX_ATTEMPTS": "2",  # whoever calls tries again
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        "NO_PROXY": "*",
        "PGPASSWORD": secrets.read("postgres-backup"),
    }


def _resolve(host: str, address: str) -> None:
    """Have this process find the store's public name at the ingress: no resolver of this machine knows it."""
    ask: Callable[..., Any] = getattr(socket.getaddrinfo, "__wrapped__", socket.getaddrinfo)

    @functools.wraps(ask)
    def answer(name: Any, *arguments: Any, **named: Any) -> Any:
        return ask(address if name == host else name, *arguments, **named)

    socket.getaddrinfo = answer  # type: ignore[assignment]


if __name__ == "__main__":
    main(sys.argv[1:])
