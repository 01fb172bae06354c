"""Outcomes, levels, and the verdict as the exit code, seen from outside."""

import pytest

from tests.harness.bench import CLOSED, OPEN, Bench


def body(statement: str, fixture: str = "observe", decorators: str = "") -> str:
    touch = f"{fixture}.tcp.connect('127.0.0.1', {fixture}.target('port'))"
    return (
        f"{decorators}\n@check('INF-TC-03', severity=BLOCKER, component='port')\n"
        f"def test_it({fixture}):\n    '''Something holds.'''\n    {touch}\n    {statement}\n"
    )


def test_a_passed_blocker_is_go_and_exit_0(bench: Bench) -> None:
    bench.suite(OPEN)

    run = bench.pytest()

    assert (run.code, run.outcome("INF-TC-01")) == (0, "PASSED"), run.output
    assert run.output.strip().splitlines()[-1].startswith("GO  environment here  release ")


def test_a_failed_blocker_is_no_go_and_exit_1(bench: Bench) -> None:
    bench.suite(OPEN + CLOSED)

    run = bench.pytest()

    assert (run.code, run.outcome("INF-TC-02")) == (1, "FAILED"), run.output
    assert "the port refuses" in run.output
    assert "repeat    pytest suites/infra/test_port.py::test_closed --profile here.toml" in run.output
    assert "runbook   docs/runbooks/infra.md#inf-tc-02" in run.output


def test_what_the_profile_calls_not_applicable_is_not_run_with_its_reason(bench: Bench) -> None:
    bench.profile('max_impact = "exercise"', '[expect.not_applicable]\n"INF-TC-02" = "nothing listens here"')
    bench.suite(OPEN + CLOSED)

    run = bench.pytest()

    assert (run.code, run.outcome("INF-TC-02")) == (0, "NOT-RUN"), run.output
    assert run.reason("INF-TC-02") == "not applicable: nothing listens here"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ('"INF-TC-02" = " "', "here.toml:4: expect.not_applicable.INF-TC-02: a reason that says something"),
        (
            '"INF-TC-03" = "nothing there"',
            "here.toml: expect.not_applicable.INF-TC-03: no expected.toml has such a check; did you mean 'INF-TC-02'?",
        ),
    ],
)
def test_what_is_not_applicable_is_a_check_that_there_is_and_has_a_reason(bench: Bench, row: str, words: str) -> None:
    bench.profile('max_impact = "exercise"', f"[expect.not_applicable]\n{row}")
    bench.suite(OPEN + CLOSED)

    gate, raw, parallel = bench.gate(), bench.pytest(), bench.pytest("suites", "-n", "2")

    assert (gate.code, raw.code, parallel.code) == (3, 4, 4), gate.output + raw.output + parallel.output
    assert all(words in each.output for each in (gate, raw, parallel))


def test_what_is_not_applicable_may_be_a_check_of_another_folder(bench: Bench) -> None:
    bench.profile('max_impact = "exercise"', '[expect.not_applicable]\n"SHOP-PAY-01" = "nothing is sold here"')
    bench.suite(OPEN)

    gate, raw = bench.gate(), bench.pytest()

    assert (gate.code, raw.code) == (0, 0), gate.output + raw.output
    assert "here.toml: expect.not_applicable.SHOP-PAY-01: no check of suites/expected.toml" in gate.output
    assert f"SHOP-PAY-01: no check of {bench.folder}/suites/expected.toml" in raw.output


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("raise Invalid('no samples')", "no samples"),
        ("1 / 0", "ZeroDivisionError"),
        ("raise OSError('broken harness')", "OSError: broken harness"),
        ("pytest.skip('not today')", "a check may not skip itself"),
        ("pytest.xfail('known')", "a check may not skip itself"),
        ("observe.target('missing')", "the profile has no targets.missing"),
        ("observe.redis.config_set('a', 'b')", "AttributeError"),
        ("with observe.cases(at_least=2) as cases:\n        with cases('one'): pass", "1 cases were tried, at least 2"),
        ("with observe.cases(at_least=len([])): pass", "0 cases were tried, at least 1"),
    ],
)
def test_what_was_not_measured_is_invalid_and_exit_2(bench: Bench, statement: str, reason: str) -> None:
    bench.suite(body(statement))

    run = bench.pytest()

    assert (run.code, run.outcome("INF-TC-03")) == (2, "INVALID"), run.output
    assert reason in run.reason("INF-TC-03")


def test_a_check_that_touches_nothing_is_invalid(bench: Bench) -> None:
    bench.suite("@check('INF-TC-03', severity=BLOCKER, component='port')\ndef test_it(observe):\n    '''Nothing.'''\n")

    run = bench.pytest()

    assert (run.code, run.outcome("INF-TC-03")) == (2, "INVALID"), run.output
    assert "nothing was measured" in run.reason("INF-TC-03")


def test_a_fixture_that_breaks_makes_the_check_invalid(bench: Bench) -> None:
    bench.suite(
        "@pytest.fixture\ndef broken():\n    raise RuntimeError('no tool')\n"
        + body("pass").replace("(observe)", "(broken, observe)")
    )

    assert "setup: RuntimeError: no tool" in bench.pytest().reason("INF-TC-03")


def test_an_xfail_mark_hides_nothing(bench: Bench) -> None:
    bench.suite(body("assert False", decorators="@pytest.mark.xfail(strict=False)"))

    run = bench.pytest()

    assert (run.code, run.outcome("INF-TC-03")) == (2, "INVALID"), run.output
    assert run.reason("INF-TC-03") == "a check may not be marked xfail"


def test_a_failed_clean_up_makes_the_check_invalid(bench: Bench) -> None:
    bench.suite(body("exercise.cleanup(lambda: 1 / 0)", "exercise"))

    assert "could not be removed" in bench.pytest().reason("INF-TC-03")


def test_all_failed_cases_are_reported(bench: Bench) -> None:
    bench.suite(
        body(
            "with observe.cases(at_least=2) as cases:\n"
            "        for name in ('one', 'two', 'three'):\n"
            "            with cases(name): require(name == 'two', 'two', name)\n"
        )
    )

    run = bench.pytest()

    assert run.verdict
    assert [finding["case"] for finding in run.verdict["results"][0]["findings"]] == ["one", "three"]


def test_a_case_that_cannot_be_measured_does_not_hide_one_that_failed(bench: Bench) -> None:
    bench.suite(
        body(
            "with observe.cases(at_least=2) as cases:\n"
            "        with cases('one'): require(False, 'right', 'wrong')\n"
            "        with cases('two'): raise Invalid('no answer')\n"
        )
    )

    run = bench.pytest()

    assert (run.code, run.outcome("INF-TC-03")) == (1, "FAILED"), run.output


@pytest.mark.parametrize(
    ("level", "reason"),
    [("disrupt", "not armed: needs --arm disrupt=here"), ("destroy", "not granted: profile here grants up to disrupt")],
)
def test_a_level_that_is_not_armed_or_granted_is_not_run_with_the_reason(bench: Bench, level: str, reason: str) -> None:
    bench.profile('max_impact = "disrupt"')
    bench.suite(OPEN + body("pass", level))

    run = bench.pytest()

    assert (run.code, run.outcome("INF-TC-03"), run.reason("INF-TC-03")) == (0, "NOT-RUN", reason), run.output


def test_a_level_is_not_hidden_by_a_helper_fixture(bench: Bench) -> None:
    bench.profile('max_impact = "disrupt"')
    bench.suite(
        "@pytest.fixture\ndef helper(disrupt):\n    return disrupt\n"
        + body("pass").replace("(observe)", "(observe, helper)")
    )

    run = bench.pytest()

    assert run.outcome("INF-TC-03") == "NOT-RUN", run.output


def test_a_level_asked_for_at_run_time_is_invalid(bench: Bench) -> None:
    bench.suite(body("request.getfixturevalue('exercise')").replace("(observe)", "(observe, request)"))

    assert "asked for at run time" in bench.pytest().reason("INF-TC-03")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--arm", "destroy=here", "suites"), "grants up to exercise"),
        (("--arm", "destroy=production", "suites"), "this profile's environment is 'here'"),
        (("--arm", "everything", "suites"), "unknown level 'everything'"),
        (("--profile", "nothing", "suites"), "no profile 'nothing'"),
    ],
)
def test_wrong_usage_is_one_clear_line_and_exit_4(bench: Bench, arguments: tuple[str, ...], message: str) -> None:
    bench.suite(OPEN)

    run = bench.pytest(*arguments)

    assert run.code == 4, run.output
    assert message in run.output


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (OPEN + OPEN.replace("def test_open", "def test_twin"), "check id INF-TC-01 stands twice"),
        (OPEN + "def test_loose(): pass\n", "tests without @check beside checks"),
        (OPEN.replace("(observe)", "()").replace("observe.", "0 and observe."), "takes one of observe"),
        (
            OPEN.replace("\n@check", "\n@pytest.mark.parametrize('n', [1, 2])\n@check").replace(
                "(observe)", "(observe, n)"
            ),
            "one pytest item",
        ),
        (OPEN.replace("INF-TC-01", "nonsense"), "not of the form"),
    ],
)
def test_a_suite_that_cannot_be_trusted_is_refused(bench: Bench, broken: str, message: str) -> None:
    bench.suite(OPEN)
    bench.suite(broken, expect=False)

    run = bench.pytest()

    assert run.code in {2, 4}, run.output
    assert message in run.output


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("-k", "open"), "-k"),
        (("-m", "not impact"), "-m"),
        (("-x",), "-x/--maxfail"),
        (("--maxfail", "3"), "-x/--maxfail"),
        (("--lf",), "--lf"),
        (("--deselect", "suites/infra/test_port.py::test_closed"), "--deselect"),
        (("--collect-only",), "--collect-only"),
        (("--setup-plan",), "--setup-plan"),
        (("--ignore", "suites/other"), "--ignore"),
        (("--continue-on-collection-errors",), "--continue-on-collection-errors"),
    ],
)
def test_a_filtered_run_is_never_go(bench: Bench, arguments: tuple[str, ...], named: str) -> None:
    bench.suite(OPEN)

    run = bench.pytest("suites", *arguments)

    assert run.code == 2, run.output
    assert f"problem: the run was filtered by {named}\n" in run.output


def test_a_filter_that_leaves_nothing_gives_no_verdict(bench: Bench) -> None:
    bench.suite(OPEN)

    run = bench.pytest("suites", "-m", "impact")

    assert (run.code, run.verdict) == (pytest.ExitCode.NO_TESTS_COLLECTED, None), run.output
    assert "1 deselected" in run.output


def test_options_from_the_environment_filter_too(bench: Bench) -> None:
    bench.suite(OPEN)

    assert bench.pytest(env={"PYTEST_ADDOPTS": "-k open"}).code == 2


def test_without_the_plugin_nothing_is_green(bench: Bench) -> None:
    bench.suite(OPEN)

    half = bench.pytest("suites", "-p", "no:seatrial.plugin")
    without = bench.pytest("suites", "-p", "no:seatrial.plugin", "--override-ini", "addopts=")

    assert (half.code, half.verdict, "= 1 error in " in half.output) == (1, None, True), half.output
    assert (without.code, without.verdict) == (pytest.ExitCode.USAGE_ERROR, None), without.output
    assert "unrecognized arguments: --profile" in without.output


def test_parallel_workers_give_the_same_results(bench: Bench) -> None:
    bench.suite(OPEN + CLOSED)

    run = bench.pytest("suites", "-n", "2")

    assert (run.code, run.outcome("INF-TC-01"), run.outcome("INF-TC-02")) == (1, "PASSED", "FAILED"), run.output


def test_an_armed_run_refuses_workers(bench: Bench) -> None:
    bench.profile('max_impact = "disrupt"')
    bench.suite(OPEN)

    run = bench.pytest("suites", "-n", "2", "--arm", "disrupt=here")

    assert run.code == 4, run.output
    assert "leave out -n" in run.output


def test_the_repeat_line_says_the_seed_of_a_check_that_used_it(bench: Bench) -> None:
    bench.suite(CLOSED.replace("    seen = ", "    observe.evidence('seed', observe.seed)\n    seen = "))

    first, again = bench.pytest(), bench.pytest("suites", "--seatrial-seed", "7")

    assert "--profile here.toml --seatrial-seed " in first.output
    assert "--profile here.toml --seatrial-seed 7\n" in again.output


def test_a_check_that_must_be_alone_is_not_run_in_parallel(bench: Bench) -> None:
    bench.suite(OPEN.replace('component="port"', 'component="port", alone=True'))

    run = bench.pytest("suites", "-n", "2")

    assert (run.code, run.outcome("INF-TC-01")) == (2, "NOT-RUN"), run.output


def test_secrets_above_the_grant_leave_the_process(bench: Bench) -> None:
    bench.profile(
        'max_impact = "destroy"',
        '[credentials.destroy]\npostgres = { user = "admin", password = "env:ADMIN_PASSWORD" }\n',
    )
    bench.suite(body("import os; require('ADMIN_PASSWORD' not in os.environ, 'no credential', 'one')"))

    run = bench.pytest(env={"ADMIN_PASSWORD": "very secret"})

    assert run.outcome("INF-TC-03") == "PASSED", run.output


def test_secrets_are_in_no_report(bench: Bench) -> None:
    bench.profile(
        'max_impact = "exercise"', "[[accounts]]\nemail = 'a@example.test'\npassword = 'env:ACCOUNT_PASSWORD'\n"
    )
    bench.suite(
        body("exercise.evidence('seen', exercise.account); raise Failure('nothing', exercise.account[1])", "exercise")
    )

    run = bench.pytest(env={"ACCOUNT_PASSWORD": "hunter2hunter2"})

    written = [path.read_text() for path in (bench.folder / "reports").rglob("*") if path.is_file()]
    assert run.outcome("INF-TC-03") == "FAILED", run.output
    assert written
    assert not [text for text in written if "hunter2hunter2" in text]
    assert "hunter2hunter2" not in run.output


def test_no_part_of_a_secret_is_left_where_an_error_is_cut(bench: Bench) -> None:
    bench.profile(
        'max_impact = "exercise"', "[[accounts]]\nemail = 'a@example.test'\npassword = 'env:ACCOUNT_PASSWORD'\n"
    )
    bench.suite(body("raise RuntimeError(exercise.account[1] + 3992 * 'x')", "exercise"))

    run = bench.pytest(env={"ACCOUNT_PASSWORD": "hunter2hunter2"})

    written = [path.read_text() for path in (bench.folder / "reports").rglob("*") if path.is_file()]
    assert run.outcome("INF-TC-03") == "INVALID", run.output
    assert written
    assert not [text for text in (*written, run.output) if "hunter2" in text or "unter2x" in text]


def test_suites_without_a_reviewed_list_give_no_verdict(bench: Bench) -> None:
    bench.suite(OPEN)
    (bench.folder / "suites/expected.toml").unlink()

    run = bench.pytest()

    assert (run.code, run.verdict) == (4, None), run.output
    assert "seatrial checks --suites DIR --write-expected" in run.output


def test_a_stage_by_hand_is_never_taken_for_a_verdict(bench: Bench) -> None:
    bench.suite(OPEN)

    run = bench.pytest("suites", "--seatrial-results", "results.jsonl")

    assert (run.code, run.verdict) == (7, None), run.output


def test_evidence_is_kept_as_json_whatever_a_check_has_counted_with(bench: Bench) -> None:
    bench.suite(
        body("from collections import Counter; observe.evidence('counts', Counter('aab')); require(True, '', '')")
    )

    run = bench.pytest()

    assert run.outcome("INF-TC-03") == "PASSED", run.output
    assert run.verdict
    assert run.verdict["results"][0]["evidence"] == {"counts": {"a": 2, "b": 1}}


def test_evidence_that_has_no_form_makes_its_check_invalid(bench: Bench) -> None:
    bench.suite(body("observe.evidence('pairs', {(1, 2): 3})"))

    run = bench.pytest()

    assert run.outcome("INF-TC-03") == "INVALID", run.output
    assert "TypeError" in run.reason("INF-TC-03")
