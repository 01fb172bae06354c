"""The verbs that strike: by themselves on the local system alone, elsewhere only what somebody types."""

import os
import subprocess

import pytest


@pytest.mark.parametrize("verb", ["gate", "drill"])
@pytest.mark.parametrize(
    ("variables", "options"),
    [
        ([], "--profile local --arm destroy=local"),
        (["ARM="], "--profile local"),
        (["PROFILE=staging"], "--profile staging"),
        (["PROFILE=staging", "ARM=disrupt=staging"], "--profile staging --arm disrupt=staging"),
    ],
)
def test_what_nobody_has_typed_arms_the_local_system_alone(verb: str, variables: list[str], options: str) -> None:
    said = subprocess.run(
        ["make", "--dry-run", verb, *variables],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert " ".join(said.splitlines()[-1].split()) == f".venv/bin/seatrial {verb} {options}"
