"""INF-NET-03 and its faults, through the command line, on the stand-in."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from suites.infra import test_cloud as check
from tests.cloud import checking
from tests.cloud.checking import READER, WRITER, declare
from tests.cloud.conftest import section
from tests.cloud.stand_in import StandIn, _trusted
from tests.harness.bench import Bench
from tests.harness.tiny import Tiny
from tests.probes.conftest import Authority

ROOT = Path.cwd()
FAULTS = re.findall(r'@fault\(\s*"(cloud-[a-z-]+)"', Path("faults/infra/cloud.py").read_text())


@pytest.fixture
def bench(tmp_path: Path, cloud: StandIn, authority: Authority) -> Bench:
    made = Bench(tmp_path, 1)
    declare(made, section(cloud, authority.ca), READER)
    return made


@pytest.fixture
def tiny(tmp_path: Path, cloud: StandIn, authority: Authority) -> Iterator[Tiny]:
    made = Tiny(tmp_path)
    declare(made, section(cloud, authority.ca), READER, WRITER)
    yield made
    made.end()


def outcome(bench: Bench) -> tuple[str, str]:
    return checking.outcome(bench, check.test_the_clouds_network_is_the_declared_one)


def test_the_declared_network_passes(bench: Bench) -> None:
    assert outcome(bench) == ("PASSED", "")


@pytest.mark.parametrize(("wrong", "ended", "code"), [("", "PASSED", 0), ("429", "INVALID", 2)])
def test_the_gate_rules_by_it(bench: Bench, cloud: StandIn, wrong: str, ended: str, code: int) -> None:
    cloud.wrong = wrong

    run = bench.gate("INF-NET-03", "--suites", str(ROOT / "suites"))

    assert (run.code, run.outcome("INF-NET-03")) == (code, ended), run.output


@pytest.mark.slow
def test_every_fault_is_caught_and_healed(tiny: Tiny, cloud: StandIn) -> None:
    assert tiny.seatrial("up").code == 0
    wanted = [argument for name in FAULTS for argument in ("--fault", name)]

    run = tiny.seatrial("prove", "--suites", str(ROOT / "suites"), "--faults", str(ROOT / "faults"), *wanted)

    assert run.code == 0, run.output
    assert FAULTS
    assert [name for name in FAULTS if f"CAUGHT   {name} " not in run.output] == [], run.output
    assert cloud.state["firewall"]["tags"] == ["gpu"]
    log = (tiny.state / "undo.jsonl").read_text()
    assert "reader" not in run.output + log
    assert "writer" not in run.output + log


def change(state: dict[str, Any], how: str) -> None:
    match how:
        case "public range":
            state["vpc"]["ip_range"] = "203.0.113.0/24"
        case "other range":
            state["vpc"]["ip_range"] = "10.21.0.0/20"
        case "stranger in the VPC":
            state["members"].append({"name": "x", "urn": "do:droplet:999"})
        case "database outside":
            state["database"]["private_network_uuid"] = "another"
        case "database not listed":
            del state["members"][0]
        case "everybody, in IPv6":
            state["rules"].append(_trusted("ip_addr", "::/0"))
        case "pending":
            state["firewall"]["pending_changes"] = [{"droplet_id": 101, "removing": False, "status": "waiting"}]
        case "failed":
            state["firewall"]["status"] = "failed"
        case "no firewall":
            state["firewall"] = None


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("public range", "203.0.113.0/24"),
        ("other range", "10.21.0.0/20"),
        ("stranger in the VPC", "undeclared: do:droplet:999"),
        ("database outside", "another"),
        ("database not listed", "no do:dbaas:"),
        ("everybody, in IPv6", "ip_addr:::/0"),
        ("pending", "1 pending changes"),
        ("failed", "failed, 0 pending"),
        ("no firewall", "not there: 404"),
    ],
)
def test_what_no_strike_can_do_is_seen_too(bench: Bench, cloud: StandIn, how: str, words: str) -> None:
    change(cloud.state, how)

    ended, said = outcome(bench)

    assert (ended, words in said) == ("FAILED", True), said


@pytest.mark.parametrize("wrong", ["429", "503", "401", "garbage"])
def test_an_api_that_cannot_be_asked_is_invalid(bench: Bench, cloud: StandIn, wrong: str) -> None:
    cloud.wrong = wrong

    ended, said = outcome(bench)

    assert ended == "INVALID", said
    assert "the cloud" in said


def test_a_network_that_everybody_may_enter_is_wrong_even_if_declared(bench: Bench, cloud: StandIn) -> None:
    cloud.state["rules"].append(_trusted("ip_addr", "0.0.0.0/0"))
    file = bench.folder / "here.toml"
    file.write_text(file.read_text().replace('"ip_addr:10.20.0.0/20"]', '"ip_addr:10.20.0.0/20", "ip_addr:0.0.0.0/0"]'))
    assert tomllib.loads(file.read_text())["cloud"]["databases"]["postgres"]["trusted"][2] == "ip_addr:0.0.0.0/0"

    ended, said = outcome(bench)

    assert (ended, "ip_addr:0.0.0.0/0" in said) == ("FAILED", True), said
