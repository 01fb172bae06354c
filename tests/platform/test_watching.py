"""What watches the system: every instance is scraped, also one that comes later; the heartbeat arrives; files can be edited."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from system.platforms.local.addresses import INSTANCES
from system.platforms.local.layout import Layout
from tests.platform.bench import Running, booted
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def watched(used: Layout) -> Iterator[Running]:
    with booted(used, watched=True) as running:
        yield running


def asked(running: Running, part: str, path: str) -> Any:
    with httpx2.Client(trust_env=False) as client:
        return client.get(f"http://{running.layout.addresses.endpoint(part)}{path}").raise_for_status().json()


def scraped(running: Running) -> set[str]:
    targets = asked(running, "prometheus", "/api/v1/targets")["data"]["activeTargets"]
    return {each["labels"]["component"] for each in targets if each["health"] == "up"}


def queries(running: Running) -> set[str]:
    groups = asked(running, "prometheus", "/api/v1/rules")["data"]["groups"]
    return {rule["query"] for group in groups for rule in group["rules"]}


def test_every_instance_is_scraped_also_one_that_comes_later(watched: Running) -> None:
    wait_for(lambda: scraped(watched) >= {*INSTANCES, "exporter", "alertmanager", "pager", "traces", "backups"})
    watched.post("scale", {"service": "edge", "count": 3})
    wait_for(lambda: "edge-3" in scraped(watched))
    watched.post("scale", {"service": "edge", "count": 2})
    wait_for(lambda: "edge-3" not in scraped(watched))


def test_the_heartbeat_arrives(watched: Running) -> None:
    wait_for(lambda: asked(watched, "pager", "/received")["silent_s"] < 5)


def test_the_rules_can_be_edited_and_are_as_shipped_again(watched: Running) -> None:
    edit = {"find": "expr: redis_up == 0", "replace": "expr: redis_is_up == 0"}
    assert watched.post("restart", {"part": "prometheus", "settings": {"patch": [edit]}})["ready"]
    assert queries(watched) & {"redis_up == 0", "redis_is_up == 0"} == {"redis_is_up == 0"}
    assert watched.post("restart", {"part": "prometheus", "settings": {}})["ready"]
    assert queries(watched) & {"redis_up == 0", "redis_is_up == 0"} == {"redis_up == 0"}
