"""Whom the load asks: the environment of the profile, whatever Locust finds on its way."""

import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.load import Wanted, fly
from seatrial.profile import load
from tests.load.flying import LOCUSTFILE, counting, crew
from tests.load.flying import fly as flown

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PROFILE = 'name = "here"\nmax_impact = "exercise"\nurls.api = "http://127.0.0.1:1"\n'
# A run of no more than a second that is judged by whom it has asked.
SHORT = Wanted(rate_per_s=20, seconds=1)


@pytest.mark.parametrize(
    ("place", "setting"),
    [
        ("LOCUST_HOST", "{}"),
        ("home/.locust.conf", "host = {}"),
        ("tree/locust.conf", "host = {}"),
        ("tree/pyproject.toml", '[tool.locust]\nhost = "{}"'),
    ],
)
def test_no_settings_of_locusts_lead_it_elsewhere(
    place: str, setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locustfile = tmp_path / "tree" / "load" / "locustfile.py"
    locustfile.parent.mkdir(parents=True)
    locustfile.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom tests.load.small_locustfile import *\n")
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "profile.toml").write_text(f'{PROFILE}tree = "tree"\n')
    profile = load(tmp_path / "profile.toml")
    with counting() as (here, asked), counting() as (elsewhere, strayed):
        monkeypatch.setenv("SMALL_HOST", here)
        if "/" in place:
            (tmp_path / place).write_text(setting.format(elsewhere))
        else:
            monkeypatch.setenv(place, setting.format(elsewhere))
        flight = fly(profile, profile.tree, SHORT)
    assert (bool(asked), strayed) == (True, []), flight.reasons


def test_a_run_that_counts_takes_no_other_host(tmp_path: Path) -> None:
    record = tmp_path / "record"
    with counting() as (elsewhere, strayed):
        command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--for", "1"]
        asked = ["--host", elsewhere, "--record", str(record)]
        ended = subprocess.run([*command, *asked], capture_output=True, text=True, timeout=60, check=False)
    assert f"UsageError: --record is of the profile's environment, and not of {elsewhere}" in ended.stderr
    assert (ended.returncode != 0, record.exists(), strayed) == (True, False, [])


def test_a_worker_of_another_profile_makes_the_run_say_nothing(tmp_path: Path) -> None:
    with counting() as (here, asked), crew(SMALL_HOST=here, SMALL_PROFILE="elsewhere (0a1b2c)") as (_, master):
        code, result = flown(tmp_path / "record", here, *master)
    assert (code, result["outcome"], asked) == (2, "INVALID", [])
    assert len(result["reasons"]) == 2
    assert all("has the profile elsewhere (0a1b2c), and the run is of small" in each for each in result["reasons"])


def test_workers_make_the_one_journey_that_is_asked_for(tmp_path: Path) -> None:
    with counting() as (here, asked), crew(SMALL_HOST=here, SMALL_ALSO="1") as (_, master):
        flown(tmp_path / "record", here, *master, "--journey", "look", SMALL_ALSO="1")
    assert set(asked) == {"/"}
