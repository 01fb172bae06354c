"""How DEP-FLOW-02 judges a master whose retention is short, and a promotion that is slow."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial import Failure
from seatrial.environment import Environment
from seatrial.impact import Exercise
from seatrial.profile import load
from suites.client import Asset
from suites.client.answers import Master
from suites.deploy import test_flow as flow
from suites.deploy.test_flow import test_promotion_writes_one_locked_master as promotion_writes_one_locked_master
from tests.checking import ended
from tests.waiting import wait_for

DECLARED_S = 1.0
BODY = b"a video"
SHA256 = hashlib.sha256(BODY).hexdigest()


class Product:
    """A session and a store in one, which keep a promoted master for so long."""

    def __init__(self, retained_s: float, *, locks: bool = True, marks: bool = False) -> None:
        self.origin = "https://app.test"
        self.until = datetime.now(UTC) + timedelta(seconds=retained_s)
        self.locks, self.marks = locks, marks
        self.versions: dict[str, Any] = {"Versions": [{"Key": "m", "VersionId": "v"}]}

    def promote(self, asset_id: str) -> Asset:
        master = Master("masters", "m", "v", SHA256, len(BODY), self.until)
        then = datetime.now(UTC)
        return Asset(asset_id, "", "", "", "ready", 100, None, len(BODY), then, then, master)

    asset = promote

    def delete(self, _: str) -> Any:
        kept = datetime.now(UTC) < self.until
        return SimpleNamespace(
            status=409 if kept else 204, json=lambda: {"retained_until": "", "detail": "kept"}, text=""
        )

    def playback(self, _: str) -> Any:
        return SimpleNamespace(url="https://play.test/v/1/preview")

    def remove(self, _: str) -> None:
        self.versions = {"DeleteMarkers": [{"Key": "m", "VersionId": "w"}], **self.versions} if self.marks else {}

    def send(self, *_: str, headers: object) -> Any:
        return SimpleNamespace(status=self.delete("").status, error=None, text="<p>kept</p>")

    def service(self, _: str) -> "Product":
        return self

    def bucket(self, role: str) -> str:
        return role

    def get(self, *_: str) -> Any:
        return SimpleNamespace(ok=True, body=BODY)

    def call(self, operation: str, **_: str) -> Any:
        if operation == "list_object_versions":
            return SimpleNamespace(ok=True, data=self.versions)
        retention = {"Mode": "COMPLIANCE", "RetainUntilDate": self.until}
        return SimpleNamespace(ok=self.locks, data={"Retention": retention if self.locks else {}})


def judged(monkeypatch: pytest.MonkeyPatch, folder: Path, product: Product) -> tuple[str, str]:
    file = folder / "here.toml"
    file.write_text(
        f'name = "here"\nmax_impact = "exercise"\ntree = {json.dumps(str(folder))}\n[urls]\n'
        f"[targets]\nmaster_retention_s = {DECLARED_S}\n"
    )
    exercise: Any = Exercise(Environment(load(file)), "test")
    exercise.s3 = product
    clip = SimpleNamespace(sha256=SHA256)
    monkeypatch.setattr(flow, "require_removable_masters", lambda _: None)
    monkeypatch.setattr(flow, "signed_in", lambda _: product)
    monkeypatch.setattr(flow, "signed_in_browser", lambda _: product)
    monkeypatch.setattr(flow, "_require_unchanged", lambda *_: None)
    monkeypatch.setattr(flow, "_require_at_each_edge", lambda *_: True)
    monkeypatch.setattr(flow, "small_clip", lambda: clip)
    monkeypatch.setattr(flow, "ready_asset", lambda *_: SimpleNamespace(id="1"))
    return ended(exercise, promotion_writes_one_locked_master)


def test_a_master_that_is_locked_long_enough_is_right(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert judged(monkeypatch, tmp_path, Product(60.0)) == ("PASSED", "")


def test_a_retention_that_is_over_before_it_was_tried_says_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Slow(Product):
        def promote(self, asset_id: str) -> Asset:
            wait_for(lambda: datetime.now(UTC) >= self.until, what="the end of the retention")
            return super().promote(asset_id)

    outcome, said = judged(monkeypatch, tmp_path, Slow(0.5))

    assert outcome == "INVALID"
    assert "too slow a machine" in said


def test_a_master_that_is_locked_for_less_than_declared_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert judged(monkeypatch, tmp_path, Product(-DECLARED_S))[0] == "FAILED"


def test_a_master_without_a_lock_is_found_before_its_time_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    outcome, said = judged(monkeypatch, tmp_path, Product(0.5, locks=False))

    assert outcome == "FAILED"
    assert said.startswith("locked: ")


def test_a_master_that_a_marker_only_hides_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    outcome, said = judged(monkeypatch, tmp_path, Product(60.0, marks=True))

    assert (outcome, said) == ("FAILED", "gone with its asset: ['v', 'w']")


@pytest.mark.parametrize(("status", "found"), [(409, False), (200, True)])
def test_a_changed_original_that_is_promoted_is_found(
    status: int, found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[bytes] = []

    def put(*_: str, Body: bytes, **__: str) -> Any:  # noqa: N803 - boto3's name
        stored.append(Body)
        return SimpleNamespace(ok=True)

    exercise: Any = SimpleNamespace(s3=SimpleNamespace(service=lambda _: SimpleNamespace(call=put)))
    session: Any = SimpleNamespace(call=lambda *_, **__: SimpleNamespace(status=status, error=None, text=""))
    monkeypatch.setattr(flow, "ready_asset", lambda *_: SimpleNamespace(id="1"))
    monkeypatch.setattr(flow, "small_clip", lambda: SimpleNamespace(content=BODY))

    if found:
        with pytest.raises(Failure, match="409 for promoting an original that has changed"):
            flow._require_unchanged(exercise, session)
    else:
        flow._require_unchanged(exercise, session)

    assert stored == [BODY[::-1]]


def test_an_edge_that_still_plays_a_deleted_asset_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str | None, Any]] = []

    def get(_: str, *, headers: Any, via: str | None) -> Any:
        asked.append((via, headers))
        return SimpleNamespace(status=200 if via == "b" else 404, error=None)

    exercise: Any = SimpleNamespace(http=SimpleNamespace(get=get))
    monkeypatch.setattr(flow, "doors", lambda *_: {"public": None, "edge-1": "a", "edge-2": "b"})

    with pytest.raises(Failure, match="404 for the asset's link; saw 200") as failed:
        flow._require_at_each_edge(exercise, "https://play.test:8443/v/1/preview?sig=x", 404)

    assert failed.value.where == "edge-2"
    assert asked == [(None, None), ("a", {"Host": "play.test:8443"}), ("b", {"Host": "play.test:8443"})]
