"""Run the API, or one of its commands: `python -m system.api [account EMAIL | openapi]`."""

import argparse
import json
import os
import sys
from pathlib import Path

from system.api.app import create_app
from system.api.settings import read_account_settings, read_settings
from system.common.config import ConfigError
from system.common.serve import serve

CONTRACT = Path(__file__).with_name("openapi.json")
SHORTEST_PASSWORD = 12


def main() -> int:
    """Exit 0 when done, 1 with a reason on stderr when not."""
    parser = argparse.ArgumentParser(prog="python -m system.api", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    account = commands.add_parser("account", help="make an account, or set its password; read from standard input")
    account.add_argument("email")
    commands.add_parser("openapi", help=f"write the contract to {CONTRACT.name}")
    arguments = parser.parse_args()
    try:
        if arguments.command == "account":
            return set_account(arguments.email, sys.stdin.readline().rstrip("\r\n"))
        if arguments.command == "openapi":
            document = json.dumps(create_app(None).openapi(), indent=2, ensure_ascii=False)
            CONTRACT.write_text(document + "\n", encoding="utf-8")
            return 0
        settings = read_settings(os.environ)
    except ConfigError as error:
        print(f"api: {error}", file=sys.stderr)
        return 1
    serve(create_app(settings), settings.service)
    return 0


def set_account(email: str, password: str) -> int:
    """Make the account, or give it another password, which ends its sessions; the same password changes nothing."""
    import psycopg  # noqa: PLC0415 - only this command talks to Postgres synchronously

    from system.api.passwords import hash_password, matches  # noqa: PLC0415
    from system.common.single_connection import connect  # noqa: PLC0415

    if len(password) < SHORTEST_PASSWORD:
        print(f"account: the password has {len(password)} characters, {SHORTEST_PASSWORD} are needed", file=sys.stderr)
        return 1
    database, email = read_account_settings(os.environ), email.lower()
    try:
        with connect(database, connect_timeout=5) as connection:
            found = connection.execute("select password_hash from accounts where email = %s", (email,)).fetchone()
            if not found or not matches(found[0], password):
                row = connection.execute(
                    """insert into accounts (email, password_hash) values (%s, %s)
                       on conflict (email) do update set password_hash = excluded.password_hash returning id""",
                    (email, hash_password(password)),
                ).fetchone()
                connection.execute(
                    """update sessions set revoked_at = now(), revoked_because = 'password set'
                       where account_id = %s and revoked_at is null""",
                    row,
                )
    except psycopg.Error as error:
        print(f"account: {error}".rstrip(), file=sys.stderr)
        return 1
    print(f"account {email} is ready")
    return 0


if __name__ == "__main__":
    sys.exit(main())
