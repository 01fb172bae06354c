"""The profile of production, rehearsed on a system that the harness did not start and has no hold on.

What the profile says of the environment's shape is production's: its ceiling, what it expects, what is not applicable, which
services have private addresses, no platform. Where things answer, their figures and the reading credentials are those of a local
system. There is no cloud in it.
"""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from seatrial.profile import load
from system.platforms.local.layout import PROJECT
from tests.platform.bench import Running, profile
from tests.platform.test_trial import gate

pytestmark = pytest.mark.alone
NO_CLOUD = "this rehearsal runs on one machine, and has no cloud to ask; tests/cloud holds the check against a stand-in"
OF_SHAPE = ("secrets_looked_for_in", "secrets_judged")
ASKS_A_CLOUD = ("INF-NET-03", "DEP-SPEC-02")


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(name)} = {toml(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def rehearsal(running: Running, folder: Path) -> Path:
    """Write production's profile for the running system; its local one stands elsewhere, for one folder is one set of secrets."""
    (folder / "local").mkdir()
    local = tomllib.loads(profile(running.layout, folder / "local/local.toml").read_text())
    data = tomllib.loads((PROJECT / "profiles/production.toml").read_text())

    del data["cloud"], data["credentials"]["observe"]["cloud"], data["verdict"]  # the key that signs is production's
    data["expect"]["not_applicable"] |= dict.fromkeys(ASKS_A_CLOUD, NO_CLOUD)
    data |= {name: local[name] for name in ("tree", "ca", "urls", "resolve", "dns", "s3")}
    for store, more in (("postgres", ()), ("redis", ("replicas", "sentinels"))):
        data[store] = {name: local[store][name] for name in (*data[store], "address", *more)}
    for name, service in data["services"].items():
        for instance in service.get("instances", {}):
            service["instances"][instance] = local["services"][name]["instances"][instance]
    data["targets"] = {
        name: figure if name in OF_SHAPE else local["targets"].get(name, figure)
        for name, figure in data["targets"].items()
    }
    data["credentials"]["observe"] = local["credentials"]["observe"]

    file = folder / "production.toml"
    file.write_text("".join(f"{name} = {toml(value)}\n" for name, value in data.items()))
    return file


def test_production_is_judged_from_outside_and_cannot_be_struck(running: Running, tmp_path: Path) -> None:
    file = rehearsal(running, tmp_path)
    known = load(file)
    assert (known.name, str(known.max_impact), known.platform, list(known.credentials)) == (
        "production",
        "observe",
        None,
        ["observe"],
    )

    refused = [gate(file, tmp_path, "--arm", f"{level}=production") for level in ("disrupt", "destroy")]
    code, output, verdict = gate(file, tmp_path)

    for ended, said, none in refused:
        assert (ended, none) == (3, None), said
        assert "profile production grants up to observe" in said
    assert verdict, output
    left_out = known.expect.not_applicable
    rows = {row["id"]: row for row in verdict["results"]}
    answered = {
        name: row["outcome"] for name, row in rows.items() if row["level"] == "observe" and name not in left_out
    }
    not_run = {name: row for name, row in rows.items() if row["outcome"] == "NOT-RUN"}
    assert len(answered) > 25
    assert {name: outcome for name, outcome in answered.items() if outcome != "PASSED"} == {}, output
    assert not_run.keys() == rows.keys() - answered.keys()
    assert [name for name, row in not_run.items() if not row["reason"]] == []
    assert {row["reason"] for row in not_run.values() if row["level"] != "observe"} <= {
        "not granted: profile production grants up to observe",
        *(f"not applicable: {reason}" for reason in left_out.values()),
    }
    assert sum(row["footprint"]["writes"] for row in verdict["results"]) == 0
    assert (code, verdict["verdict"]) == (0, "GO"), output
