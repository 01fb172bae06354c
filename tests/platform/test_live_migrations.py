"""The live schema: down and up to a revision, and never up without a backup that ended before."""

import datetime as dt
from typing import Any

from tests.platform.bench import Running
from tests.platform.stored import backups, live


def revisions(running: Running) -> list[str]:
    return [str(row[0]) for row in live(running, "select version from schema_migrations order by version")]


def ended(backup: dict[str, Any]) -> dt.datetime:
    return dt.datetime.fromisoformat(backup["end_time_iso"])


def test_a_revision_is_applied_after_one_backup_of_its_own_and_at_head_there_is_none(running: Running) -> None:
    before, head = revisions(running)[-2:]
    known = len(backups(running.layout))
    assert running.post("migrate", {"to": before}) == {"applied": [], "reverted": [head], "head": before}
    assert running.post("migrate") == {"applied": [head], "reverted": [], "head": head}
    for asked in ({}, {"to": head}):
        assert running.post("migrate", asked) == {"applied": [], "reverted": [], "head": head}
    assert running.post("backup") == {}
    *_, own, asked_for = made = backups(running.layout)
    applied_at = live(running, "select max(applied_at) from schema_migrations")[0][0]
    assert len(made) == known + 2
    assert ended(own) <= applied_at < ended(asked_for)


def test_what_the_release_does_not_have_is_refused(running: Running) -> None:
    answer = running.ask("POST", "migrate", {"to": "20990101000000"})
    assert (answer.status_code, "no revision '20990101000000'" in answer.text) == (404, True)


def test_the_live_server_is_not_moved_by_steps(running: Running) -> None:
    assert running.ask("POST", "migrate", {"direction": "down"}).status_code == 400
    assert running.ask("POST", "migrate", {"steps": 1}).status_code == 400
