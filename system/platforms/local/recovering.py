"""`restore` and `recover`: the database and objects as they were, by hand."""

import datetime as dt
from typing import Any

from system.platforms.local.control_client import call
from system.platforms.local.errors import PlatformError
from system.platforms.local.layout import Layout

_WITHIN_S = 600.0


def restore(layout: Layout, backup: str | None, to: dt.datetime | None) -> int:
    """Recover a scratch server beside the live one, and say how to look into it."""
    asked = ({"backup": backup} if backup else {}) | ({"to": to.isoformat()} if to else {})
    server = _ask(layout, "restore", asked)
    seconds = server["seconds"]
    print(f"backup {server['backup']}, which ended {server['ended']}: fetched in {seconds['fetch']:.1f} s")
    print(f"recovered in {seconds['recover']:.1f} s to {server['at']}, last segment {server['segment']}")
    where = (
        f"host={server['host']} port={server['port']} dbname={server['dbname']} user={server['user']} sslmode=require"
    )
    print(f"connect: PGPASSWORD=$(cat {server['password_file']}) psql '{where}'")
    print(f"drop: curl --unix-socket {layout.control_socket} -X DELETE http://local/v1/scratch/{server['id']}")
    return 0


def recover(layout: Layout, bucket: str, prefix: str, at: dt.datetime, *, dry_run: bool) -> int:
    """Bring objects back to what they were at a moment, or say which would be."""
    asked = {"bucket": bucket, "prefix": prefix, "at": at.isoformat(), "dry_run": dry_run}
    answer = _ask(layout, "recover", asked)
    for each in answer["taken"]:
        print(f"{each['key']}: was {each['was']}, the version of {each['modified']}")
    verb = "would be brought back" if dry_run else "brought back"
    print(
        f"{len(answer['taken'])} {verb}, {answer['unchanged']} as they were, {answer['later']} made later and left alone"
    )
    return 0


def _ask(layout: Layout, name: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = call(layout.control_socket, "POST", f"/v1/{name}", body, timeout_s=_WITHIN_S)
    if answer is None:
        raise PlatformError(f"down ({layout.state}): see docs/backups.md for the way without the platform")
    return answer
