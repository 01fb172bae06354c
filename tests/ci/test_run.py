"""`.ci/run` from its first step to its last, with stand-ins for what it calls."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

STAND_IN = """#!/bin/sh
case "$1" in
gate | drill)
    mkdir -p reports/out
    for name in verdict.json verdict.html junit.xml; do echo "$0" "$@" >"reports/out/$name"; done ;;
esac
case "$*" in *"$RED"*) exit 1 ;; esac
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (".ci", ".venv/bin", "bin"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copy2(".ci/run", tmp_path / ".ci/run")
    for name in (".venv/bin/python", ".venv/bin/seatrial", "bin/make"):
        (tmp_path / name).write_text(STAND_IN)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def run(tree: Path, red: str = "nothing") -> int:
    environment = {"PATH": f"{tree}/bin:{os.environ['PATH']}", "RED": red}
    return subprocess.run([tree / ".ci/run"], env=environment, check=False, capture_output=True).returncode


def verdicts(tree: Path) -> dict[str, str]:
    return {path.parent.name: path.read_text() for path in (tree / "reports/out/ci").glob("*/verdict.json")}


def test_each_gate_and_the_drills_keep_their_own_verdict(tree: Path) -> None:
    assert run(tree) == 0
    kept = verdicts(tree)
    assert {name: said.split()[1:3] for name, said in kept.items()} == {
        "gate-armed": ["gate", "SUITES=infra"],
        "gate-unarmed": ["gate", "--profile"],
        "drill": ["drill", "--profile"],
    }
    for name in kept:
        assert {path.name for path in (tree / "reports/out/ci" / name).iterdir()} == {
            "verdict.json",
            "verdict.html",
            "junit.xml",
        }


def test_a_gate_that_is_no_go_ends_it_and_its_verdict_is_the_last(tree: Path) -> None:
    assert run(tree, red="security migrations deploy") == 1
    assert verdicts(tree).keys() == {"gate-armed"}
    assert "security migrations deploy" in (tree / "reports/out/verdict.json").read_text()
