"""Which release a verdict is about where App Platform runs it: the images of the active deployment, by digest."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial import expected
from seatrial.basis import Basis
from seatrial.environment import Environment
from seatrial.probes import cloud as probe
from seatrial.profile import load
from tests.cloud.apps import APP
from tests.cloud.checking import READER, declare
from tests.cloud.conftest import section
from tests.cloud.stand_in import StandIn
from tests.harness.bench import Bench
from tests.probes.conftest import Authority

SPEC: dict[str, Any] = yaml.safe_load(Path("system/platforms/digitalocean/app.yaml").read_text())
DIGESTS = {
    f"seatrial-{name}": f"sha256:{number * 64}" for number, name in zip("123", ("api", "edge", "frontend"), strict=True)
}


def released(digests: dict[str, str]) -> dict[str, Any]:
    """Give the repository's spec with these images."""
    spec: dict[str, Any] = json.loads(json.dumps(SPEC))  # without what YAML shares
    for component in (*spec["services"], *spec["jobs"]):
        component["image"]["digest"] = digests[component["image"]["repository"]]
    return spec


@pytest.fixture
def environment(tmp_path: Path, cloud: StandIn, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setattr(probe, "RETRIES", 0)
    bench = Bench(tmp_path, 1)
    (tmp_path / "suites").mkdir()
    expected.write(tmp_path / "suites", [])
    declare(bench, section(cloud, authority.ca).replace("[cloud]\n", f'[cloud]\napp = "{APP}"\n'), READER)
    return Environment(load(tmp_path / "here.toml"))


def basis(environment: Environment) -> Basis:
    return Basis.of(environment, environment.profile.path.parent / "suites")


def test_the_images_that_serve_are_the_release(cloud: StandIn, environment: Environment) -> None:
    cloud.apps.put(released(DIGESTS))
    cloud.apps.settle()
    assert basis(environment).releases == DIGESTS
    assert environment.clients == {}

    cloud.apps.ends = ["ERROR"]
    cloud.apps.put(released(dict.fromkeys(DIGESTS, f"sha256:{'9' * 64}")))
    cloud.apps.settle()
    assert basis(environment).releases == DIGESTS


def test_what_is_not_there_or_not_told_is_unknown(cloud: StandIn, environment: Environment) -> None:
    assert "not there" in basis(environment).unknown

    cloud.apps.put(released(DIGESTS))
    cloud.apps.settle()
    assert cloud.apps.active
    del cloud.apps.active["spec"]["services"][0]["image"]["digest"]
    found = basis(environment)
    assert (found.releases, found.unknown) == ({}, "the app runs seatrial-api by a tag, and not by a digest")
