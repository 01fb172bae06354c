"""The platform's own look for its secrets: it finds each form, and gives no value away."""

import base64
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from system.platforms.local import leaks
from tests.platform.bench import Running, schema


def scan(running: Running, **asked: object) -> dict[str, Any]:
    answer: dict[str, Any] = running.post("scan", asked)
    jsonschema.validate(answer, {**schema(), "$ref": "#/$defs/scan_answer"})
    return answer


@pytest.mark.parametrize("form", dict(leaks.forms(b"x")))
def test_each_form_of_a_secret_is_found_in_a_text(running: Running, form: str) -> None:
    value = (running.layout.secrets / "redis-admin").read_text()
    hidden = [pattern.decode() for name, pattern in leaks.forms(value.encode()) if name == form]

    answer = scan(running, texts={str(number): f"<{text}>" for number, text in enumerate(hidden)})

    found = answer["found"]
    assert {each["place"] for each in found} == {str(number) for number in range(len(hidden))}
    assert {each["name"] for each in found} == {"redis-admin"}
    assert value not in json.dumps(answer)


def test_keys_are_known_as_the_bytes_that_they_stand_for(running: Running) -> None:
    ring = json.loads((running.layout.secrets / "links").read_text())
    key = base64.b64encode(bytes.fromhex(ring["keys"][ring["active"]])).decode()

    (seen,) = scan(running, texts={"x": key})["found"]
    assert (seen["name"], seen["form"]) == ("links", "base64")


def test_without_texts_logs_and_processes_are_looked_through(running: Running) -> None:
    answer = scan(running, canaries=["postgres:", "GOMEMLIMIT=512MiB", "server is up"])

    looked = answer["looked"]
    assert looked.keys() == {"logs", "arguments", "environment"}
    assert all(each["places"] > 5 and each["bytes"] for each in looked.values())
    canaries = answer["canaries"]
    assert "environment" in {each["kind"] for each in canaries if each["name"].startswith("GOMEMLIMIT")}
    assert answer["found"] == []


def test_what_others_see_of_the_store_holds_none_of_its_keys(running: Running) -> None:
    (pid,) = {part["pid"] for part in running.ask("GET", "status").json()["parts"] if part["name"] == "s3"}
    key = (running.layout.secrets / "s3-kek").read_bytes()

    assert key not in Path(f"/proc/{pid}/environ").read_bytes()
    own = running.layout.run / "s3" / ".seaweedfs"
    assert {path.stat().st_mode & 0o077 for path in (running.layout.run, own, own / "security.toml")} == {0}
    assert key in (own / "security.toml").read_bytes()
