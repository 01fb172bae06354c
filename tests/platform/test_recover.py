"""Deleted and overwritten objects, brought back by the platform and by the product's own command."""

import datetime as dt
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import jsonschema
import pytest

from system.platforms.local.buckets import store_client
from system.platforms.local.layout import PROJECT
from tests.platform.bench import Running, run, schema
from tests.waiting import wait_for

SCHEMA = schema()
BUCKET = "backups"


@dataclass
class Store:
    """Objects of one test, below a prefix of its own."""

    client: Any
    prefix: str

    def put(self, name: str, body: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=f"{self.prefix}{name}", Body=body)

    def get(self, name: str) -> bytes:
        return bytes(self.client.get_object(Bucket=BUCKET, Key=f"{self.prefix}{name}")["Body"].read())

    def delete(self, name: str) -> None:
        self.client.delete_object(Bucket=BUCKET, Key=f"{self.prefix}{name}")

    def names(self) -> list[str]:
        listed = self.client.list_objects_v2(Bucket=BUCKET, Prefix=self.prefix).get("Contents", [])
        return [row["Key"].removeprefix(self.prefix) for row in listed]

    def second(self) -> dt.datetime:
        """Give the store's second of now, once it is over."""
        now = self._now()
        wait_for(lambda: self._now() > now)
        return now

    def _now(self) -> dt.datetime:
        answer = self.client.head_bucket(Bucket=BUCKET)["ResponseMetadata"]["HTTPHeaders"]["date"]
        return parsedate_to_datetime(answer)


@pytest.fixture
def store(running: Running) -> Iterator[Store]:
    secrets = running.layout.secrets
    keys = ((secrets / f"s3-admin.{part}").read_text() for part in ("access", "secret"))
    made = Store(store_client(running.layout, *keys), f"trial/{uuid.uuid4().hex}-")
    try:
        yield made
    finally:
        found = made.client.list_object_versions(Bucket=BUCKET, Prefix=made.prefix)
        for row in (*found.get("Versions", []), *found.get("DeleteMarkers", [])):
            made.client.delete_object(Bucket=BUCKET, Key=row["Key"], VersionId=row["VersionId"])


@pytest.fixture
def damaged(store: Store) -> dt.datetime:
    """One object deleted, one overwritten, one left alone, one made later: and the moment before."""
    for name in ("deleted", "overwritten", "same"):
        store.put(name, name.encode())
    moment = store.second()
    store.delete("deleted")
    store.put("overwritten", b"other")
    store.put("later", b"later")
    return moment


def test_what_was_deleted_and_overwritten_is_as_it_was_and_the_rest_is_left_alone(
    running: Running, store: Store, damaged: dt.datetime
) -> None:
    asked = {"bucket": BUCKET, "prefix": store.prefix, "at": damaged.isoformat()}
    would = running.post("recover", {**asked, "dry_run": True})
    assert "deleted" not in store.names()
    answer = running.post("recover", asked)
    jsonschema.validate(answer, {**SCHEMA, "$ref": "#/$defs/recover_answer"})
    assert answer == would
    was = {each["key"].removeprefix(store.prefix): each["was"] for each in answer["taken"]}
    assert (was, answer["unchanged"], answer["later"]) == (
        {"deleted": "deleted", "overwritten": "overwritten"},
        1,
        1,
    )
    assert {name: store.get(name) for name in store.names()} == {
        "deleted": b"deleted",
        "overwritten": b"overwritten",
        "same": b"same",
        "later": b"later",
    }


def test_a_second_time_there_is_nothing_to_bring_back(running: Running, store: Store, damaged: dt.datetime) -> None:
    asked = {"bucket": BUCKET, "prefix": store.prefix, "at": damaged.isoformat()}
    running.post("recover", asked)
    assert running.post("recover", asked) == {"taken": [], "unchanged": 3, "later": 1}


def test_the_platforms_command_says_what_it_does(running: Running, store: Store, damaged: dt.datetime) -> None:
    done = run("recover", running.layout, BUCKET, store.prefix, "--at", damaged.isoformat(), "--dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "2 would be brought back, 1 as they were, 1 made later and left alone"


def test_the_products_command_does_it_at_any_store(running: Running, store: Store, damaged: dt.datetime) -> None:
    done = command(running, "--bucket", BUCKET, "--prefix", store.prefix, "--at", damaged.isoformat())
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "2 brought back, 1 as they were, 1 made later and left alone"
    assert store.get("deleted") == b"deleted"


def test_the_products_command_says_of_a_bucket_without_versions_that_it_has_none(running: Running) -> None:
    done = command(running, "--bucket", "previews", "--prefix", "x", "--at", "2026-01-31T13:04:00+00:00", key="admin")
    assert done.returncode == 1
    assert done.stderr == "recovery: previews keeps no versions: there is nothing to bring back\n"


def test_a_moment_without_its_distance_from_utc_is_a_wrong_call(running: Running) -> None:
    done = command(running, "--bucket", BUCKET, "--prefix", "x", "--at", "2026-01-31T13:04:00")
    assert done.returncode == 2
    assert "expected a moment such as" in done.stderr


def command(running: Running, *arguments: str, key: str = "restore") -> "subprocess.CompletedProcess[str]":
    secrets = running.layout.secrets
    environment = {
        "PATH": os.defpath,
        "AWS_ACCESS_KEY_ID": (secrets / f"s3-{key}.access").read_text(),
        "AWS_SECRET_ACCESS_KEY": (secrets / f"s3-{key}.secret").read_text(),
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "*",
    }
    endpoint = f"--endpoint=http://{running.layout.addresses.endpoint('s3')}"
    line = [sys.executable, "-m", "system.recovery", endpoint, "--region=us-east-1", *arguments]
    return subprocess.run(line, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=60)
