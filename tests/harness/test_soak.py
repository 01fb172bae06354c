"""The gate repeated on a healthy environment: what is counted, kept and said, and what may be resumed."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.errors import Invalid, UsageError
from seatrial.eventually import eventually
from seatrial.outcome import Outcome
from seatrial.report import OUT
from seatrial.soak import series
from seatrial.soak._page import page
from seatrial.soak.noise import noisy
from seatrial.soak.series import Common, Round
from tests.harness.tiny import Tiny
from tests.report.conftest import verdict
from tests.results import result

OF = Common("here", "r1", "0.1.0 a", "b", "c", "all", "", ("cpu",))
GO = Round(1, 7, "2026-11-23T05:34:42+00:00", "GO", 1.5, {"A": "PASSED", "B": "PASSED"}, {})
BAD = replace(GO, number=2, verdict="NO-GO", checks={"A": "FAILED"}, wrong={"A": "FAILED FLAKY: <why>"}, kept="soak/x")

NAMES = ["a", "b", "c", "d"]
CHECKS = """
from pathlib import Path

def ran(name):
    with Path("ran").open("a") as file:
        file.write(name)
    return Path("ran").read_text()
"""
ONE = """
@check("INF-TC-{number}", severity=BLOCKER, component="port", alone=True)
def test_{name}({level}):
    '''It ran.'''
    {level}.evidence("ran", ran("{name}"))
    require({level}.tcp.connect("127.0.0.1", {level}.target("port")) == "open", "open", "closed")
"""
FLAKE = (
    ONE.format(number="02", name="b", level="observe")
    + "    require(len(ran('')) not in range(5, 9), 'steady', 'flaky')\n"
)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Tiny]:
    bench = Tiny(tmp_path)
    others = "".join(
        ONE.format(number=f"0{number}", name=name, level="observe") for number, name in ((1, "a"), (3, "c"))
    )
    bench.suite(CHECKS + ONE.format(number="04", name="d", level="exercise") + others + FLAKE)
    assert bench.seatrial("up").code == 0
    yield bench
    bench.end()


def order(seed: int) -> str:
    """What the seed makes of the order in the file, the check that may change something last."""
    names = ["d", "a", "c", "b"]
    random.Random(seed).shuffle(names)  # noqa: S311 - as the plugin does
    return "".join(sorted(names, key=lambda name: name == "d"))


def rows(tiny: Tiny) -> list[Round]:
    found = series.read(tiny.folder / OUT / "soak.jsonl")
    return found[2] if found else []


@pytest.mark.slow
def test_a_series_counts_and_goes_on(tiny: Tiny) -> None:
    soak = ("soak", "--suites", "suites", "--noise", "order")
    seed = next(seed for seed in range(99) if order(seed)[:3] not in {"acb", order(seed + 1)[:3]})

    clean = tiny.seatrial(*soak, "--times", "1", "--seed", str(seed))

    assert clean.code == 0, clean.output
    assert "the gate     0 of 1: at most 95.0% with 95% confidence" in clean.output
    assert "4 checks each 0 of 1: at most 95.0% with 95% confidence" in clean.output
    assert clean.output.strip().endswith("1 of 1 rounds GO  environment here  release r1")
    assert (tiny.folder / "ran").read_text() == order(seed)

    red = tiny.seatrial(*soak, "--times", "2", "--resume")

    assert red.code == 1, red.output
    assert "INF-TC-02    1 of 2: 50.0%, between 1.3% and 98.7% with 95% confidence\n" in red.output
    assert f"  first in round 2, seed {seed + 1}: FAILED FLAKY: expected steady, saw flaky\n" in red.output
    assert (tiny.folder / "ran").read_text()[4:8] == order(seed + 1)
    bad = rows(tiny)[1]
    assert json.loads((tiny.folder / OUT / bad.kept / "verdict.json").read_text())["verdict"] == "NO-GO"
    assert "PASSED   INF-TC-01" in (tiny.folder / OUT / bad.kept / "output.txt").read_text()
    assert "INF-TC-02" in (tiny.folder / OUT / "soak.html").read_text()


def test_a_series_that_is_interrupted_keeps_its_rounds_and_nothing_else_is_added_to_it(tiny: Tiny) -> None:
    process = tiny.start("soak", "--suites", "suites", "--noise", "cpu", "--times", "99")
    try:
        eventually(lambda: rows(tiny), within_s=90, every_s=0.05, what="a first round")
        process.send_signal(signal.SIGINT)
        assert process.wait(90) == 130
    finally:
        process.kill()
    assert rows(tiny)[0].noise["cpu"]["cores"] > 0
    assert (tiny.folder / OUT / "soak.html").exists()

    with (tiny.folder / "here.toml").open("a") as profile:
        profile.write("# other\n")
    refused = tiny.seatrial("soak", "--suites", "suites", "--times", "5", "--resume")

    assert refused.code == 3, refused.output
    assert "is of something else: profile is " in refused.output
    assert "noise is (), was ('cpu',)" in refused.output


def test_a_round_that_ends_in_an_error_is_kept_as_one_without_a_verdict(tiny: Tiny) -> None:
    spoils = "    from pathlib import Path\n    Path('suites/waivers.toml').mkdir()\n"
    tiny.suite(CHECKS + ONE.format(number="04", name="d", level="observe") + spoils)

    run = tiny.seatrial("soak", "--suites", "suites", "--times", "3")

    assert run.code == 2, run.output
    assert [each.verdict for each in rows(tiny)] == ["GO", series.NO_VERDICT]
    assert "Is a directory" in rows(tiny)[1].problems[0]
    assert "1 of 2 rounds GO" in run.output


def test_what_was_cut_short_by_a_crash_is_no_round_and_spoils_none(tmp_path: Path) -> None:
    file = tmp_path / "soak.jsonl"
    series.append(file, "old", OF, GO)
    series.append(file, "new", OF, BAD)
    with file.open("a") as cut:
        cut.write('{"series": "new", "of": {')

    assert series.read(file) == ("new", OF, [BAD])
    series.append(file, "new", OF, GO)
    assert series.read(file) == ("new", OF, [BAD, GO])

    file.write_text(file.read_text().replace('"seed"', '"sede"', 1))
    with pytest.raises(UsageError, match=r"soak.jsonl:1: no round of a series"):
        series.read(file)


def test_what_is_counted_ran_or_had_to() -> None:
    flaky = result("B", Outcome.FAILED, marks=("FLAKY",))
    rest = [
        result("C", Outcome.NOT_RUN, reason="not armed"),
        result("D", Outcome.NOT_RUN, reason="nothing runs D here"),
    ]
    seen = verdict(
        result("A"), flaky, result("E", Outcome.INVALID, reason="no samples"), *rest, required=("A", "D", "F")
    )

    kept = series.round_of(seen, 3, 9, {})

    assert kept.checks == {"A": "PASSED", "B": "FAILED", "D": "NOT-RUN", "E": "INVALID", "F": "MISSING"}
    assert kept.wrong == {
        "B": "FAILED FLAKY: ",
        "D": "NOT-RUN: nothing runs D here",
        "E": "INVALID: no samples",
        "F": "MISSING",
    }


def test_a_share_has_its_bounds_and_each_check_its_own_rounds() -> None:
    gate, worst, other = series.rates([GO, BAD, *[GO] * 18])

    assert (gate.told, worst.name) == ("1 of 20: 5.0%, between 0.1% and 24.9% with 95% confidence", "A")
    assert other.told == "0 of 19: at most 14.6% with 95% confidence"
    assert "title>round 2, seed 7: FAILED FLAKY: &lt;why&gt;</title" in page(OF, [GO, BAD], series.rates([GO, BAD]))


def test_noise_is_made_measured_and_ended() -> None:
    with noisy(["cpu", "disk"], Path.cwd()) as made:

        def both() -> bool:
            try:
                seen.update(made())
            except Invalid:
                return False
            return True

        seen: dict[str, dict[str, float]] = {}
        eventually(both, within_s=20, every_s=0.05, what="noise of both kinds")
    assert seen["cpu"]["cores"] > 0
    assert seen["disk"]["MB a second"] > 0
    with pytest.raises(Invalid, match=r"ended by itself \(exit 0\)"):
        made()


def test_noise_ends_with_a_parent_that_is_killed() -> None:
    text = (
        "import sys, pathlib\nfrom seatrial.soak.noise import noisy\n"
        "with noisy(['cpu'], pathlib.Path()) as made:\n"
        "    print(pathlib.Path('/proc/self/task/', str(__import__('os').getpid()), 'children').read_text(), flush=True)\n"
        "    sys.stdin.read()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())

    parent.kill()
    parent.communicate()

    eventually(lambda: not running(child), within_s=20, every_s=0.05, what="the end of the noise")


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
