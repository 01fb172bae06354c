"""Waivers: an accepted failure is GO until its day, and the list cannot grow stale without anybody noticing."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial import expected, waivers
from seatrial.cli import main
from seatrial.errors import UsageError
from seatrial.outcome import Level, Outcome, Severity
from seatrial.waivers import Waiver, Waivers
from tests.harness.bench import CLOSED, OPEN, Bench
from tests.results import result

TODAY = dt.date(2026, 6, 1)  # where the day is given; commands look it up
MONTH = TODAY + dt.timedelta(days=30)
PLAIN = Waiver("INF-TC-02", "here", "platform team", "the port comes in spring", MONTH)


def lasting(days: int) -> Waiver:
    """A waiver that ends so many days from now."""
    return replace(PLAIN, expires=dt.datetime.now(dt.UTC).date() + dt.timedelta(days=days))


def written(*rows: Waiver) -> str:
    texts = []
    for row in rows:
        lines = [f'{name} = "{getattr(row, name)}"' for name in ("check", "profile", "owner", "reason")]
        texts += ["[[waiver]]", *lines, f"expires = {row.expires}"]
    return "\n".join([*texts, ""])


def accept(bench: Bench, *rows: Waiver) -> None:
    (bench.folder / "suites/waivers.toml").write_text(written(*rows))


def test_what_is_waived_is_go_and_said(bench: Bench) -> None:
    bench.suite(CLOSED + OPEN)
    waiver = lasting(30)
    accept(bench, waiver, replace(waiver, check="INF-TC-01", profile="elsewhere"))

    gate, raw = bench.gate(), bench.pytest()

    assert (gate.code, raw.code) == (0, 0), gate.output + raw.output
    assert "2 checks had to pass: 1 did, 1 did not and is excused by a waiver." in gate.output
    assert f"by platform team until {waiver.expires}: the port comes in spring" in gate.output
    assert raw.verdict
    assert raw.verdict["waivers"] == {
        "INF-TC-02": {"owner": "platform team", "reason": "the port comes in spring", "expires": str(waiver.expires)}
    }
    assert raw.outcome("INF-TC-02") == "FAILED"


@pytest.mark.parametrize(
    ("rows", "code", "words"),
    [
        ([lasting(30)], 0, "1 did not and is excused by a waiver"),
        ([lasting(-1)], 1, "the waiver of INF-TC-02 does not count: it ended on"),
        pytest.param(
            [lasting(30), replace(lasting(30), check="INF-TC-01")],
            1,
            "the waiver of INF-TC-01 does not count: it passed",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["needed", "over", "not needed"],
)
@pytest.mark.slow
def test_workers_of_raw_pytest_change_nothing_of_what_is_accepted(
    bench: Bench, rows: list[Waiver], code: int, words: str
) -> None:
    bench.suite(CLOSED + OPEN)
    accept(bench, *rows)

    serial, parallel = bench.pytest(), bench.pytest("suites/infra", "-n", "2")

    for run in (serial, parallel):
        assert run.code == code, run.output
        assert words in run.output


def test_an_unfit_waiver_is_a_failure(bench: Bench) -> None:
    bench.suite(CLOSED + OPEN)
    accept(bench, lasting(30), replace(lasting(30), check="INF-TC-01"))

    run = bench.gate()

    assert run.code == 1, run.output
    assert "the waiver of INF-TC-01 does not count: it passed" in run.output
    assert "Nothing required failed, but a waiver does not count." in run.output


@pytest.mark.parametrize("options", [(), ("-n", "2")])
def test_a_malformed_list_is_told_before_anything_runs(bench: Bench, options: tuple[str, ...]) -> None:
    bench.suite(OPEN)
    (bench.folder / "suites/waivers.toml").write_text("waiver = 1")

    gate, raw = bench.gate(), bench.pytest("suites", *options)

    assert (gate.code, gate.verdict, raw.code) == (3, None, 4), gate.output + raw.output
    assert all("[[waiver]]" in each.output for each in (gate, raw))


@pytest.mark.parametrize(
    ("waiver", "outcome", "excused", "why"),
    [
        (PLAIN, Outcome.FAILED, True, ""),
        (PLAIN, Outcome.INVALID, True, ""),
        (PLAIN, Outcome.NOT_RUN, False, ""),
        (PLAIN, Outcome.PASSED, False, "it passed"),
        (replace(PLAIN, profile="elsewhere"), Outcome.FAILED, False, ""),
        (replace(PLAIN, profile="elsewhere"), Outcome.PASSED, False, ""),
        (replace(PLAIN, expires=TODAY), Outcome.FAILED, True, ""),
        (replace(PLAIN, expires=TODAY - dt.timedelta(days=1)), Outcome.FAILED, False, "it ended on"),
        (replace(PLAIN, expires=TODAY + dt.timedelta(days=90)), Outcome.FAILED, True, ""),
        (replace(PLAIN, expires=TODAY + dt.timedelta(days=91)), Outcome.FAILED, False, "more than 90 days"),
        (replace(PLAIN, check="INF-TC-99"), Outcome.FAILED, False, "there is no such check"),
    ],
)
def test_a_waiver_excuses_what_failed_here_until_its_day(
    waiver: Waiver, outcome: Outcome, excused: bool, why: str
) -> None:
    accepted = Waivers((waiver,), frozenset({"INF-TC-02"}))
    results = [result("INF-TC-02", outcome)]

    assert bool(accepted.used(results, "here", TODAY)) is excused
    (unfit,) = accepted.unfit(results, "here", TODAY) or [""]
    assert (bool(unfit), why in unfit) == (bool(why), True)


def test_a_waiver_of_a_check_that_is_not_in_the_run_is_no_matter() -> None:
    over = Waivers((replace(PLAIN, expires=TODAY - dt.timedelta(days=1)),), frozenset({"INF-TC-01", "INF-TC-02"}))

    assert over.unfit([result("INF-TC-01", Outcome.PASSED)], "here", TODAY) == []


@pytest.fixture
def suites(tmp_path: Path) -> Path:
    """A folder of suites whose list names one check."""
    row = expected.Row("INF-TC-02", "infra/test_port.py", "test", Severity.BLOCKER, Level.OBSERVE, alone=False)
    expected.write(tmp_path, [row])
    return tmp_path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[waiver]\n", "waivers.toml: "),
        ("waiver = [1]", "waiver 1 must have check, profile, owner, reason, expires, and nothing else"),
        (written(PLAIN) + 'severity = "minor"', "and nothing else"),
        (written(replace(PLAIN, owner=" ")), "owner must be a text"),
        (written(PLAIN).replace(str(MONTH), f"'{MONTH}'"), "expires must be a day"),
        (written(PLAIN).replace(str(MONTH), f"{MONTH}T10:00:00Z"), "expires must be a day"),
        (written(PLAIN, PLAIN), "two waivers of INF-TC-02 at here"),
        (written(PLAIN) + "[other]\n", "found other"),
    ],
)
def test_a_malformed_list_is_refused(suites: Path, text: str, said: str) -> None:
    (suites / "waivers.toml").write_text(text)

    with pytest.raises(UsageError) as refused:
        waivers.read(suites)

    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("ends", "code", "said"),
    [
        ((), 0, "no failure is accepted"),
        ((40,), 1, "UNFIT: no profile in profiles/ has this name (there are: there)"),
        ((30,), 0, "until {}, 30 days; platform team: the port comes in spring"),
        ((-3,), 1, "UNFIT: it ended on {}"),
    ],
)
def test_the_list_is_shown(
    suites: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    ends: tuple[int, ...],
    code: int,
    said: str,
) -> None:
    name = "there" if "no profile" in said else PLAIN.profile
    (suites / "profiles").mkdir()
    (suites / "profiles" / "one.toml").write_text(f'name = "{name}"\nmax_impact = "observe"\n[urls]\n')
    monkeypatch.chdir(suites)
    rows = [lasting(days) for days in ends]
    (suites / "waivers.toml").write_text(written(*rows))

    assert main(["waivers", "--suites", str(suites)]) == code
    assert said.format(*(row.expires for row in rows)) in capsys.readouterr().out
