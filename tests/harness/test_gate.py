"""The gate under attack: whatever is taken away from a run, it is not GO."""

import re
from collections.abc import Callable

import pytest

from tests.harness.bench import CLOSED, OPEN, Bench


def test_a_healthy_environment_is_go(bench: Bench) -> None:
    bench.suite(OPEN)

    run = bench.gate()

    assert run.code == 0, run.output
    assert run.verdict
    assert run.verdict["verdict"] == "GO"
    assert run.verdict["required"] == ["INF-TC-01"]


def test_first_and_last_line_name_the_verdict(bench: Bench) -> None:
    bench.suite(OPEN + CLOSED)

    run = bench.gate()

    lines = [line for line in run.output.splitlines() if line.startswith("NO-GO  environment here")]
    assert (run.code, len(lines)) == (1, 2), run.output


def drop_check(text: str) -> str:
    return text.replace(OPEN, "")


def rename_check(text: str) -> str:
    return text.replace("INF-TC-01", "INF-TC-09")


def rename_test(text: str) -> str:
    return text.replace("def test_open", "def check_open")


def break_import(text: str) -> str:
    return "import nothing_like_this\n" + text


@pytest.mark.parametrize(
    ("attack", "missing", "words"),
    [
        (drop_check, ["INF-TC-01"], "1 of 2 checks that must pass gave no measurement"),
        (rename_check, ["INF-TC-01"], "INF-TC-09 ran but is not in expected.toml"),
        (rename_test, ["INF-TC-01"], "1 of 2 checks that must pass gave no measurement"),
        (break_import, ["INF-TC-01", "INF-TC-05"], "No module named 'nothing_like_this'"),
    ],
)
def test_a_run_that_shrank_is_never_go(
    bench: Bench, attack: Callable[[str], str], missing: list[str], words: str
) -> None:
    second = OPEN.replace("INF-TC-01", "INF-TC-05").replace("test_open", "test_other")
    bench.suite(OPEN + second)
    bench.suite(attack(OPEN + second), expect=False)

    run = bench.gate()

    assert run.code == 2, run.output
    assert run.verdict
    assert run.verdict["missing"] == missing
    assert words in run.output


def test_a_dropped_suite_is_missing(bench: Bench) -> None:
    bench.suite(OPEN)
    bench.suite(CLOSED.replace("refused", "open").replace("TC-02", "TC-07"), "security/test_port.py")
    (bench.folder / "suites/security/test_port.py").unlink()

    run = bench.gate()

    assert run.code == 2, run.output
    assert run.verdict
    assert run.verdict["missing"] == ["INF-TC-07"]


def test_a_check_that_is_not_listed_is_a_problem(bench: Bench) -> None:
    bench.suite(OPEN)
    bench.suite(OPEN + OPEN.replace("INF-TC-01", "INF-TC-05").replace("test_open", "test_other"), expect=False)

    run = bench.gate()

    assert run.code == 2, run.output
    assert "INF-TC-05 ran but is not in expected.toml" in run.output


def test_a_worker_that_dies_is_never_go(bench: Bench) -> None:
    bench.suite(OPEN + OPEN.replace("INF-TC-01", "INF-TC-05").replace("test_open", "test_other"))
    file = bench.folder / "suites/infra/test_port.py"
    file.write_text(
        re.sub(
            "'''The port is open.'''", "'''The port is open.'''\n    import os; os._exit(0)", file.read_text(), count=1
        )
    )

    assert bench.gate().code == 2


def test_a_second_try_classifies_and_excuses_nothing(bench: Bench) -> None:
    bench.suite(
        OPEN.replace(
            "    require(",
            "    from pathlib import Path\n    first = not Path('seen').exists(); Path('seen').touch()\n"
            "    observe.tcp.connect('127.0.0.1', observe.target('port'))\n    require(not first, 'steady', 'flaky')\n    require(",
        )
    )

    run = bench.gate()

    assert run.code == 1, run.output
    assert run.verdict
    assert run.verdict["results"][0]["marks"] == ["FLAKY"]


@pytest.mark.slow
def test_pytest_options_in_the_environment_do_not_reach_the_gate(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.suite(OPEN + CLOSED)
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k open")

    assert bench.gate().code == 1


@pytest.mark.slow
def test_a_suite_by_name_is_the_scope(bench: Bench) -> None:
    bench.suite(OPEN)
    bench.suite(CLOSED, "security/test_port.py")

    run, by_option = bench.gate("infra"), bench.gate("--suite", "infra")

    assert run.code == by_option.code == 0, run.output + by_option.output
    assert "scope infra" in run.output
    assert "scope infra" in by_option.output


def test_each_check_is_told_with_its_footprint_as_it_ends(bench: Bench) -> None:
    bench.suite(OPEN)

    run = bench.gate()

    assert re.search(r"^PASSED   INF-TC-01 +\d+\.\d s  1 connection$", run.output, re.MULTILINE), run.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("infar",), "no suite or check named 'infar'"),
        (("--arm", "destroy=elsewhere"), "this profile's environment is 'here'"),
        (("--nonsense",), "unrecognized arguments"),
        (("--profile", "missing.toml"), "cannot read the profile"),
        (("--suites", "missing"), "expected.toml is missing"),
    ],
)
def test_wrong_usage_is_exit_3(bench: Bench, arguments: tuple[str, ...], message: str) -> None:
    bench.suite(OPEN)

    run = bench.gate(*arguments)

    assert (run.code, run.verdict) == (3, None), run.output
    assert message in run.output


def test_an_environment_that_is_not_ours_to_start_says_so(bench: Bench) -> None:
    run = bench.run("-m", "seatrial", "up", "--profile", "here.toml")

    assert run.code == 3
    assert "not ours to start or stop" in run.output


def test_the_expected_list_is_written_from_what_is_collected(bench: Bench) -> None:
    bench.suite(OPEN + CLOSED)
    by_hand = (bench.folder / "suites/expected.toml").read_text()

    run = bench.run("-m", "seatrial", "checks", "--suites", "suites", "--write-expected")

    assert run.code == 0, run.output
    assert (bench.folder / "suites/expected.toml").read_text() == by_hand
