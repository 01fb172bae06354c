"""Rules over the whole registry; each test names every offender before it fails once."""

import inspect
import re
import tomllib
from pathlib import Path

import pytest

from seatrial import expected, inventory, registry
from seatrial.errors import UsageError
from seatrial.inventory import Listed
from seatrial.outcome import Level, Severity
from seatrial.proof.page import Registry
from seatrial.registry import Fault, load_faults
from seatrial.report.pages import render_all

SUITES, FAULTS = Path("suites"), Path("faults")
ONE_KIND_AT_MOST = 17  # lowered with each exception that goes; an exception more is no way out
# What these primitives strike is of one kind, whatever the fault is about.
KIND_OF = {
    "pg.alter_role": {"configuration"},
    "pg.grant": {"configuration"},
    "pg.revoke": {"configuration"},
    "pg.set_role": {"configuration"},
    "redis.acl_set": {"configuration"},
    "redis.config_set": {"configuration", "TLS"},  # which port is open is a setting, and whether it speaks TLS
    "pg.delete_row": {"data"},
    "pg.insert_row": {"data"},
    "pg.update_row": {"data"},
    "pg.drop_index": {"data"},
    "pg.invalidate_index": {"data"},
    "redis.add_entry": {"data"},
    "redis.add_pending": {"data"},
    "redis.destroy_group": {"data"},
    "redis.set_key": {"data"},
    "pg.pause_replay": {"process"},
    "pg.promote": {"process"},
    "cloud.put_app_spec": {"cloud objects"},
    "s3.set_policy": {"cloud objects"},
}

TWIN = """
@fault("twin", kind="process", caught_by={{"INF-TC-01": "closed"}})
class {}:
    '''Something breaks.'''
"""


@pytest.fixture(scope="module")
def checks() -> list[Listed]:
    return inventory.collect(SUITES)


@pytest.fixture(scope="module")
def faults() -> dict[str, Fault]:
    return load_faults(FAULTS)


def test_the_expected_list_is_what_the_suites_hold(checks: list[Listed]) -> None:
    assert sorted(expected.read(SUITES), key=lambda row: row.id) == sorted(
        (check.expected for check in checks), key=lambda row: row.id
    ), "run make docs"


def test_every_check_has_a_fault_that_proves_it(checks: list[Listed], faults: dict[str, Fault]) -> None:
    proven = {name for fault in faults.values() for name in fault.caught_by}

    assert [check.expected.id for check in checks if check.expected.id not in proven] == []


def test_every_fault_names_checks_that_exist_and_words_to_look_for(
    checks: list[Listed], faults: dict[str, Fault]
) -> None:
    known = {check.expected.id for check in checks}

    offenders = [
        f"{fault.id}: {name}"
        for fault in faults.values()
        for name, what in fault.caught_by.items()
        if name not in known or len(what.words) < 3
    ]
    assert offenders == []


def test_a_fault_stands_beside_the_suite_that_it_proves(checks: list[Listed], faults: dict[str, Fault]) -> None:
    suite_of = {check.expected.id: check.expected.suite for check in checks}

    offenders = [
        fault.id
        for fault in faults.values()
        if fault.file.parent.name not in {suite_of.get(name) for name in fault.caught_by}
    ]
    assert offenders == []


def test_a_fault_strikes_through_primitives_only(faults: dict[str, Fault]) -> None:
    forbidden = re.compile(r"subprocess|socket\.|psycopg|boto3|import redis|os\.(kill|system|remove)|open\(")
    files = {fault.file for fault in faults.values()}

    assert [str(file) for file in sorted(files) if forbidden.search(file.read_text())] == []


def test_two_faults_of_one_file_have_no_id_in_common(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "FAULTS", {})
    twins = "".join(TWIN.format(name) for name in ("One", "Other"))
    (tmp_path / "twins.py").write_text(f"from seatrial import fault\n{twins}")

    with pytest.raises(UsageError, match=r"fault twin is declared twice: .*twins.py:One and .*twins.py:Other"):
        load_faults(tmp_path)


def test_a_file_of_faults_that_exits_is_named_with_its_words(tmp_path: Path) -> None:
    (tmp_path / "needy.py").write_text("import sys\nsys.exit('needs a cable')\n")

    with pytest.raises(UsageError, match=r"needy.py: SystemExit: needs a cable"):
        load_faults(tmp_path)


def test_a_kind_is_that_of_what_is_struck(faults: dict[str, Fault]) -> None:
    offenders = []
    for fault in faults.values():
        written = "".join(
            inspect.getsource(each) for each in type(fault.strike).__mro__ if each.__module__ != "builtins"
        )
        for primitive in set(re.findall(r"destroy\.(\w+\.\w+)\(", written)) & KIND_OF.keys():
            if fault.kind not in KIND_OF[primitive]:
                offenders.append(f"{fault.id}: {primitive} is no {fault.kind}")
    assert offenders == []


def test_every_blocker_has_faults_of_two_kinds_or_a_reviewed_reason(
    checks: list[Listed], faults: dict[str, Fault]
) -> None:
    reasons = tomllib.loads((FAULTS / "one_kind.toml").read_text())

    assert sorted(reasons) == Registry(checks, faults).of_one_kind(), "a fault of another kind, or no exception"
    assert len(reasons) <= ONE_KIND_AT_MOST
    assert all(len(reason) > 5 for reason in reasons.values())


def test_every_blocker_has_two_faults(checks: list[Listed], faults: dict[str, Fault]) -> None:
    proven = [name for fault in faults.values() for name in fault.caught_by]

    blockers = [check.expected.id for check in checks if check.expected.severity is Severity.BLOCKER]
    assert [name for name in blockers if proven.count(name) < 2] == []


def test_every_check_has_its_section_in_the_runbook_of_its_suite(checks: list[Listed]) -> None:
    offenders = []
    for check in checks:
        runbook = Path("docs/runbooks") / f"{check.expected.suite}.md"
        if f"\n## {check.expected.id}\n" not in runbook.read_text():
            offenders.append(f"{runbook}: {check.expected.id}")
    assert offenders == []


def test_drills_and_nothing_else_come_with_a_plan(checks: list[Listed]) -> None:
    offenders = [check.expected.id for check in checks if (check.plan is not None) != (check.expected.suite == "dr")]
    assert offenders == []


def test_every_drill_that_strikes_is_answered_by_checks_that_strike_nothing(checks: list[Listed]) -> None:
    levels = {check.expected.id: check.expected.level for check in checks}
    offenders = [
        f"{check.expected.id}: {name}"
        for check in checks
        if check.plan
        for name in check.plan.answered_by
        if levels.get(name, Level.DESTROY) > Level.EXERCISE or name == check.expected.id
    ]
    offenders += [
        f"{check.expected.id}: no check answers for it"
        for check in checks
        if check.plan and check.expected.level >= Level.DISRUPT and not check.plan.answered_by
    ]
    assert offenders == []


def test_the_pages_are_made_from_the_docstrings(checks: list[Listed], faults: dict[str, Fault]) -> None:
    made = render_all(inventory.pages(checks, faults, SUITES))
    there = {path.name: path.read_text() for path in Path("docs/checks").glob("*.md")}

    assert sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name)) == [], (
        "run make docs"
    )


def test_no_check_is_parametrised_or_sleeps_or_skips() -> None:
    forbidden = re.compile(r"time\.sleep|pytest\.(skip|xfail)|mark\.(skip|xfail|parametrize)|@given")

    assert [str(file) for file in sorted(SUITES.rglob("*.py")) if forbidden.search(file.read_text())] == []
