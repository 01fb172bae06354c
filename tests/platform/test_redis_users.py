"""What the users' file does to a server that starts again."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from system.platforms.local.parts.redis import NOBODY
from system.platforms.local.programs import Programs
from tests.waiting import wait_for

WRITER = "user writer on >a-password-of-this-test ~* &* +@all"


@contextmanager
def served(folder: Path, nobody: str) -> Iterator[Any]:
    """Run a server of its own on a unix socket, with an append-only file."""
    programs, door = Programs.find(), folder / "redis.sock"
    (folder / "users.acl").write_text(f"{nobody}\n{WRITER}\n")
    settings = {"port": 0, "unixsocket": door, "dir": folder, "aclfile": folder / "users.acl", "appendonly": "yes"}
    process = subprocess.Popen(
        [programs.redis, *(word for name, value in settings.items() for word in (f"--{name}", str(value)))],
        env={"LD_LIBRARY_PATH": str(programs.redis_libraries)},
        stdout=subprocess.DEVNULL,
    )
    try:
        with redis.Redis(unix_socket_path=str(door), username="writer", password="a-password-of-this-test") as client:
            wait_for(lambda: answers(client))
            yield client
    finally:
        process.terminate()
        process.wait()


def answers(client: Any) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def kept(folder: Path, nobody: str) -> list[str | None]:
    with served(folder, nobody) as client:
        client.set("alone", "1")
        client.pipeline(transaction=True).set("together", "2").incr("counted").execute()
    with served(folder, nobody) as client:
        return [value and value.decode() for value in client.mget("alone", "together", "counted")]


def test_a_server_that_starts_again_has_every_transaction(tmp_path: Path) -> None:
    assert kept(tmp_path, NOBODY) == ["1", "2", "1"]


def test_a_default_user_without_rights_costs_every_transaction(tmp_path: Path) -> None:
    assert kept(tmp_path, NOBODY.replace("~* &* +@all", "resetkeys resetchannels -@all")) == ["1", None, None]


@pytest.mark.slow
def test_nobody_is_let_in_as_the_default_user(tmp_path: Path) -> None:
    with served(tmp_path, NOBODY) as client:
        path = client.connection_pool.connection_kwargs["path"]
        for name, password in ((None, None), ("default", ""), ("default", "made-up")):
            with (
                pytest.raises(redis.AuthenticationError),
                redis.Redis(unix_socket_path=path, username=name, password=password) as stranger,
            ):
                stranger.ping()
