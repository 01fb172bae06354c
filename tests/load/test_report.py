"""What is told of a run: the trend, the tier that was used up, the page, Allure's result."""

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from seatrial.load import Flight, Wanted
from seatrial.load import _trend as trend
from seatrial.load._allure import write_result
from seatrial.load._page import Told, page
from seatrial.load._plots import over_time
from seatrial.load._run import _last_words
from seatrial.load._saturated import first_saturated
from seatrial.load._terminal import Progress, knee_of, tell
from seatrial.outcome import Outcome
from seatrial.report._files import Folder
from seatrial.secrecy.redaction import Redactor

WANTED = Wanted(seconds=20.0)


def flight(p95_ms: float = 40.0, outcome: Outcome = Outcome.PASSED) -> Flight:
    row = {"journey": "browse", "due": 90, "served": 88, "failed": 2, "dropped": 0, "p50_ms": 20.0, "p95_ms": p95_ms}
    row |= {"p99_ms": 60.0, "p999_ms": 70.0, "max_ms": 70.0, "objective_ms": [100.0, 200.0, 500.0]}
    stage = {"stage": "baseline", "rate_per_s": 10.0, "outcome": str(outcome), "reasons": [], "rows": [row]}
    stage["generator"] = {"cpu_share": 0.2, "lag_p99_ms": 3.0}
    window = {
        "phase": "fly",
        "stage": "baseline",
        "rate_per_s": 10.0,
        "due": 10,
        "served": 10,
        "failed": 1,
        "dropped": 0,
    }
    window |= {"under_way": 2, "p50_ms": 20.0, "p95_ms": 40.0, "p99_ms": 60.0, "cpu_share": 0.2, "lag_ms": 3.0}
    result = {"shape": "baseline", "stages": [stage], "errors": {"<b>500": 2}, "knees": []}
    return Flight(outcome, ["browse: too slow"], result, [{"t": float(second), **window} for second in range(5)])


def sample(stage: str = "baseline", machine: float = 0.5, waiting: float = 0.0, **busiest: float) -> dict[str, Any]:
    def tier(share: float) -> dict[str, Any]:
        gauges = {"clients waiting": waiting} if waiting else {}
        return {"cores": share, "busiest": share, "memory_mb": 90.0, "files": 30, "gauges": gauges}

    return {
        "t": 0.0,
        "stage": stage,
        "machine": machine,
        "tiers": {name: tier(share) for name, share in busiest.items()},
    }


def rows(*values_ms: float) -> list[dict[str, Any]]:
    return [trend.row_of(flight(value), WANTED, at="2026-01-01", release="r") for value in values_ms]


def test_a_run_that_is_slower_than_chance_allows_is_told_with_what_would_have_been_seen() -> None:
    past = rows(40, 42, 39, 41, 40, 43)
    (usual,) = trend.changes(past, rows(42)[0])
    (slow,) = trend.changes(past, rows(60)[0])
    assert not usual.worse
    assert slow.worse
    assert "SLOWER than before" in str(slow)
    assert 1.05 < slow.detectable < 1.3
    assert "times the usual would be found 4 times in 5" in str(usual)


def test_healthy_runs_are_hardly_ever_called_slower() -> None:
    chance = random.Random(3)  # noqa: S311 - the same runs each time
    alarms = 0
    for _ in range(500):
        *past, newest = rows(*(40 * math.exp(chance.gauss(0, 0.2)) for _ in range(9)))
        alarms += trend.changes(past, newest)[0].worse
    assert alarms <= 12


def test_few_runs_say_nothing() -> None:
    assert trend.changes(rows(40, 40, 40, 40), rows(400)[0]) == []


def test_only_runs_alike_that_measured_something_are_compared(tmp_path: Path) -> None:
    file = trend.history_file(tmp_path, "local")
    (newest,) = rows(40)
    others = [{**newest, "rate_per_s": 20.0}, {**newest, "outcome": "INVALID"}, {**newest, "shape": "soak"}, {**newest}]
    for row in others:
        trend.keep(file, row)
    with file.open("a") as cut_short:
        cut_short.write('5\n{}\n{"at": "20')
    assert trend.alike(trend.read(file), newest) == [newest]
    assert trend.read(tmp_path / "none.jsonl") == []


def test_the_tier_is_named_that_is_used_up_at_the_lowest_rate() -> None:
    samples = [
        sample("10/s", api=0.3, edge=0.1),
        sample("20/s", api=0.93, edge=0.4),
        sample("40/s", 0.99, api=1, edge=0.99),
    ]
    said = first_saturated(samples, ["10/s", "20/s", "40/s"])
    assert said is not None
    assert str(said) == "api was used up first, at 20/s: its busiest process takes 93% of a core"


def test_a_pool_and_the_machine_can_be_used_up_too() -> None:
    pool = first_saturated([sample("20/s", 0.6, waiting=4, pgbouncer=0.2)], ["20/s"])
    machine = first_saturated([sample("20/s", 0.98, api=0.8, edge=0.6)], ["20/s"])
    assert str(pool) == "pgbouncer was used up first, at 20/s: 4.0 callers wait for its pool"
    assert machine is not None
    assert (machine.tier, machine.used_up) == ("api", True)
    assert "98% busy" in machine.metric


def test_nothing_used_up_is_said_and_nothing_seen_is_none() -> None:
    said = first_saturated([sample("10/s", 0.2, api=0.3)], ["10/s"])
    assert said is not None
    assert not said.used_up
    assert "came closest" in str(said)
    assert first_saturated([], ["10/s"]) is None


def test_the_page_tells_all_and_escapes_it() -> None:
    told = Told(
        environment="local",
        facts={"Shape": "baseline"},
        footer="Seatrial",
        samples=[{**sample(api=0.3), "t": float(second)} for second in range(3)],
        saturated=[str(first_saturated([sample(api=0.3)], ["baseline"]))],
        past=rows(40, 41),
        changes=trend.changes(rows(40, 42, 39, 41, 40), rows(41)[0]),
    )
    text = page(flight(outcome=Outcome.FAILED), told)
    assert "<h1>NO-GO</h1>" in text
    assert "&lt;b&gt;500" in text
    assert "share this machine" in text
    for picture in ("Throughput", "Latency", "Errors", "Generator: CPU", "Memory of each tier", "p95 of each run"):
        assert f'aria-label="{picture}' in text
    assert "<script" not in text


def test_a_run_without_a_result_has_a_page_too() -> None:
    text = page(Flight(Outcome.INVALID, ["it said nothing"]), Told("local", {}, "Seatrial"))
    assert "<h1>INCONCLUSIVE</h1>" in text
    assert "it said nothing" in text


def test_curves_are_drawn_and_what_cannot_be_is_left_out() -> None:
    drawn = over_time("ms", [0, 5, 10], {"p50": [0, 100, 1000]}, logarithmic=True)
    assert drawn is not None
    assert len(drawn.curves[0][1].split()) == 2
    assert [label for _, label in drawn.levels] == ["100", "1000"]
    plain = over_time("cores", [0, 10], {"api": [0.0, 0.7]})
    assert plain is not None
    assert plain.curves == [("api", "50.0,216.0 630.0,35.8")]
    assert over_time("ms", [0], {"p50": [1]}) is None
    assert over_time("ms", [0, 1], {"p50": [0, 0]}) is None


def test_the_verdict_is_the_first_and_the_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(highlight=False, width=200)
    made = flight(outcome=Outcome.FAILED)
    Progress(console)(made.windows[0], made)
    tell(made, "local", console, ["a note"])
    lines = capsys.readouterr().out.splitlines()
    assert "10 served" in lines[0]
    assert lines[1] == lines[-1] == "NO-GO: baseline on local"
    assert "  browse: too slow" in lines
    assert "  a note" in lines


def knee(held: float | None, broke: float | None, *, known: bool = True) -> dict[str, Any]:
    generator = {"cpu_share": 0.3, "lag_p99_ms": 4.0}
    return {"journey": "all journeys", "held_per_s": held, "broke_per_s": broke, "broke_by": ["play: p50"]} | {
        "known": known,
        "stages": ["all journeys 40/s"],
        "generator": generator,
    }


def test_knees_are_told_with_the_generators_headroom(capsys: pytest.CaptureFixture[str]) -> None:
    made = flight()
    made.result["knees"] = [knee(40.0, 50.0)]
    tell(made, "local", Console(highlight=False, width=200))
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "GO: baseline on local, all journeys: between 40 and 50/s"
    assert "70% of a core, 4 ms late" in out
    assert "play: p50" in out
    text = page(made, Told("local", {}, "Seatrial"))
    assert "<td>between 40 and 50/s</td><td>70% of a core, 4 ms late</td><td>play: p50</td>" in text


def test_a_knee_that_is_not_known_is_not_made_up() -> None:
    assert knee_of(knee(None, 5.0)) == "below 5/s"
    assert knee_of(knee(80.0, 100.0, known=False)) == "above 80/s"
    assert knee_of(knee(None, 5.0, known=False)) == "not known"


def test_allure_gets_one_result_with_the_page(tmp_path: Path) -> None:
    (tmp_path / "load.html").write_text("<!doctype html>")
    for _ in range(2):
        write_result(Folder(tmp_path / "r", Redactor()), flight(), "local", 1, 2, tmp_path / "load.html")
    (file,) = (tmp_path / "r").glob("*-result.json")
    result = json.loads(file.read_text())
    assert (result["status"], result["name"]) == ("passed", "load baseline")
    assert all((tmp_path / "r" / each["source"]).is_file() for each in result["attachments"])


def test_what_the_generator_said_last_is_cut_between_words(tmp_path: Path) -> None:
    log = tmp_path / "locust.log"
    log.write_text("first\nhalf-a-secret " + "x " * 290 + "\n\nthe end\n")

    said = _last_words(log)

    assert said.startswith("… x x")
    assert said.endswith("x | the end")
    log.write_text("")
    assert _last_words(log) == "it said nothing"
