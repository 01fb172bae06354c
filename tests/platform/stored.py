"""What a running instance has stored: rows of its servers, and backups."""

import json
import os
import subprocess
from typing import Any

from system.platforms.local.addresses import Endpoint
from system.platforms.local.barman import tool_command
from system.platforms.local.layout import PROJECT, Layout
from tests.platform.bench import Running, connect


def ask(running: Running, server: Endpoint, query: str, user: str = "admin") -> list[tuple[Any, ...]]:
    how = {"hostaddr": server.address, "port": str(server.port), "sslmode": "require", "connect_timeout": "5"}
    with connect(running, user, **how) as connection:
        connection.autocommit = True
        cursor = connection.execute(query)
        return list(cursor.fetchall()) if cursor.description else []


def live(running: Running, query: str) -> list[tuple[Any, ...]]:
    return ask(running, running.layout.addresses.endpoint("postgres"), query)


def tool(layout: Layout, name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        tool_command(layout, name, *arguments),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def backups(layout: Layout) -> list[dict[str, Any]]:
    """List the whole backups, oldest first."""
    listed = tool(layout, "backup-list", "--format=json")
    assert listed.returncode == 0, listed.stderr
    whole = [each for each in json.loads(listed.stdout)["backups_list"] if each["status"] == "DONE"]
    return sorted(whole, key=lambda each: str(each["end_time_iso"]))
