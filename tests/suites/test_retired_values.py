"""How long an old value may live, as SEC-SEC-04 counts it: from the request to retire it."""

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial import Failure
from seatrial.cases import Cases
from suites.security import test_rotation as rotation
from suites.security._proofs import Proof, of_redis

WITHIN_S = 0.3


def died(*, lives_s: float, asked_before_s: float = 0.0) -> float:
    """Try a value that opens its door for so long, and was to be retired that much earlier."""
    ends_s = time.monotonic() + lives_s
    proof = Proof(lambda: ["redis"] if time.monotonic() < ends_s else [], lambda: None)
    disrupt: Any = SimpleNamespace(target=lambda _: WITHIN_S)
    return rotation._died(disrupt, proof, time.monotonic() - asked_before_s)


def test_a_value_that_dies_in_time_tells_how_long_it_lived() -> None:
    assert 0.1 <= died(lives_s=0.1) <= WITHIN_S


def test_a_value_that_was_alive_while_it_was_being_retired_lived_as_long() -> None:
    with pytest.raises(Failure, match=r"refused, 0.3 s after its end; saw after"):
        died(lives_s=0.0, asked_before_s=WITHIN_S + 0.1)


def test_a_value_that_lives_on_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "ANSWERED_S", 0.1)
    with pytest.raises(Failure, match="it still opens redis"):
        died(lives_s=60.0)


def test_a_redis_password_that_a_replica_or_a_sentinel_still_takes_is_not_dead() -> None:
    place = SimpleNamespace(replicas={"redis-replica": None}, sentinels={"sentinel-1": None})
    taken = {"redis-replica", "sentinel-1"}

    def attempt(_user: str, _password: str, *, at: str | None) -> SimpleNamespace:
        return SimpleNamespace(ok=at in taken, error="WRONGPASS")

    disrupt: Any = SimpleNamespace(
        profile=SimpleNamespace(redis=place),
        credential=lambda _: SimpleNamespace(user="api", password="old"),
        redis=SimpleNamespace(attempt=attempt),
    )
    proof = of_redis(disrupt, "redis-api")

    assert proof.opens() == ["redis-replica", "sentinel-1"]
    with pytest.raises(Failure, match="the new password of api accepted"):
        proof.used()
    taken.clear()
    assert proof.opens() == []


def test_a_value_that_is_back_once_it_is_retired_is_found() -> None:
    refused, retired = threading.Event(), threading.Event()

    def opens() -> list[str]:
        refused.set()
        return ["redis"] if retired.is_set() else []

    def retire(_: str) -> SimpleNamespace:
        assert refused.wait(60.0)
        retired.set()
        return SimpleNamespace(seconds=0.1)

    disrupt: Any = SimpleNamespace(target=lambda _: 60.0, platform=SimpleNamespace(retire=retire))
    cases = Cases()

    rotation._retire(disrupt, cases, "redis-api", Proof(opens, lambda: None))

    assert [(each.case, each.seen) for each in cases.findings] == [
        ("redis-api: the old value stays dead", "it still opens redis")
    ]
