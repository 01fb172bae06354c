"""Drills, rehearsed on a platform with one port: what passes, what proves nothing, and what is always undone."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.tiny import Tiny
from tests.harness.tiny_platform import LOGGED
from tests.waiting import wait_for

ARMED = ("--arm", "disrupt=here", "--suites", "suites")
DRILL = """
from seatrial.drills import Drill

@check("DR-TC-01", severity=BLOCKER, component="port", plan=Plan("the port is stopped", "callers", "starts it", 5))
def test_drill(disrupt):
    '''A stopped port is open again.'''
    port = disrupt.target("port")
    def is_open():
        require(disrupt.tcp.connect("127.0.0.1", port) == "open", "open", "closed")
        return True
    with Drill(disrupt, is_open, within_s=1) as drill:
        drill.strike("stopped", lambda: disrupt.platform.stop("port"), lambda: not probe(disrupt, port), within_s=0.5)
        drill.undo()
        drill.recover({"open": is_open}, within_s=60, budgets_s={"open": 60}, since_undo=True, where="port")
        drill.require_steady()

def probe(disrupt, port):
    return disrupt.tcp.connect("127.0.0.1", port) == "open"
"""
UNDO = "        drill.undo()\n"
RECOVER = '{"open": is_open}, within_s=60, budgets_s={"open": 60}, since_undo=True'
ONCE = """
def first(disrupt):
    import pathlib
    seen = pathlib.Path(str(disrupt.profile.platform.state) + ".seen")
    known = seen.exists()
    seen.touch()
    return not known
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Tiny]:
    bench = Tiny(tmp_path)
    rehearse(bench)
    yield bench
    bench.end()


def rehearse(tiny: Tiny, *changes: tuple[str, str], more: str = "") -> None:
    text = DRILL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    tiny.suite(text + more, "dr/test_port.py")


def test_a_drill_tells_its_times_and_its_course(tiny: Tiny) -> None:
    run = tiny.seatrial("drill", "DR-TC-01", *ARMED)

    assert run.code == 0, run.output
    assert "DR-TC-01 strikes: the port is stopped. Ctrl-C stops it and undoes it within 5 s (starts it)" in run.output
    assert run.verdict is not None
    evidence = run.verdict["results"][0]["evidence"]
    assert [(row["stage"], row["budget s"]) for row in evidence["RTO"]] == [("open", 60)]
    course = ["stopped", "in effect", "undone", "open", "steady after the recovery", "end"]
    assert [what for _, what in evidence["timeline"]["events"]] == course
    assert '<ol class="events">' in (tiny.folder / "reports/out/verdict.html").read_text()


@pytest.mark.slow
def test_many_rehearsals_give_a_distribution(tiny: Tiny) -> None:
    run = tiny.seatrial("drill", "--times", "3", *ARMED)

    assert run.code == 0, run.output
    assert run.verdict is not None
    evidence = run.verdict["results"][0]["evidence"]
    assert evidence["rehearsals"] == "3 of 3 passed"
    assert [(row["stage"], row["times"]) for row in evidence["RTO, of all rehearsals"]] == [("open", 3)]
    assert "p95 s" in run.output


@pytest.mark.slow
def test_one_bad_rehearsal_of_many_is_the_result(tiny: Tiny) -> None:
    rehearse(tiny, ("    with Drill", "    require(first(disrupt), 'a first', 'another')\n    with Drill"), more=ONCE)

    run = tiny.seatrial("drill", "--times", "3", *ARMED)

    assert run.code == 1, run.output
    assert run.outcome("DR-TC-01") == "FAILED"
    assert run.verdict is not None
    assert run.verdict["results"][0]["evidence"]["rehearsals"] == "1 of 3 passed"


def test_a_failure_is_not_hidden_by_an_earlier_rehearsal_that_measured_nothing(tiny: Tiny) -> None:
    nothing_first = (
        "    if first(disrupt): raise Invalid('no samples')\n    require(False, 'a first', 'another')\n    with Drill"
    )
    rehearse(tiny, ("    with Drill", nothing_first), more=ONCE)

    run = tiny.seatrial("drill", "--times", "2", *ARMED)

    assert (run.code, run.outcome("DR-TC-01")) == (1, "FAILED"), run.output


@pytest.mark.parametrize(
    ("changes", "outcome", "words"),
    [
        ([('lambda: disrupt.platform.stop("port")', "lambda: None")], "INVALID", "not in effect"),
        ([("disrupt, is_open, within", "disrupt, lambda: require(0, 'x', 'y'), within")], "INVALID", "not steady"),
        ([(UNDO, "")], "INVALID", "nothing was undone"),
        ([('{"open": 60}', '{"open": -1}')], "FAILED", "open within -1 s of the undo"),
        ([(UNDO, ""), (RECOVER, '{"open": is_open}, within_s=0.5')], "FAILED", "not reached: open"),
        ([(RECOVER, '{"open": is_open}, within_s=0, since_undo=True')], "FAILED", "s late; reached after seconds"),
        (
            [(UNDO, ""), (RECOVER, '{"open": is_open}, within_s=5, stop=lambda: "too many"')],
            "FAILED",
            "too many; broken off and undone",
        ),
        pytest.param(
            [(UNDO, ""), (RECOVER, '{"open": is_open}, within_s=0, stop=lambda: "too many"')],
            "FAILED",
            "too many; broken off and undone",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_goes_wrong_is_told_and_undone(
    tiny: Tiny, changes: list[tuple[str, str]], outcome: str, words: str
) -> None:
    rehearse(tiny, *changes)
    assert tiny.seatrial("up").code == 0

    run = tiny.seatrial("drill", "DR-TC-01", *ARMED)

    assert run.outcome("DR-TC-01") == outcome, run.output
    assert words in run.output
    assert tiny.is_open()
    (logs,) = (tiny.folder / "reports/out/evidence/here").iterdir()
    assert f"reports/out/evidence/here/{logs.name}" in run.output
    assert f"== port\n{LOGGED}\n" in logs.read_text()


def test_a_dry_run_strikes_nothing_and_needs_no_environment(tiny: Tiny) -> None:
    run = tiny.seatrial("drill", "--dry-run", "--suites", "suites")

    assert run.code == 0, run.output
    for words in (
        "DR-TC-01",
        "the port is stopped",
        "callers",
        "seatrial drill DR-TC-01 --profile here.toml --arm disrupt=here",
    ):
        assert words in run.output
    assert not tiny.state.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("DR-TC-07",), "no drill 'DR-TC-07' (there are: DR-TC-01)"),
        (("--times", "0"), "0 is not at least 1"),
        (("--times", "often"), "often is not at least 1"),
        (("--write-figures", "nowhere.md"), "nowhere.md: No such file"),
    ],
)
def test_wrong_usage_is_refused_with_its_reason(tiny: Tiny, arguments: tuple[str, ...], words: str) -> None:
    run = tiny.seatrial("drill", *arguments, *ARMED)

    assert run.code == 3, run.output
    assert words in run.output


def test_raw_pytest_says_first_what_can_be_rehearsed(tiny: Tiny) -> None:
    assert tiny.seatrial("up").code == 0

    unarmed, armed = tiny.pytest("suites/dr"), tiny.pytest("suites", "--arm", "disrupt=here")

    assert "not armed: needs --arm disrupt=here" in " ".join(unarmed.output.split("DR-TC-01")[1].split())
    assert unarmed.code == 2, unarmed.output
    assert "rehearsed: the port is stopped" in " ".join(armed.output.split())
    assert "\nDR-TC-01 strikes" in armed.output
    assert armed.code == 0, armed.output


def test_a_drill_that_is_killed_after_its_strike_is_healed(tiny: Tiny) -> None:
    rehearse(tiny, (UNDO, ""), (RECOVER, '{"open": is_open}, within_s=60'))
    assert tiny.seatrial("up").code == 0
    drill = tiny.start("drill", "DR-TC-01", *ARMED)
    # Each look at the port fills its queue, which nobody empties: first wait for what comes before the strike.
    wait_for((tiny.state / "undo.jsonl").exists, what="the inverse in the undo log")
    wait_for(lambda: not tiny.is_open(), what="the strike")
    drill.send_signal(signal.SIGKILL)
    drill.wait()

    wait_for(lambda: tiny.seatrial("heal").code == 0, what="the trial's end, and heal")

    assert tiny.is_open()
