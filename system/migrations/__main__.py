"""Run the migrations: `python -m system.migrations up|down|status`."""

import argparse
import json
import os
import sys

import psycopg

from system.common.config import ConfigError, Reader, read_database
from system.common.single_connection import connect
from system.migrations.files import Migration, MigrationError, load_migrations
from system.migrations.runner import Runner


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}")
    return int(text)


def _described(migration: Migration) -> str:
    how = "in one transaction" if migration.up.transaction else "statement by statement"
    head = f"{migration.version} {migration.name}: {migration.phase}, {how}, lock_timeout {migration.lock_timeout}"
    return f"{head}\n{migration.up.sql}"


def main() -> int:
    """Exit 0 when done, 1 with one line on stderr when not."""
    parser = argparse.ArgumentParser(prog="python -m system.migrations", description=__doc__)
    parser.add_argument("action", choices=("up", "down", "status"))
    parser.add_argument("--steps", type=_count, help="how many migrations at most (default: up all, down 1)")
    parser.add_argument("--dry-run", action="store_true", help="up: print what would run, and change nothing")
    parser.add_argument(
        "--old",
        nargs="*",
        metavar="RELEASE",
        help="releases other than this one that still serve, or none; without it nothing is contracted",
    )
    parser.add_argument(
        "--json", action="store_true", help="print what changed, or would, and what is pending as one JSON object"
    )
    arguments = parser.parse_args()
    reader = Reader(os.environ)
    database = read_database(reader)
    try:
        reader.finish()
        migrations = load_migrations()
        with connect(database, autocommit=True, connect_timeout=5, application_name="migrations") as connection:
            say = (lambda line: print(line, file=sys.stderr)) if arguments.json else print
            runner = Runner(connection, migrations, say, old=arguments.old)
            versions: list[str] = []
            if arguments.action == "up" and arguments.dry_run:
                planned = runner.plan(arguments.steps)
                for migration in planned:
                    say(_described(migration))
                versions = [migration.version for migration in planned]
            elif arguments.action == "up":
                versions = runner.up(arguments.steps)
            elif arguments.action == "down":
                versions = runner.down(1 if arguments.steps is None else arguments.steps)
            pending = [migration.version for migration in runner.verify(or_ahead=arguments.action == "up")]
            applied = [row.version for row in runner.applied()]
    except (ConfigError, MigrationError, psycopg.Error) as error:
        # PostgreSQL adds lines of context; who reads only the last one must find the reason there too.
        print("migrations:", *str(error).split(), file=sys.stderr)
        return 1
    head = applied[-1] if applied else None
    if arguments.json:
        print(json.dumps({"changed": versions, "applied": applied, "pending": pending, "head": head}))
    else:
        print(f"head {head or 'none'}, {len(applied)} applied, {len(pending)} pending")
    return 0


if __name__ == "__main__":
    sys.exit(main())
