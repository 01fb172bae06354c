"""A region lost and rebuilt, as files: what is kept, what is set aside, and what a kill in the middle leaves behind."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from system.platforms.local import kept, region
from system.platforms.local.ca import Authority
from system.platforms.local.errors import PlatformError
from system.platforms.local.layout import Layout
from system.platforms.local.parts.s3_identities import BUCKETS
from system.platforms.local.secret_files import SecretFiles
from tests.platform.bench import Running, schema

SCHEMA = schema()
DATABASE = "data/postgres/base"


@pytest.fixture
def whole(tmp_path: Path) -> Layout:
    """A state directory with secrets, data and a plan; nothing runs."""
    layout = Layout.of(tmp_path, 18000)
    layout.make()
    SecretFiles(layout.secrets).make_all()
    Authority(layout.ca).ensure_root()
    for name, text in (
        (DATABASE, "rows"),
        ("data/s3/objects", "objects"),
        ("history.jsonl", ""),
        ("run/passwords", ""),
    ):
        path = layout.state / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    kept.keep(layout)
    return layout


def contents(layout: Layout) -> dict[str, str]:
    """What lies in a state directory, but for what every start makes anew."""
    files = (path for path in layout.state.rglob("*") if path.is_file() and layout.run not in path.parents)
    return {str(path.relative_to(layout.state)): path.read_text() for path in files}


def lose(layout: Layout) -> None:
    region._set_aside(layout)


def test_the_plan_says_no_value_in_the_clear_and_gives_back_every_secret(whole: Layout, tmp_path: Path) -> None:
    text = whole.plan.read_text()
    assert not [each for each in SecretFiles(whole.secrets).values() if each in text]
    there = Layout.of(tmp_path / "empty", 18000)
    there.make()
    plan = kept.read(whole)
    plan.unpack(there)
    assert plan.missing(there) == []
    assert SecretFiles(there.secrets).read("s3-api.secret") == SecretFiles(whole.secrets).read("s3-api.secret")
    folders = [path for path in there.secrets.rglob("*") if path.is_dir() and not path.is_symlink()]
    assert {path.stat().st_mode & 0o777 for path in (there.secrets, *folders)} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in SecretFiles(there.secrets).files()} == {0o600}


def test_every_secret_that_a_first_start_makes_is_demanded_of_a_plan(whole: Layout) -> None:
    """A secret that is added to make_all, and not to missing(), would be made anew by a rebuild without a word."""
    SecretFiles(whole.secrets).path("jwt").unlink()
    assert SecretFiles(whole.secrets).missing() == ["jwt"]
    every = {str(each.relative_to(whole.secrets)) for each in SecretFiles(whole.secrets).files()}
    single = {each for each in every if "/" not in each}
    named = set()
    for name in sorted(single):
        held = SecretFiles(whole.secrets).path(name).read_text()
        SecretFiles(whole.secrets).path(name).unlink()
        named |= set(SecretFiles(whole.secrets).missing())
        SecretFiles(whole.secrets).path(name).write_text(held)
    assert single <= named


def test_what_changed_since_the_plan_was_written_is_told(whole: Layout) -> None:
    assert kept.report(whole)["current"]
    SecretFiles(whole.secrets).write("jwt", "another")
    assert not kept.report(whole)["current"]


def test_a_lost_region_leaves_the_store_and_what_is_kept(whole: Layout) -> None:
    plan = whole.plan.read_text()
    lose(whole)
    names = set(contents(whole))
    assert {"data/s3/objects", "kept/plan.sops.json", "kept/age.key"} <= names
    assert not [each for each in names if not each.startswith(("data/s3/", "kept/", "lost/"))]
    assert not list(whole.run.iterdir()), "generated files hold passwords, too"
    assert whole.plan.read_text() == plan


def test_what_is_not_rebuilt_is_put_back(whole: Layout) -> None:
    before = contents(whole)
    lose(whole)
    region.settle(whole)
    assert contents(whole) == before


def test_a_rebuild_that_does_not_come_to_its_end_is_taken_back(whole: Layout) -> None:
    before = contents(whole)
    lose(whole)
    region.begin(whole)
    (whole.data / "postgres").mkdir()
    (whole.data / "log").mkdir()
    (whole.data / "log" / "segment").touch()
    region.settle(whole)
    assert contents(whole) == before


def test_a_kill_while_it_is_put_back_costs_nothing(whole: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def half_rebuilt() -> None:
        lose(whole)
        region.begin(whole)
        (whole.data / "postgres").mkdir()

    assert kills_survived(whole, half_rebuilt, region.settle, monkeypatch) >= 25


def test_a_kill_while_it_is_taken_away_costs_nothing(whole: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def running() -> None:
        (whole.run / "passwords").touch()

    assert kills_survived(whole, running, lose, monkeypatch) >= 9


def kills_survived(
    layout: Layout, prepare: Callable[[], None], act: Callable[[Layout], None], monkeypatch: pytest.MonkeyPatch
) -> int:
    """Kill an act before each of its file operations in turn, and put back what it left; gives how many kills there were."""
    before, kills = contents(layout), 0
    while True:
        prepare()
        killed = False
        with monkeypatch.context() as patched:
            left = iter(range(kills))
            for name in ("mkdir", "rename", "unlink"):
                patched.setattr(Path, name, _killed_after(left, getattr(Path, name)))
            patched.setattr(region, "_remove", _killed_after(left, region._remove))
            try:
                act(layout)
            except InterruptedError:
                killed = True
        region.settle(layout)
        assert contents(layout) == before, f"killed after {kills} operations"
        if not killed:
            return kills
        kills += 1


def _killed_after(left: Iterator[int], function: Callable[..., Any]) -> Callable[..., Any]:
    def until(*arguments: Any, **named: Any) -> Any:
        if next(left, None) is None:
            raise InterruptedError
        return function(*arguments, **named)

    return until


def test_what_is_rebuilt_stays(whole: Layout) -> None:
    lose(whole)
    region.begin(whole)
    rebuilt = whole.state / DATABASE
    rebuilt.parent.mkdir()
    rebuilt.write_text("rows of the backup")
    region.finish(whole)
    region.settle(whole)
    assert rebuilt.read_text() == "rows of the backup"
    assert not whole.lost.exists()
    assert not whole.replaced.exists()


def test_a_rebuild_that_was_killed_begins_anew(whole: Layout) -> None:
    lose(whole)
    region.begin(whole)
    (whole.data / "postgres").mkdir()
    region.begin(whole)
    assert not (whole.data / "postgres").exists()
    assert kept.Plan.of(whole) == kept.read(whole)


def test_a_half_rebuild_in_a_new_place_is_not_started_as_if_it_were_whole(whole: Layout) -> None:
    lose(whole)
    region.begin(whole)
    whole.lost.rename(whole.state / "elsewhere")
    with pytest.raises(PlatformError, match="has not ended: `rebuild` begins it anew"):
        region.settle(whole)


def test_a_rebuild_touches_nothing_that_is_there(whole: Layout) -> None:
    before = contents(whole)
    with pytest.raises(PlatformError, match="a rebuild takes a place that holds no more than data/s3 and kept"):
        region.begin(whole)
    assert contents(whole) == before


@pytest.mark.parametrize(
    ("without", "lacks"),
    [
        ("links", "secret links"),
        ("s3-backup.secret", "secret s3-backup.secret"),
        *((each, f"bucket {each}") for each in BUCKETS),
    ],
)
def test_what_the_plan_lacks_is_told_and_the_place_stays_empty(whole: Layout, without: str, lacks: str) -> None:
    kept.keep(whole, [without])
    lose(whole)
    before = contents(whole)
    with pytest.raises(PlatformError, match=f"the plan lacks {re.escape(lacks)}: nothing was started"):
        region.begin(whole)
    assert contents(whole) == before


def test_a_plan_that_was_changed_by_hand_is_refused(whole: Layout) -> None:
    lose(whole)
    whole.plan.write_text(whole.plan.read_text().replace('"previews",', ""))
    with pytest.raises(PlatformError, match="sops decrypt failed"):
        region.begin(whole)


@pytest.mark.parametrize("name", ["plan", "age_key"])
def test_a_plan_that_is_not_there_is_named(whole: Layout, name: str) -> None:
    lose(whole)
    path: Path = getattr(whole, name)
    path.unlink()
    with pytest.raises(PlatformError, match=f"is missing: {re.escape(str(path))}"):
        region.begin(whole)


def test_a_running_platform_keeps_its_plan_up_to_date(running: Running) -> None:
    jsonschema.validate(running.get("plan"), {**SCHEMA, "$ref": "#/$defs/plan_answer"})
    running.post("keep", {"without": ["links", "masters"]})
    short = running.get("plan")
    assert (short["current"], "links" in short["secrets"], "masters" in short["buckets"]) == (False, False, False)
    for held, current in ((True, False), (False, True)):
        running.post("keep", {"hold": held})
        for step in ("begin", "complete"):
            running.post("rotate", {"secret": "links", "step": step})
        assert running.get("plan")["current"] is current
    assert "links" in running.get("plan")["secrets"]
