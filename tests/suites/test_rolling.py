import itertools
import sqlite3
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from seatrial import Failure, Invalid
from seatrial.cases import Cases
from seatrial.drills import Ledger
from seatrial.errors import EnvironmentFault
from seatrial.probes.http import HttpAnswer
from seatrial.traffic import Shot
from suites.client import Asset, Instance, Session
from suites.client.answers import Tokens
from suites.deploy import _rolling, test_roll
from suites.deploy._rolling import AT_LEAST, Reply, Rolling, require_enough, require_short, tell


def shot(seconds: float, failure: str = "") -> Shot[Reply]:
    return Shot(10.0, 10.5, 10.5 + seconds, Reply("api read", failure))


def test_requests_are_summed_up_from_when_they_were_due() -> None:
    told = tell([shot(0.1), shot(2.0), shot(0.2, "reset")])

    assert told == {"requests": 3, "failed": 1, "failures": ["reset"], "longest_s": 2.5}
    assert tell([])["requests"] == 0


def test_too_few_requests_say_nothing() -> None:
    require_enough(dict(AT_LEAST))
    with pytest.raises(Invalid, match=r"too few requests .*: 2 downloads of"):
        require_enough(AT_LEAST | {"downloads": 2})


@pytest.mark.parametrize(("answers", "raised"), [(True, Failure), (False, EnvironmentFault)])
def test_what_the_platform_was_asked_for_and_did_not_do_is_a_failure_unless_it_answers_nothing(
    answers: bool, raised: type[Exception]
) -> None:
    def refuse() -> None:
        raise EnvironmentFault("api-3 is not ready")

    disrupt: Any = SimpleNamespace(platform=SimpleNamespace(status=(lambda: None) if answers else refuse))
    test_roll._done(disrupt, "api scaled out", lambda: None)
    with pytest.raises(raised, match="api-3 is not ready"):
        test_roll._done(disrupt, "api scaled out", refuse)


def later(seconds: float, by_s: float) -> Shot[Reply]:
    return Shot(10.0 + by_s, 10.5 + by_s, 10.5 + by_s + seconds, Reply("api read"))


def test_what_outlasted_the_drain_on_a_busy_machine_is_not_held_against_it() -> None:
    require_short([shot(9.0), shot(7.9, "cut")], 4.0, 8.0)
    with pytest.raises(Invalid, match=r"after 9.0 s, and those that succeeded meanwhile took 7.5 s in the median"):
        require_short([shot(9.0, "cut"), shot(7.0), shot(8.0), later(4.0, 20.0), later(4.1, 20.0)], 4.0, 8.0)


def test_a_request_that_hung_while_others_did_not_is_a_failure() -> None:
    require_short([shot(15.0, "timed out"), shot(4.2), later(4.1, 5.0), later(7.0, 10.0)], 4.0, 8.0)
    require_short([shot(15.0, "timed out"), shot(15.0, "timed out")], 4.0, 8.0)


class Tables:
    """What the product keeps of jobs and assets, for statements that every database reads alike."""

    def __init__(self, *jobs: tuple[str, str, str]) -> None:
        self.connection = sqlite3.connect(":memory:")
        self.connection.row_factory = sqlite3.Row
        self.connection.execute("create table assets (id, title)")
        self.connection.execute("create table jobs (asset_id, state, lease_owner)")
        for number, (title, state, owner) in enumerate(jobs):
            self.connection.execute("insert into assets values (?, ?)", (number, title))
            self.connection.execute("insert into jobs values (?, ?, ?)", (number, state, owner))

    def rows(self, statement: str, values: Sequence[object]) -> list[dict[str, Any]]:
        """Answer as the facet does."""
        return [dict(row) for row in self.connection.execute(statement.replace("%s", "?"), values)]


def test_only_a_job_of_our_own_shows_that_a_new_worker_works() -> None:
    tables = Tables(
        ("trial-1 job burst 1", "done", "worker-1.a"),
        ("trial-1 job burst 2", "running", "worker-2.b"),
        ("trial-0 job burst 1", "done", "worker-3.c"),
    )
    rolling = object.__new__(Rolling)
    rolling._disrupt = SimpleNamespace(marker="trial-1", pg=tables)  # type: ignore[assignment]

    assert rolling.workers() == {"worker-1"}


class Worker:
    """One worker, as its readiness and the table of jobs tell of it: it is told to stop when it was asked so often."""

    def __init__(self, *, holds: bool, told_after: int) -> None:
        self.holds, self.asked, self.told_after = holds, 0, told_after

    def rows(self, statement: str, _values: Sequence[object] = ()) -> list[dict[str, Any]]:
        row = {"lease_owner": "worker-1.a", "state": "running"}
        return [row] if self.holds or "lease_owner" not in statement else []

    def get(self, url: str, **_: object) -> HttpAnswer:
        self.asked += 1
        told = self.asked > self.told_after
        body = b'{"status": "draining"}' if told else b'{"status": "ok"}'
        return HttpAnswer("GET", url, 503 if told else 200, httpx2.Headers(), body, 0.0, None)


def occupied(
    monkeypatch: pytest.MonkeyPatch,
    worker: Worker,
    over: threading.Event,
    upload: Callable[[str], None] = lambda _: None,
) -> tuple[Rolling, list[str]]:
    rolling, fed = object.__new__(Rolling), list[str]()
    rolling._held, rolling._numbers = {}, itertools.count()
    rolling._disrupt = SimpleNamespace(  # type: ignore[assignment]
        marker="trial-1",
        pg=worker,
        http=worker,
        profile=SimpleNamespace(services={"worker": SimpleNamespace(ready="/readyz")}),
        evidence=lambda *_: None,
    )

    def feed(name: str, _: bytes) -> None:
        fed.append(name)
        upload(name)

    monkeypatch.setattr(rolling, "upload", feed)
    monkeypatch.setattr(_rolling, "instances", lambda *_: [Instance("worker", "worker-1", "127.0.0.1:1")])
    monkeypatch.setattr(_rolling, "generated_clip", lambda **_: SimpleNamespace(content=b""))
    rolling.occupy_workers(over)
    return rolling, fed


def test_a_worker_that_holds_a_job_when_it_is_told_to_stop_is_occupied(monkeypatch: pytest.MonkeyPatch) -> None:
    rolling, fed = occupied(monkeypatch, Worker(holds=True, told_after=2), threading.Event())

    rolling.require_occupied()
    assert fed


def test_a_worker_that_held_none_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rolling, _ = occupied(monkeypatch, Worker(holds=False, told_after=2), threading.Event())

    with pytest.raises(Invalid, match="worker-1: no job in hand when told to stop"):
        rolling.require_occupied()


def test_a_worker_that_was_never_told_shows_nothing_either(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    over.set()
    rolling, fed = occupied(monkeypatch, Worker(holds=True, told_after=99), over)

    assert fed == []
    with pytest.raises(Invalid, match="no job in hand"):
        rolling.require_occupied()


def refused(_: str) -> None:
    raise Failure("200 from PUT", "503", "s3")


def broken(_: str) -> None:
    raise LookupError("no such clip")


def test_an_upload_that_failed_keeps_no_worker_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    rolling, fed = occupied(monkeypatch, Worker(holds=True, told_after=2), threading.Event(), refused)

    rolling.require_occupied()
    assert fed


def test_an_error_of_another_kind_is_not_lost_beside_the_roll(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LookupError, match="no such clip"):
        occupied(monkeypatch, Worker(holds=True, told_after=2), threading.Event(), broken)


class Owner(Session):
    """Whoever has uploaded one clip whole, and of another one no bytes."""

    def __init__(self, *titles: tuple[str, str]) -> None:
        nobody: Any = None
        super().__init__(nobody, Tokens("", "", "", 0), lambda: self)
        now = datetime.now(UTC)
        self._assets = [Asset(title, title, "", "", status, 0, None, 0, now, now, None) for title, status in titles]

    def assets(self) -> list[Asset]:
        return self._assets

    def asset(self, asset_id: str) -> Asset:
        return next(each for each in self._assets if each.id == asset_id)


def test_an_upload_that_nobody_acknowledged_is_not_waited_for() -> None:
    whole, broken_off = "trial-1 job 1", "trial-1 job long 2"
    rolling, cases = object.__new__(Rolling), Cases()
    rolling.session, rolling._ledger = Owner((whole, "ready"), (broken_off, "awaiting_upload")), Ledger()
    rolling._disrupt = SimpleNamespace(  # type: ignore[assignment]
        marker="trial-1",
        target=lambda _: 0.3,
        evidence=lambda *_: None,
        pg=SimpleNamespace(rows=lambda *_: [{"title": whole, "state": "done", "attempts": 1}]),
    )
    rolling._ledger.ask(broken_off)
    rolling._ledger.acknowledge(rolling._ledger.ask(whole))

    rolling.judge_jobs(cases)

    assert cases.findings == []
