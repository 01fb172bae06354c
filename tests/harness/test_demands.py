"""What a deployer demands of a verdict whose signature is good: every green that was not given for this deploy is refused."""

import base64
import datetime as dt
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import seatrial
from seatrial import expected
from seatrial.outcome import Level, Outcome, Severity
from seatrial.verbs.common import USAGE_ERROR
from seatrial.verdict import Ruling
from tests.harness.desk import API, ROWS, WORKER, Desk, ended

WAIVER = """\
[[waiver]]
check = "SEC-TLS-01"
profile = "here"
owner = "the owner"
reason = "for now"
expires = {expires}
"""


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def test_a_good_verdict_is_verified(desk: Desk) -> None:
    assert desk.verify() == (0, "")
    assert desk.said.startswith(
        f"GO  environment here  release {' '.join(sorted((API, WORKER)))}  scope all  level exercise"
    )
    assert desk.said.endswith(f"signed with key {desk.signer.public.id}\n")


def test_a_part_of_what_was_tried_may_be_demanded(desk: Desk) -> None:
    assert desk.verify("--scope", "infra", "--level", "observe", "--max-age", "10m")[0] == 0


def test_another_release_is_refused(desk: Desk) -> None:
    for release in ((API,), (API, WORKER, f"sha256:{'0' * 64}"), (API, f"sha256:{'0' * 64}"), ("r1",)):
        code, said = desk.verify(release=release)
        assert (code, "it is of the release sha256:" in said) == (1, True)


def test_an_id_is_no_digest(desk: Desk) -> None:
    """Whoever makes ids cannot choose one that reads like somebody's digest."""
    basis = replace(desk.verdict().basis, releases={"here": API.removeprefix("sha256:")})
    desk.sign(verdict=desk.verdict(basis=basis))

    assert desk.verify(release=(API,))[0] == 1
    assert desk.verify(release=(API.removeprefix("sha256:"),))[0] == 0


def test_without_a_release_nothing_is_verified(desk: Desk) -> None:
    assert desk.verify(release=())[0] == USAGE_ERROR


def test_another_profile_is_refused(desk: Desk) -> None:
    desk.profile.write_text(desk.profile.read_text() + "[targets]\nlag_s = 9\n")
    assert f"it was made with another state of {desk.profile}" in desk.verify()[1]
    desk.profile.write_text(desk.profile.read_text().replace('"here"', '"there"'))
    assert "it is of the environment here, not of there" in desk.verify()[1]


@pytest.mark.parametrize("name", ["suites/infra/test_pg.py", "suites/expected.toml", "load/slo/here.toml"])
def test_suites_or_a_load_of_another_commit_are_refused(desk: Desk, name: str) -> None:
    file = desk.folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as text:
        text.write("# another\n")

    code, said = desk.verify()

    assert (code, "the verdict is" in said) == (1, False)
    assert f"it was made with another state of {desk.folder / name.partition('/')[0]}\n" in said


def test_a_narrower_scope_is_refused(desk: Desk) -> None:
    kept = [ended(row, Outcome.PASSED) for row in ROWS if row.suite == "infra"]
    desk.sign(verdict=desk.verdict(scope="infra", results=tuple(kept), required=("INF-PG-01",)))

    code, said = desk.verify()
    assert code == 1
    assert "its scope is 'infra', and all is demanded" in said
    assert "1 of 2 demanded checks are not in it: SEC-TLS-01" in said
    assert "demanded checks are not in it" in desk.verify("--scope", "security")[1]
    assert desk.verify("--scope", "infra")[0] == 0


def test_a_lower_level_is_refused(desk: Desk) -> None:
    code, said = desk.verify("--level", "destroy")

    assert code == 1
    assert "its level is exercise, and destroy is demanded" in said
    assert "1 of 3 demanded checks did not pass: DR-PG-01 NOT-RUN" in said


def test_a_check_that_came_since_is_missed(desk: Desk) -> None:
    new = expected.Row("SEC-NEW-01", "security/test_new.py", "test_new", Severity.MAJOR, Level.OBSERVE, alone=False)
    expected.write(desk.suites, [*ROWS, new])

    assert "1 of 3 demanded checks are not in it: SEC-NEW-01\n" in desk.verify()[1]


def test_demanding_nothing_is_wrong_usage(desk: Desk) -> None:
    assert desk.verify("--scope", "dr")[0] == USAGE_ERROR
    assert desk.verify("--scope", "nonsense")[0] == USAGE_ERROR
    assert desk.verify("--max-age", "0")[0] == USAGE_ERROR
    assert desk.verify("--max-age", "1e12h")[0] == USAGE_ERROR


@pytest.mark.parametrize("ruling", [Ruling.NO_GO, Ruling.INCONCLUSIVE])
def test_anything_but_go_is_refused(desk: Desk, ruling: Ruling) -> None:
    desk.sign(verdict=desk.verdict(ruling=ruling))

    assert desk.verify() == (1, f"refused: {desk.file}: the verdict is {ruling}\n")


def test_the_age_is_that_of_the_end(desk: Desk) -> None:
    assert desk.verify("--max-age", "50s")[0] == 1
    assert "it is too old: the trial ended at" in desk.verify("--max-age", "50s")[1]
    assert desk.verify("--max-age", "2m")[0] == 0
    begun = dt.datetime.now(dt.UTC) - dt.timedelta(days=1, minutes=10)
    desk.sign(verdict=desk.verdict(started_at=begun.isoformat(timespec="seconds")))
    assert "1 day, 0:00:00 are allowed" in desk.verify()[1]


def test_a_verdict_from_the_future_is_refused(desk: Desk) -> None:
    begun = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=2)
    desk.sign(verdict=desk.verdict(started_at=begun.isoformat(timespec="seconds")))

    assert "it is from the future: the trial ended at" in desk.verify()[1]


def test_a_verdict_of_another_harness_is_refused(desk: Desk) -> None:
    desk.sign(verdict=desk.verdict(harness="0.0.1"))

    assert "it was made by seatrial 0.0.1, and this is" in desk.verify()[1]


def test_a_verdict_of_a_harness_with_other_files_is_refused(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = shutil.copytree(Path(seatrial.__file__).parent, tmp_path / "seatrial")
    monkeypatch.setattr(seatrial, "__file__", str(package / "__init__.py"))
    assert desk.verify()[0] == 0

    (package / "gate.py").write_text("# another")
    assert "it was made by seatrial" in desk.verify()[1]


def test_a_report_that_was_swapped_is_refused(desk: Desk) -> None:
    desk.report.write_text(desk.report.read_text().replace('"r1"', '"r2"'))
    assert desk.verify() == (1, f"refused: {desk.file}: {desk.report} is not the report that it was made of\n")
    desk.report.unlink()
    assert desk.verify()[0] == 0


def today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def waived(desk: Desk, signed: dt.date, listed: dt.date | None) -> None:
    """Sign a GO in which SEC-TLS-01 failed and was excused until a day; the list of now says another, or nothing."""
    text = "" if listed is None else WAIVER.format(expires=listed.isoformat())
    (desk.suites / "waivers.toml").write_text(text)
    results = [
        replace(each, outcome=Outcome.FAILED) if each.id == "SEC-TLS-01" else each for each in desk.verdict().results
    ]
    used = {"SEC-TLS-01": {"owner": "the owner", "reason": "for now", "expires": signed.isoformat()}}
    desk.sign(verdict=desk.verdict(results=tuple(results), waivers=used))


def test_a_waiver_excuses_as_long_as_it_lasts_and_is_listed(desk: Desk) -> None:
    waived(desk, today(), today())
    assert desk.verify() == (0, "")
    assert "1 excused by waivers" in desk.said
    payload = json.loads(base64.b64decode(json.loads(desk.file.read_text())["payload"]))
    assert payload["predicate"]["result"] == "WARNED"
    assert payload["predicate"]["warnedTests"] == ["SEC-TLS-01"]


def test_a_waiver_that_has_ended_or_was_withdrawn_excuses_nothing(desk: Desk) -> None:
    yesterday, soon = today() - dt.timedelta(days=1), today() + dt.timedelta(days=9)
    waived(desk, yesterday, soon)
    assert "the waiver of SEC-TLS-01 that it used ended on" in desk.verify()[1]
    waived(desk, soon, None)
    assert "the waiver of SEC-TLS-01 that it used does not stand in" in desk.verify()[1]
    waived(desk, soon, yesterday)
    assert desk.verify()[0] == 1


def test_every_reason_has_a_line_of_its_own(desk: Desk) -> None:
    desk.sign(verdict=desk.verdict(ruling=Ruling.NO_GO, harness="0.0.1"))

    assert [line.split(": ")[2][:14] for line in desk.verify()[1].splitlines()] == ["the verdict is", "it was made by"]
