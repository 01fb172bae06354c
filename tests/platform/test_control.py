"""The control protocol as a whole: its schema, what it tells, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from system.platforms.local.addresses import INSTANCES
from tests.platform.bench import Running, fits, schema

SCHEMA = schema()


def test_the_schema_is_a_schema_and_each_call_refers_to_what_is_there() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for call in SCHEMA["x-calls"]:
        for side in ("request", "answer"):
            assert call[side].removeprefix("#/$defs/") in SCHEMA["$defs"], call


def test_status_offers_exactly_the_calls_of_the_schema(running: Running) -> None:
    status = fits("status_answer", running.get("status"))
    every = {call["call"] for call in SCHEMA["x-calls"]}
    assert set(status["calls"]) | {"disk"} == every, "disk is offered where a file system may be mounted"
    assert status["ready"]
    assert {part["name"] for part in status["parts"]} >= {"postgres", "redis", "s3", "ingress", *INSTANCES}
    assert status["timings"]["serving_s"] <= status["timings"]["ready_s"]


def test_logs_give_the_last_lines_of_a_part(running: Running) -> None:
    lines = fits("logs_answer", running.get("logs?part=api-1&lines=1"))["lines"]
    assert len(lines) == 1
    assert json.loads(lines[0])["instance"] == "api-1"


def test_logs_refuse_a_name_that_is_no_part(running: Running) -> None:
    answer = running.ask("GET", "logs?part=../secrets/jwt")
    assert answer.status_code == 404
    assert "there is no log" in fits("error", answer.json())["error"]


def test_processes_cover_the_guardian_and_postgres_own_children(running: Running) -> None:
    processes = fits("processes_answer", running.get("processes"))["processes"]
    assert {each["part"] for each in processes} >= {"platform", "postgres", *INSTANCES}
    assert any("checkpointer" in each["command"] and each["part"] == "postgres" for each in processes)


def test_every_listener_is_declared_and_lies_in_the_loopback_network(running: Running) -> None:
    declared = {(each["address"], each["port"]) for each in running.get("status")["declared_ports"]}
    now = fits("listeners_answer", running.get("listeners"))["now"]
    ours = {(each["address"], each["port"]) for each in now if each["part"] is not None}
    assert ours == declared
    assert all(address.startswith("127.") for address, _ in ours)


def test_config_shows_no_secret(running: Running) -> None:
    config = fits("config_answer", running.get("config"))["parts"]
    text = json.dumps(config)
    secrets = {path.read_text() for path in running.layout.secrets.rglob("*") if path.is_file()}
    assert not [secret for secret in secrets if secret in text]
    assert config["api-1"]["DATABASE_PASSWORD"] == "<secret>"
    assert config["api-1"]["INSTANCE"] == "api-1"


def test_no_secret_stands_in_a_command_line(running: Running) -> None:
    text = json.dumps(running.get("processes"))
    files = [path for path in running.layout.secrets.rglob("*") if path.is_file()]
    assert not [path.name for path in files if path.read_text() in text]


def test_an_account_gets_a_password_file(running: Running) -> None:
    answer = fits("account_answer", running.post("account", {"email": "new@example.test"}))
    path = Path(answer["password_file"])
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(before := path.read_text()) >= 32
    running.post("account", {"email": "new@example.test"})
    assert path.read_text() == before
    running.post("account", {"email": "new@example.test", "replace": True})
    assert path.read_text() != before
    assert running.ask("POST", "account", {"email": "no address"}).status_code == 400


@pytest.mark.parametrize(
    ("method", "call", "body", "status", "words"),
    [
        ("GET", "nothing", None, 404, "there is no call"),
        ("GET", "restart", None, 405, "takes POST"),
        ("POST", "restart", {}, 400, "part is missing"),
        ("POST", "restart", {"part": "mail"}, 404, "parts are postgres"),
        ("POST", "restart", {"part": "redis", "setting": {}}, 400, "unknown argument setting"),
        ("POST", "kill", {"part": "redis", "signal": "HUP"}, 400, "must be one of KILL, TERM"),
        ("POST", "kill", {"part": "redis", "child": "x", "stay_down": True}, 400, "stays down as a whole"),
        ("POST", "switchover", {"to": "mail"}, 404, "parts are postgres"),
        ("POST", "rollback", {"release": "../x"}, 404, "there is no release"),
        ("POST", "deploy", {"services": ["mail"]}, 400, "there is no service mail"),
        ("POST", "canary", {"instances": ["api-9"]}, 400, "there is no instance api-9"),
        ("POST", "clock", {"part": "redis", "seconds": 4}, 400, "only instances of the services"),
        ("POST", "clock", {"part": "api-1", "seconds": 601}, 400, "from -600 to 600"),
        ("POST", "certificate", {"part": "s3"}, 400, "only postgres, redis, redis-replica, ingress"),
        ("POST", "certificate", {"part": "redis", "lost": True}, 400, "for ingress"),
    ],
)
def test_a_wrong_call_is_refused_with_one_line(
    running: Running, method: str, call: str, body: dict[str, Any] | None, status: int, words: str
) -> None:
    answer = running.ask(method, call, body)
    assert answer.status_code == status
    message = fits("error", answer.json())["error"]
    assert words in message
    assert "\n" not in message
