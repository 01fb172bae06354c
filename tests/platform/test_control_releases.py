"""The control calls that move releases: deploy, rollback, canary, patch, scale."""

import json
import re
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from system.platforms.local.addresses import INSTANCES
from tests.platform.bench import Running, fits


def version_source() -> dict[str, str]:
    """A patch that changes one file of one service and nothing of what it does."""
    text = Path("system/edge/__init__.py").read_text()
    first = text.splitlines()[0]
    return {"file": "system/edge/__init__.py", "find": first, "replace": f"{first}  # patched"}


def broken_source() -> dict[str, str]:
    return {**version_source(), "replace": "raise SystemExit('this release is broken')"}


def test_deploy_rolls_a_patched_release_to_every_instance_and_rollback_returns(running: Running) -> None:
    first, shipped = running.get("status")["release"], running.get("config")["parts"]
    settings = {"edge": {"LINK_SKEW_S": "7", "LOG_LEVEL": None}}
    answer = fits("rolled", running.post("deploy", {"patch": [version_source()], "settings": settings}))
    assert answer["previous"] == first
    assert answer["release"] != first
    status, config = running.get("status"), running.get("config")["parts"]
    assert {part["release"] for part in status["parts"] if part["name"] in INSTANCES} == {answer["release"]}
    assert [config[name].get("LINK_SKEW_S") for name in ("edge-1", "edge-2")] == ["7", "7"]
    assert "LOG_LEVEL" not in config["edge-2"]
    assert config["api-1"]["LOG_LEVEL"] == "INFO"
    assert fits("rolled", running.post("rollback", {"release": first}))["release"] == first
    status = running.get("status")
    assert status["release"] == first
    assert status["ready"]
    assert running.get("config")["parts"] == shipped
    changes = fits("releases_answer", running.get("releases"))["changes"]
    assert [(each["by"], each["release"], each["outcome"]) for each in changes[:2]] == [
        ("rollback", first, "in force"),
        ("deploy", answer["release"], "in force"),
    ]


def test_a_service_is_scaled_out_and_in(running: Running) -> None:
    assert fits("scale_answer", running.post("scale", {"service": "edge", "count": 3}))["previous"] == 2
    grown = running.get("status")
    assert fits("scale_answer", running.post("scale", {"service": "edge", "count": 2}))["previous"] == 3
    shrunk = running.get("status")

    assert running.layout.addresses.endpoint("edge-3").port in {part["port"] for part in grown["parts"]}
    assert grown["ready"]
    assert {part["name"] for part in shrunk["parts"]} == {part["name"] for part in grown["parts"]} - {"edge-3"}


@pytest.mark.parametrize(
    ("call", "asked", "words"),
    [
        ("scale", {"service": "edge", "count": 4}, "room for 3"),
        ("scale", {"service": "edge", "count": 0}, "from 1 to"),
        ("scale", {"service": "redis", "count": 1}, "no service redis"),
        ("deploy", {"settings": {"redis": {"A": "b"}}}, "no service redis"),
        ("deploy", {"settings": {"edge": {"LINK_KEYS": "k"}}}, "LINK_KEYS: secrets are no configuration"),
        ("deploy", {"settings": {"edge": ["A"]}}, "objects of strings"),
    ],
)
def test_what_cannot_be_deployed_or_scaled_is_refused(
    running: Running, call: str, asked: dict[str, Any], words: str
) -> None:
    answer = running.ask("POST", call, asked)

    assert answer.status_code == 400
    assert words in fits("error", answer.json())["error"]


def test_a_deploy_at_once_moves_every_instance_and_keeps_what_the_release_before_was_made_of(running: Running) -> None:
    first = running.get("status")["release"]

    patch = {"patch": [version_source()], "settings": {"edge": {"LINK_SKEW_S": "7"}}, "at_once": True}
    fits("rolled", running.post("deploy", patch))
    more = {"settings": {"edge": {"LINK_MAX_LIFETIME_S": "900"}}, "at_once": True}
    second = fits("rolled", running.post("deploy", more))["release"]
    moved, config = running.get("status"), running.get("config")["parts"]["edge-1"]
    running.post("rollback", {"release": first, "at_once": True})
    back = running.get("status")

    assert {part["release"] for part in moved["parts"] if part["name"] in INSTANCES} == {second}
    assert {part["release"] for part in back["parts"] if part["name"] in INSTANCES} == {first}
    assert moved["ready"]
    assert back["ready"]
    assert (config["LINK_SKEW_S"], config["LINK_MAX_LIFETIME_S"]) == ("7", "900")
    source = running.layout.releases / second / "system/edge/__init__.py"
    assert source.read_text().splitlines()[0].endswith("# patched")


def releases(running: Running) -> dict[str, str]:
    return {part["name"]: part["release"] for part in running.get("status")["parts"] if part["name"] in INSTANCES}


def test_a_canary_is_alone_on_its_release_until_a_rollback(running: Running) -> None:
    before = releases(running)

    answer = fits("rolled", running.post("canary", {"instances": ["edge-2"], "patch": [version_source()]}))
    during, current = releases(running), running.get("status")["release"]
    running.post("rollback", {"release": answer["previous"]})

    assert during == {**before, "edge-2": answer["release"]}
    assert current == answer["previous"] == before["edge-2"] != answer["release"]
    assert releases(running) == before


def test_a_canary_that_does_not_become_ready_goes_back(running: Running) -> None:
    before = releases(running)

    answer = running.ask("POST", "canary", {"instances": ["edge-2"], "patch": [broken_source()]})

    assert answer.status_code == 409
    assert "went back" in fits("error", answer.json())["error"]
    assert releases(running) == before
    assert running.get("status")["ready"]


def test_releases_are_built_from_the_patched_source_until_it_is_taken_back(running: Running) -> None:
    first = running.get("status")["release"]

    patched = fits("patch_answer", running.post("patch", {"patch": [version_source()]}))["patched"]
    status = fits("status_answer", running.get("status"))
    carried = running.post("canary", {"instances": ["edge-2"]})["release"]
    running.post("patch", {"patch": []})
    plain = running.post("canary", {"instances": ["edge-2"]})["release"]

    assert status["patched"] == patched == ["system/edge/__init__.py"]
    assert status["release"] == first
    assert carried != first
    assert plain == first
    assert running.get("status")["patched"] == []


def test_the_ingress_shares_requests_by_weight(running: Running) -> None:
    layout = running.layout
    running.post("restart", {"part": "ingress", "settings": {"weights": {"api": {"api-1": 3, "api-2": 1}}}})
    host, endpoint = layout.addresses.host("api"), layout.addresses.endpoint("https")
    context = ssl.create_default_context(cafile=str(running.layout.ca / "root.crt"))

    answered = [_instance(context, host, (endpoint.address, endpoint.port)) for _ in range(16)]
    running.post("restart", {"part": "ingress", "settings": {}})

    assert (answered.count("api-1"), answered.count("api-2")) == (12, 4)


def _instance(context: ssl.SSLContext, host: str, address: tuple[str, int]) -> str:
    with (
        socket.create_connection(address, timeout=5) as bare,
        context.wrap_socket(bare, server_hostname=host) as connection,
    ):
        connection.sendall(f"GET /version HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    return str(json.loads(answer.partition(b"\r\n\r\n")[2])["instance"])


def test_a_release_that_does_not_become_ready_is_rolled_back(running: Running) -> None:
    first = running.get("status")["release"]
    parts = {part["name"]: part["pid"] for part in running.get("status")["parts"]}
    answer = running.ask("POST", "deploy", {"patch": [broken_source()], "services": ["edge"]})
    assert answer.status_code == 409
    assert re.search(r"rolled back.*edge-3: .*this release is broken", fits("error", answer.json())["error"])
    status = running.get("status")
    assert status["release"] == first
    assert status["ready"]
    assert {part["name"]: part["pid"] for part in status["parts"]} == parts
    last = running.get("releases")["changes"][0]
    assert (last["outcome"], last["previous"]) == ("rolled back", first)
    assert "this release is broken" in last["reason"]


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"file": "system/edge/__init__.py", "find": "no such text", "replace": ""}, "occurs 0 times"),
        ({"file": "system/../README.md", "find": "a", "replace": ""}, "no file"),
        ({"file": "system/edge/__init__.py"}, "file, find and replace"),
    ],
)
def test_a_patch_that_does_not_fit_changes_nothing(running: Running, edit: dict[str, str], words: str) -> None:
    answer = running.ask("POST", "deploy", {"patch": [edit]})
    assert answer.status_code == 400
    assert words in answer.json()["error"]
