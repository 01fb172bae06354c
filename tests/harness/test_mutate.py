"""Trying mutants: how each ends, what all come to, how an interrupted run goes on, and one whole run on the small platform."""

import json
import re
from pathlib import Path
from typing import cast

import pytest
from rich.console import Console

from seatrial import expected, gate
from seatrial.environment import Arming, Environment
from seatrial.errors import UsageError
from seatrial.mutation import _report, drawn, tell
from seatrial.mutation._checks import Checks, Seen
from seatrial.mutation._journal import Journal, digest
from seatrial.mutation._mutants import Mutant
from seatrial.mutation._plan import Plan, Service
from seatrial.mutation._spared import Spared
from seatrial.mutation._trial import Trial, judge
from seatrial.mutation._tried import End, Score, Tried
from seatrial.outcome import Finding, Outcome, Result
from seatrial.profile import load
from seatrial.prove import Prover
from tests.harness.bench import OPEN, Bench
from tests.harness.tiny import Tiny
from tests.results import result

PLAN = """
release = "_code.py:Release"
not_counted = []
loggers = []
texts = []
[services.port]
files = ["product.py"]
checks = ["INF-TC-01"]
"""
RELEASE = """
class Release:
    patch = ()
    def strike(self, destroy): self.name = destroy.platform.deploy(self.patch, at_once=True).release
    def in_effect(self, observe): return observe.platform.status().release == getattr(self, "name", "")
"""
BOUND = {"tree": "t", "seed": "1", "mutants": 2}


def ended(name: str, outcome: Outcome) -> Result:
    wrong = Finding("204", "500", "api", "sign out") if outcome is Outcome.FAILED else None
    reason = "no answer" if outcome is Outcome.INVALID else ""
    return result(name, outcome, reason=reason, findings=(wrong,) if wrong else ())


def seen(**outcomes: Outcome) -> Seen:
    return Seen({name: ended(name, outcome) for name, outcome in outcomes.items()})


@pytest.mark.parametrize(
    ("outcomes", "end", "by"),
    [
        ({"A": Outcome.PASSED, "B": Outcome.PASSED, "R": Outcome.PASSED}, End.SURVIVED, ""),
        ({"A": Outcome.PASSED, "B": Outcome.FAILED}, End.KILLED, "B"),
        ({"A": Outcome.INVALID, "B": Outcome.FAILED}, End.KILLED, "B"),
        ({"A": Outcome.INVALID, "B": Outcome.PASSED, "R": Outcome.PASSED}, End.UNCLEAR, "A"),
        ({"A": Outcome.PASSED, "B": Outcome.PASSED, "R": Outcome.FAILED}, End.RELEASE_ONLY, "R"),
        ({"A": Outcome.PASSED, "R": Outcome.PASSED}, End.UNCLEAR, "B"),
        ({"A": Outcome.PASSED, "B": Outcome.NOT_RUN, "R": Outcome.PASSED}, End.UNCLEAR, "B"),
        ({}, End.UNCLEAR, "A"),
    ],
)
def test_only_a_check_that_counts_and_failed_kills(outcomes: dict[str, Outcome], end: End, by: str) -> None:
    tried = judge("m", seen(**outcomes), ["A", "B"], ["R"])

    assert (tried.end, tried.by) == (end, by)


class Scripted:
    """Checks that see what is written down for each run, one after another, and the healthy system when that is used up."""

    def __init__(self, *runs: Seen) -> None:
        self.runs = list(runs)

    def run(self, _names: object, **_: object) -> Seen:
        return self.runs.pop(0) if self.runs else seen(A=Outcome.PASSED)


class Waits:
    """A prover for whom every release is in effect, and gone, at once."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment

    def wait(self, *_: object, **__: object) -> None: ...

    def wait_steady(self, _: str) -> None: ...


RED, GREEN, LATE = seen(A=Outcome.FAILED), seen(A=Outcome.PASSED), Seen(out_of_time=True)


@pytest.mark.parametrize(
    ("runs", "end"),
    [
        ((RED, RED), End.KILLED),
        ((RED, GREEN), End.UNCLEAR),
        ((RED, LATE), End.UNCLEAR),
        ((RED, RED, RED, RED), End.STAYED_RED),
        ((LATE,), End.TIME_OUT),
        ((LATE, LATE), End.UNCLEAR),
    ],
)
def test_what_is_red_by_chance_or_slow_by_itself_kills_nothing(
    tmp_path: Path, runs: tuple[Seen, ...], end: End
) -> None:
    trial = trial_of(tmp_path, GREEN, *runs)
    trial.baseline()

    assert trial.try_one(MUTANT).end is end


BOTH_GREEN, BOTH_RED = (seen(A=each, B=each) for each in (Outcome.PASSED, Outcome.FAILED))
ONE_RED = seen(A=Outcome.FAILED, B=Outcome.PASSED)


@pytest.mark.parametrize(("again", "red", "end"), [(ONE_RED, ["A"], End.SURVIVED), (BOTH_GREEN, [], End.KILLED)])
def test_a_check_that_is_red_on_any_release_kills_nothing(
    tmp_path: Path, again: Seen, red: list[str], end: End
) -> None:
    trial = trial_of(tmp_path, BOTH_GREEN, BOTH_RED, again, ONE_RED, ONE_RED, BOTH_GREEN)
    trial.baseline()

    words = "red on a release without any mutant: sign out: expected 204; saw 500"
    assert trial.control() == [f"{name}: {words}" for name in red]
    assert trial.try_one(MUTANT).end is end


def test_a_service_whose_checks_are_all_red_on_any_release_cannot_be_tried(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, BOTH_GREEN, BOTH_RED, BOTH_RED)
    trial.baseline()

    with pytest.raises(UsageError, match="port: no check that sees it can run here"):
        trial.control()


MUTANT = Mutant("1", "port", "product.py", 1, "boolean", "before\n", "after\n")


def trial_of(tmp_path: Path, *runs: Seen) -> Trial:
    """Return a trial of a service with the checks A and B, which see this, one run after another."""
    (tmp_path / "faults").mkdir()
    (tmp_path / "product.py").write_text("before\n")
    (tmp_path / "faults/_code.py").write_text("class Release:\n    def strike(self, destroy): ...\n")
    profile = tmp_path / "here.toml"
    profile.write_text(
        f'name = "here"\nmax_impact = "destroy"\ntree = "{tmp_path}"\n[urls]\n'
        '[platform]\ncommand = ["false"]\nsocket = "control.sock"\nstate = "."\n'
    )
    environment = Environment(load(profile), Arming.parse(["destroy=here"], load(profile)))
    service = Service("port", ("product.py",), ("A", "B"))
    plan = Plan(tmp_path / "faults/mutation.toml", "_code.py:Release", (), Spared(), {}, (service,))
    return Trial(cast(Prover, Waits(environment)), cast(Checks, Scripted(*runs)), plan, plan.services)


def test_a_kill_tells_what_its_check_said() -> None:
    assert judge("m", seen(A=Outcome.FAILED), ["A"], []).words == "sign out: expected 204; saw 500"


def test_the_score_counts_time_outs_as_kills_and_leaves_out_what_did_not_run() -> None:
    ends = [End.KILLED] * 6 + [End.TIME_OUT, End.SURVIVED, End.UNCLEAR, End.RELEASE_ONLY, End.STAYED_RED]

    score = Score.of([*ends, End.NOT_STARTED, End.EQUIVALENT])

    assert (score.killed, score.judged) == (7, 11)
    assert str(score) == "64 % (7 of 11; 95 %: 35 to 85 %)"


def test_a_score_of_nothing_is_no_score() -> None:
    score = Score.of([End.NOT_STARTED])

    assert (score.share, str(score)) == (None, "none judged")


def test_a_run_goes_on_after_the_last_whole_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "mutants.jsonl", BOUND)
    tried = Tried("a", End.KILLED, "INF-XX-01", "closed", 3.5)
    journal.begin([])
    journal.add(tried.to_json())
    with journal.path.open("a") as file:
        file.write('{"mutant": "b", "en')

    assert journal.before(resume=True) == [tried]
    journal.begin([tried])
    journal.add(Tried("b", End.SURVIVED).to_json())
    journal.finish()
    assert [each.mutant for each in journal.before(resume=True)] == ["a", "b"]


def test_a_run_of_another_tree_or_seed_does_not_go_on(tmp_path: Path) -> None:
    path = tmp_path / "mutants.jsonl"
    Journal(path, BOUND).begin([])

    with pytest.raises(UsageError, match="seed was 1, is 2"):
        Journal(path, BOUND | {"seed": "2"}).before(resume=True)
    with pytest.raises(UsageError, match="leave out --resume"):
        Journal(tmp_path / "none.jsonl", BOUND).before(resume=True)


@pytest.mark.parametrize("seed", ["1", "2"])
def test_an_unfinished_run_of_this_tree_is_not_thrown_away(tmp_path: Path, seed: str) -> None:
    journal = Journal(tmp_path / "mutants.jsonl", BOUND)
    journal.begin([Tried("a", End.KILLED)])

    with pytest.raises(UsageError, match=r"holds 1 of 2 mutants of a run by seed 1: .* --resume"):
        Journal(journal.path, BOUND | {"seed": seed}).before(resume=False)


@pytest.mark.parametrize("text", ['["tree"]\n', "3\n"])
def test_a_journal_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "mutants.jsonl").write_text(text)

    with pytest.raises(UsageError, match=r"mutants\.jsonl: "):
        Journal(tmp_path / "mutants.jsonl", BOUND).before(resume=True)


def test_a_run_whose_size_nobody_knows_is_not_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "mutants.jsonl").write_text('{"tree": "t"}\n{"mutant": "a"}\n')

    with pytest.raises(UsageError, match="go on with that by --resume"):
        Journal(tmp_path / "mutants.jsonl", BOUND).before(resume=False)


def test_a_finished_run_and_one_of_another_tree_are_over(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "mutants.jsonl", BOUND)
    journal.begin([Tried("a", End.KILLED)])

    assert Journal(journal.path, BOUND | {"tree": "u"}).before(resume=False) == []
    journal.finish()
    assert journal.before(resume=False) == []


def test_a_digest_is_of_names_and_content(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a")
    two.write_text("b")
    before = digest([one, two])

    assert digest([two, one]) == before
    two.write_text("c")
    assert digest([one, two]) != before


def report() -> _report.Report:
    drawn = [
        Mutant(name, service, f"{service}.py", 1, operator, "a < b\n", "a <= b\n")
        for name, service, operator in [
            ("1", "api", "comparison"),
            ("2", "api", "constant"),
            ("3", "<edge>", "constant"),
        ]
    ]
    ends = {
        "1": Tried("1", End.KILLED, "INF-XX-01", "closed", 12.0),
        "2": Tried("2", End.SURVIVED, seconds=40.0),
        "3": Tried("3", End.NOT_STARTED, words="edge-1: <exit 1>"),
    }
    return _report.Report(drawn, ends, {"api": 20, "<edge>": 9}, {"environment": "here", "seed": "1"}, [])


def test_the_report_scores_services_and_operators_and_keeps_the_diffs_of_what_was_not_noticed() -> None:
    told = report().to_json()

    assert told["services"]["api"]["killed"] == 1
    assert told["services"]["<edge>"]["share"] is None
    assert told["operators"]["constant"]["ends"] == {"survived": 1, "did not start": 1}
    assert [bool(each.get("diff")) for each in told["mutants"]] == [True, False, True]


def test_the_page_shows_survivors_and_escapes_what_it_is_told() -> None:
    page = _report.page(report())

    assert "-a &lt; b\n+a &lt;= b" in page
    assert "edge-1: &lt;exit 1&gt;" in page
    assert not re.search(r"<edge>|<exit|<script|https?://", page)


def test_a_line_tells_the_end_and_the_time_that_is_left() -> None:
    mutant, told = report().drawn[0], report().tried

    assert _report.line(1, 3, mutant, told["1"], 7300) == (
        "1/3 api.py:1 comparison -> killed by INF-XX-01 (closed), 12.0 s, about 2 h 2 min left"
    )
    assert _report.line(3, 3, mutant, told["2"], 0) == "3/3 api.py:1 comparison -> survived, 40.0 s"


def test_the_tables_have_a_row_for_each_and_one_for_all() -> None:
    console = Console(width=140, record=True)

    _report.tables(report(), console)

    text = console.export_text()
    assert re.search(r"api +1 +1 +0 +50 % \(1 of 2", text)
    assert re.search(r"all +1 +1 +1 +50 % \(1 of 2", text)


def test_checks_that_do_not_end_in_their_time_are_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.suite(OPEN.replace("    require(", "    import time; time.sleep(600)\n    require("))
    monkeypatch.chdir(bench.folder)

    with (bench.folder / "output").open("w+") as output:
        arguments = ["suites", "--profile", "here.toml", "--seatrial-results", "results.jsonl"]
        assert gate.run_pytest(arguments, Path("suites"), lock=None, output=output, limit_s=1.0) is None


@pytest.mark.slow
def test_mutants_are_deployed_looked_at_and_taken_back(tiny: Tiny) -> None:
    (tiny.folder / "product.py").write_text("OPEN = True\nSPARE = [5][0]\n")
    tiny.fault(PLAN, "mutation.toml")
    tiny.fault(RELEASE, "_code.py")

    run = tiny.seatrial("mutate", "--suites", "suites")

    assert run.code == 0, run.output
    output = run.output
    assert re.search(r"product\.py:1 boolean -> killed by INF-TC-01 \(expected open; saw closed\), [0-9.]+ s", output)
    assert re.search(r"product\.py:2 constant -> survived, ", output)
    assert re.search(
        r"product\.py:2 constant -> did not start \(.*rolled back to r1: list index out of range\)", output
    )
    assert "all tried; noticed 50 % (1 of 2; 95 %: 9 to 91 %)" in output
    told = json.loads((tiny.folder / "reports/out/mutants.json").read_text())
    assert told["score"]["ends"] == {"killed": 1, "survived": 1, "did not start": 1}


def test_a_dry_run_shows_the_mutants_of_the_sample(tiny: Tiny) -> None:
    (tiny.folder / "product.py").write_text("OPEN = True\n")
    tiny.fault(PLAN, "mutation.toml")
    rows, console = expected.read(tiny.folder / "suites"), Console(width=140, record=True)

    tell(drawn(tiny.folder, tiny.folder / "faults", rows, [], size=1, seed=1), console)

    text = console.export_text()
    assert "1/1 product.py:1 boolean (port, " in text
    assert "-OPEN = True\n+OPEN = False" in text
