"""What INF-RD-04 makes of a server that tells how it persists, and of a managed one that lets nobody ask."""

from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.cases import Cases
from seatrial.errors import HarnessError, Unanswered
from suites.infra.test_redis import _judge_persistence

FINE = {
    "aof_enabled": 0,
    "aof_last_write_status": "ok",
    "aof_last_bgrewrite_status": "ok",
    "rdb_last_bgsave_status": "ok",
    "loading": 0,
}
UNKNOWN = HarnessError("redis does not know the command: unknown command 'CONFIG'")
FORBIDDEN = Unanswered("NOPERM this user has no permissions to run the 'config|get' command", "redis")


def judged(settings: dict[str, str] | Exception, **told: int) -> list[str]:
    """Return the cases that were found wrong."""

    def config(*_names: str, at: str) -> dict[str, str]:
        assert at == "redis"
        if isinstance(settings, Exception):
            raise settings
        return settings

    redis = SimpleNamespace(info=lambda *_, **__: FINE | told, config=config, acl_list=lambda **_: ["user default off"])
    observe: Any = SimpleNamespace(redis=redis, evidence=lambda *_: None)
    cases = Cases()
    _judge_persistence(observe, cases, "redis")
    return [each.case for each in cases.findings]


def test_save_points_persist_and_an_append_only_file_must_be_forced_to_disk() -> None:
    assert judged({"appendfsync": "no", "save": "60 1"}) == []
    assert judged({"appendfsync": "everysec", "save": ""}) == ["persistence of redis"]
    assert "forced to disk by redis" in judged({"appendfsync": "no", "save": ""}, aof_enabled=1)


@pytest.mark.parametrize("hidden", [UNKNOWN, FORBIDDEN], ids=["unknown", "forbidden"])
def test_a_server_that_lets_nobody_ask_must_have_a_file_or_a_snapshot(hidden: Exception) -> None:
    assert judged(hidden, rdb_last_bgsave_time_sec=0) == []
    assert judged(hidden, rdb_last_bgsave_time_sec=-1) == ["persistence of redis"]


def test_a_server_that_does_not_answer_is_no_such_server() -> None:
    with pytest.raises(Unanswered, match="connection refused"):
        judged(Unanswered("connection refused", "redis"))
