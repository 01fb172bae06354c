"""Rotation on a real instance: what the stores and services accept during it and after, also after a kill."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import boto3
import jsonschema
import psycopg
import pytest
import redis
from botocore.config import Config
from botocore.exceptions import ClientError

from system.platforms.local.layout import Layout
from system.platforms.local.rotating_files import NAMES, PAIRS, RINGS
from tests.platform.bench import Running, booted, connect, end, redis_client, run, schema
from tests.waiting import wait_for


def secret(running: Running, name: str) -> str:
    """What a service reads now: for a pair both of its files, for two passwords the newer one."""
    names = [f"{name}.access", f"{name}.secret"] if name in PAIRS else [name]
    return "\n".join((running.layout.secrets / each).read_text() for each in names)


def opens(running: Running, name: str, value: str) -> bool:
    """Sign in to the store with the value."""
    store, _, user = name.partition("-")
    try:
        if store == "postgres":
            connect(running, user, password=value).close()
        elif store == "redis":
            with redis_client(running, "redis", user, password=value) as client:
                client.ping()
        else:
            access, key = value.split("\n")
            boto3.client(
                "s3",
                endpoint_url=f"http://{running.layout.addresses.endpoint('s3')}",
                region_name="us-east-1",
                aws_access_key_id=access,
                aws_secret_access_key=key,
                config=Config(s3={"addressing_style": "path"}, proxies={}),
            ).list_objects_v2(Bucket="backups" if name in {"s3-backup", "s3-restore"} else "previews", MaxKeys=1)
    except (psycopg.OperationalError, redis.AuthenticationError, ClientError):
        return False
    return True


def every_service_ready(running: Running) -> bool:
    return all(part["state"] == "ready" for part in running.get("status")["parts"])


STORED = [name for name in NAMES if name not in RINGS]


@pytest.mark.parametrize("name", STORED)
def test_the_store_accepts_the_new_value_at_once_and_the_old_one_until_it_is_retired(
    running: Running, name: str
) -> None:
    old = secret(running, name)
    assert opens(running, name, old)
    answer = running.post("rotate", {"secret": name})
    jsonschema.validate(answer, {**schema(), "$ref": "#/$defs/rotate_answer"})
    assert answer["rotating"]
    new = secret(running, name)
    assert new != old
    assert opens(running, name, new)
    assert opens(running, name, old) is not name.startswith("postgres-")  # a role has one password
    assert not running.post("rotate", {"secret": name, "step": "complete"})["rotating"]
    assert opens(running, name, new)
    assert not opens(running, name, old)
    assert secret(running, name) == new
    wait_for(lambda: every_service_ready(running))


def test_a_rotation_that_has_begun_is_not_begun_again(running: Running) -> None:
    running.post("rotate", {"secret": "jwt"})
    again = running.ask("POST", "rotate", {"secret": "jwt"})
    assert (again.status_code, "complete it first" in again.text) == (409, True)
    running.post("rotate", {"secret": "jwt", "step": "complete"})
    running.post("rotate", {"secret": "jwt", "step": "complete"})


def test_only_secrets_that_can_be_rotated_are(running: Running) -> None:
    answer = running.ask("POST", "rotate", {"secret": "../ca/root.key"})
    assert (answer.status_code, "links" in answer.json()["error"]) == (404, True)


def test_a_restarted_store_goes_on_to_accept_both_values(running: Running) -> None:
    kept: dict[str, str] = {}
    for name, part in (("redis-api", "redis"), ("s3-edge", "s3")):
        kept[name] = secret(running, name)
        running.post("rotate", {"secret": name})
        running.post("restart", {"part": part, "settings": {}})
        assert opens(running, name, kept[name])
        assert opens(running, name, secret(running, name))
    for name, old in kept.items():
        running.post("rotate", {"secret": name, "step": "complete"})
        assert not opens(running, name, old)
    wait_for(lambda: every_service_ready(running))


def test_up_completes_every_rotation_that_a_kill_has_cut_off(used: Layout) -> None:
    with booted(used) as running:
        old = {name: secret(running, name) for name in NAMES}
        for name in NAMES:
            running.post("rotate", {"secret": name})
        os.kill(int(used.guardian_pid.read_text()), signal.SIGKILL)
        end(used)
        both = used.secrets / "postgres-api"
        both.write_text(f"{old['postgres-api']}\n{both.read_text()}")  # as it stands just before the role is altered
        (used.secrets / "postgres-api.new").write_text(both.read_text().splitlines()[1])
        done = run("up", used)
        assert done.returncode == 0, done.stdout + done.stderr
        new = {name: secret(running, name) for name in NAMES}
        assert {name: new[name] == old[name] for name in NAMES} == dict.fromkeys(NAMES, False)
        accepted: Callable[[dict[str, str]], set[str]] = lambda values: {  # noqa: E731
            name for name in STORED if opens(running, name, values[name])
        }
        assert accepted(new) == set(STORED)
        assert accepted(old) == set()
        assert [path for path in used.secrets.rglob("*") if path.name.endswith((".new", ".old", "new", "old"))] == []
        assert leftovers(used.secrets) == []


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]
