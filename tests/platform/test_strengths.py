"""What the platform says of its secrets: enough to judge them, and no value."""

import json
from typing import Any

import jsonschema

from tests.platform.bench import Running, schema

NONCE = "0123456789abcdef"
EXAMPLE = "changeme" * 4


def strengths(running: Running) -> list[dict[str, Any]]:
    answer = running.ask("GET", f"secrets?nonce={NONCE}").json()
    jsonschema.validate(answer, {**schema(), "$ref": "#/$defs/secrets_answer"})
    found: list[dict[str, Any]] = answer["secrets"]
    return found


def test_every_secret_is_named_and_none_is_shown(running: Running) -> None:
    found = strengths(running)

    files = {path.name for path in running.layout.secrets.iterdir() if path.is_file()}
    assert {each["purpose"] for each in found} == {name for name in files if not name.endswith(".access")}
    assert len({each["fingerprint"] for each in found}) == len(found)
    assert min(each["guesses_log10"] for each in found) > 25
    assert {each["published"] for each in found} == {""}
    said = json.dumps(found)
    assert not [name for name in files if (running.layout.secrets / name).read_text() in said]


def test_what_a_part_was_started_with_is_judged_as_well(running: Running) -> None:
    ring = json.dumps({"active": "k1", "keys": {"k1": EXAMPLE.encode().hex()}})
    try:
        running.post("restart", {"part": "edge-1", "settings": {"LINK_KEYS": ring, "LOG_LEVEL": "INFO"}})
        (seen,) = [each for each in strengths(running) if each["name"].startswith("edge-1")]
    finally:
        running.post("restart", {"part": "edge-1", "settings": {}})

    assert (seen["name"], seen["purpose"]) == ("edge-1 LINK_KEYS k1", "links")
    assert seen["published"] == "holds the word 'changeme'"
    assert seen["guesses_log10"] < 5


def test_both_values_of_a_rotation_have_one_purpose(running: Running) -> None:
    running.post("rotate", {"secret": "redis-worker"})
    try:
        found = [each for each in strengths(running) if each["name"].startswith("redis-worker")]
    finally:
        running.post("rotate", {"secret": "redis-worker", "step": "complete"})

    assert len(found) == 2
    assert {each["purpose"] for each in found} == {"redis-worker"}
