"""DEP-SPEC-02 and its faults, through the command line, on the stand-in; and its words, on the project's own specs."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from suites.deploy import _app_spec, _drift
from suites.deploy import test_drift as check
from tests.cloud import checking
from tests.cloud.apps import APP
from tests.cloud.checking import READER, WRITER, declare
from tests.cloud.conftest import section
from tests.cloud.stand_in import StandIn
from tests.harness.bench import Bench
from tests.harness.tiny import Tiny
from tests.probes.conftest import Authority

ROOT = Path.cwd()
FAULTS = re.findall(r'@fault\("(drift-[a-z-]+)"', Path("faults/deploy/drift.py").read_text())
FOLDER = Path("system/platforms/digitalocean")
SPEC: dict[str, Any] = yaml.safe_load((FOLDER / "app.yaml").read_text())


def released(spec: dict[str, Any], release: str = "r1") -> dict[str, Any]:
    """Return a spec as a deployment of a release sends it."""
    made: dict[str, Any] = json.loads(json.dumps(spec))  # without what YAML shares
    for component in (*made["services"], *made["jobs"]):
        repository = component["image"]["repository"]
        component["image"]["digest"] = f"sha256:{repository.encode().hex():0>64}"[:71]
        for env in component["envs"]:
            if env["key"] == "RELEASE":
                env["value"] = release
            if env["type"] == "SECRET":
                env["value"] = f"secret of {env['key']}"
    return made


@pytest.fixture(autouse=True)
def live(cloud: StandIn) -> None:
    cloud.apps.put(released(SPEC))
    cloud.apps.settle()


def describe(bench: Bench, *parts: str) -> None:
    declare(bench, *parts)
    (bench.folder / "app.yaml").write_text((FOLDER / "app.yaml").read_text())
    file = bench.folder / "here.toml"
    text = file.read_text().replace("[targets]\n", '[targets]\napp_spec = "app.yaml"\n')
    file.write_text('tree = "."\n' + text.replace("[cloud]\n", f'[cloud]\napp = "{APP}"\n'))


@pytest.fixture
def bench(tmp_path: Path, cloud: StandIn, authority: Authority) -> Bench:
    made = Bench(tmp_path, 1)
    describe(made, section(cloud, authority.ca), READER)
    return made


@pytest.fixture
def tiny(tmp_path: Path, cloud: StandIn, authority: Authority) -> Iterator[Tiny]:
    made = Tiny(tmp_path)
    describe(made, section(cloud, authority.ca), READER, WRITER)
    yield made
    made.end()


def outcome(bench: Bench) -> tuple[str, str]:
    return checking.outcome(bench, check.test_the_live_app_spec_is_the_repositorys)


def test_what_was_deployed_from_the_repository_passes_the_gate(bench: Bench) -> None:
    run = bench.gate("DEP-SPEC-02", "--suites", str(ROOT / "suites"))

    assert (run.code, run.outcome("DEP-SPEC-02")) == (0, "PASSED"), run.output


@pytest.mark.slow
def test_every_fault_is_caught_and_healed(tiny: Tiny, cloud: StandIn) -> None:
    assert tiny.seatrial("up").code == 0
    before = copy.deepcopy(cloud.apps.spec)
    wanted = [argument for name in FAULTS for argument in ("--fault", name)]

    run = tiny.seatrial("prove", "--suites", str(ROOT / "suites"), "--faults", str(ROOT / "faults"), *wanted)

    assert run.code == 0, run.output
    assert len(FAULTS) == 5
    assert [name for name in FAULTS if f"CAUGHT   {name} " not in run.output] == [], run.output
    assert cloud.apps.spec == before
    assert "pasted-by-hand" not in run.output
    assert "changed-by-hand" not in run.output


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a domain less": (lambda spec: spec["domains"].pop(), "missing: domains.play.example.com.domain"),
    "a component more": (
        lambda spec: spec["services"].append({**copy.deepcopy(spec["services"][0]), "name": "debug"}),
        "undeclared: services.debug.name = debug",
    ),
    "an image of before in one": (
        lambda spec: spec["jobs"][0]["image"].update(digest=f"sha256:{'1' * 64}"),
        ", sha256:1111",
    ),
    "no digest": (lambda spec: spec["services"][1]["image"].update(digest=None, tag="latest"), "undeclared: services."),
    "a release of two": (lambda spec: spec["services"][1]["envs"][0].update(value="r2"), "r1, r2"),
    "no release": (lambda spec: spec["services"][1]["envs"][0].update(value="unreleased"), "RELEASE.value"),
    "a field that nobody declares": (
        lambda spec: spec["services"][0].update(cors={"allow_origins": [{"exact": "https://evil.example"}]}),
        "undeclared: services.api.cors.allow_origins",
    ),
    "older TLS": (lambda spec: spec["domains"][0].update(minimum_tls_version=""), "missing: domains.app.example.com"),
    "a longer limit": (lambda spec: spec["jobs"][0].update(timeout="1h15m"), "changed: jobs.migrate.timeout is 4500"),
    "an alert off": (lambda spec: spec["alerts"][0].update(disabled=True), "alerts.DEPLOYMENT_FAILED.disabled = True"),
}


@pytest.mark.parametrize(("change", "words"), CHANGES.values(), ids=CHANGES)
def test_every_kind_of_change_is_named(
    bench: Bench, cloud: StandIn, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    assert cloud.apps.spec is not None
    change(cloud.apps.spec)

    ended, said = outcome(bench)

    assert (ended, words in said) == ("FAILED", True), said


def test_order_and_spelling_are_no_drift(bench: Bench, cloud: StandIn) -> None:
    assert cloud.apps.spec is not None
    cloud.apps.spec["jobs"][0]["timeout"] = "15m0s"
    for key in ("services", "jobs", "domains", "alerts"):
        cloud.apps.spec[key].reverse()
    for component in cloud.apps.spec["services"]:
        component["envs"].reverse()

    assert outcome(bench) == ("PASSED", "")


def test_a_rollback_is_no_drift_until_it_is_committed(bench: Bench, cloud: StandIn) -> None:
    before = copy.deepcopy(cloud.apps.spec)
    (bench.folder / "app.yaml").write_text((FOLDER / "app.yaml").read_text().replace('"1073741824"', '"536870912"'))
    assert outcome(bench)[0] == "FAILED"

    cloud.apps.pinned = cloud.apps.deployments[0]["id"]
    assert outcome(bench) == ("PASSED", "")
    assert cloud.apps.spec is not None
    cloud.apps.spec["services"][0]["autoscaling"]["min_instance_count"] = 1
    assert outcome(bench)[0] == "FAILED", "a hand's change beside a rollback"

    cloud.apps.spec, cloud.apps.pinned = before, ""
    ended, said = outcome(bench)
    assert (ended, "CACHE_MAX_BYTES" in said) == ("FAILED", True), "committed, and the repository says something else"


def test_an_app_that_is_not_there_is_a_failure(bench: Bench, cloud: StandIn) -> None:
    cloud.apps.spec = None

    ended, said = outcome(bench)

    assert (ended, "not there: 404" in said) == ("FAILED", True), said


@pytest.mark.parametrize("wrong", ["429", "503", "401", "garbage"])
def test_an_api_that_cannot_be_asked_is_invalid(bench: Bench, cloud: StandIn, wrong: str) -> None:
    cloud.wrong = wrong

    assert outcome(bench)[0] == "INVALID"


def test_a_file_that_is_no_spec_is_invalid(bench: Bench) -> None:
    (bench.folder / "app.yaml").write_text("- no\n- mapping\n")

    assert outcome(bench)[0] == "INVALID"


def test_staging_is_production_with_other_names() -> None:
    staging = yaml.safe_load((FOLDER / "staging.yaml").read_text())
    here, there = _drift.places(SPEC), _drift.places(staging)

    assert _app_spec.read((FOLDER / "staging.yaml").read_text())
    assert {neutral(place) for place in here} == {neutral(place) for place in there}
    other = {place[-2] for place in here if place in there and neutral(here[place]) != neutral(there[place])}
    assert other == {"MASTER_RETENTION_S"}


def neutral(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(neutral(part) for part in value)
    for word in (".staging", "production", "staging"):
        value = str(value).replace(word, "" if word == ".staging" else "HERE")
    return re.sub(r"000000000[12]00", "VPC", value)
