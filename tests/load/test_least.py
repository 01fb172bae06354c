"""How many arrivals must have ended for a run to say anything: so many in all of its stages together."""

from pathlib import Path

import pytest

from tests.load.flying import counting, fly


@pytest.mark.parametrize("shape", ["baseline", "ramp", "spike"])
def test_a_run_of_too_few_arrivals_says_nothing_whatever_its_shape(shape: str, tmp_path: Path) -> None:
    with counting() as (host, asked):
        code, result = fly(tmp_path / "record", host, shape=shape, rate=5)
    assert (code, result["outcome"]) == (2, "INVALID")
    assert f"look: {len(asked)} arrivals have ended, fewer than 50 say nothing" in result["reasons"]
