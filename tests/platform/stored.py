"""What a running instance has stored: rows of its servers, and backups."""

import json
import os
import subprocess
from typing import Any

import psycopg

from system.platforms.local.addresses import Endpoint
from system.platforms.local.barman import tool_command
from system.platforms.local.layout import PROJECT, Layout
from tests.platform.bench import Running


def ask(running: Running, server: Endpoint, query: str, user: str = "admin") -> list[tuple[Any, ...]]:
    with psycopg.connect(
        host=server.address,
        port=server.port,
        user=user,
        password=(running.layout.secrets / f"postgres-{user}").read_text(),
        sslmode="require",
        autocommit=True,
        dbname="seatrial",
        connect_timeout=5,
    ) as connection:
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
