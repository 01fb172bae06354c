"""A preview that is lost is made again on a real instance; one that is not is left alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.environment import Environment
from seatrial.impact import Exercise
from seatrial.profile import load
from seatrial.scope import close_clients
from suites.client import Asset, Session, ready_asset, signed_in, small_clip
from suites.dr._queue import jobs
from tests.platform.bench import Running, profile


@pytest.fixture
def exercise(running: Running, tmp_path: Path) -> Iterator[Exercise]:
    environment = Environment(load(profile(running.layout, tmp_path / "here.toml")))
    made = Exercise(environment, by="a test")
    yield made
    made.close()
    close_clients(environment.clients)


@pytest.fixture
def session(exercise: Exercise) -> Session:
    return signed_in(exercise)


@pytest.fixture
def asset(exercise: Exercise, session: Session) -> Asset:
    return ready_asset(exercise, session)


def lose(exercise: Exercise, bucket: str, key: str) -> None:
    assert exercise.s3.service("api").call("delete_object", Bucket=bucket, Key=key).ok


def remake(session: Session, asset: Asset) -> int | None:
    return session.call("POST", f"/v1/assets/{asset.id}/preview").status


def test_a_lost_poster_is_made_again_from_the_upload_by_one_new_job(
    exercise: Exercise, session: Session, asset: Asset
) -> None:
    before = jobs(exercise, asset)
    lose(exercise, "previews", f"previews/{asset.id}/poster.jpg")
    assert [remake(session, asset), remake(session, asset)] == [202, 202]
    assert session.wait(asset.id, within_s=30).status == "ready"
    assert exercise.s3.head("previews", f"previews/{asset.id}/poster.jpg").ok
    (job,) = jobs(exercise, asset)
    assert (job["state"], job["attempts"]) == ("done", 1)
    assert job["id"] != before[0]["id"]


def test_a_preview_that_is_there_is_left_alone(exercise: Exercise, session: Session, asset: Asset) -> None:
    before = jobs(exercise, asset)
    assert remake(session, asset) == 202
    assert session.asset(asset.id).status == "ready"
    assert jobs(exercise, asset) == before


def test_without_an_original_nothing_is_begun(exercise: Exercise, session: Session, asset: Asset) -> None:
    lose(exercise, "previews", f"previews/{asset.id}/preview.mp4")
    lose(exercise, "staging", f"uploads/{asset.id}")
    assert remake(session, asset) == 409
    assert session.asset(asset.id).status == "ready"


def test_what_was_never_uploaded_has_no_preview_to_make(exercise: Exercise, session: Session) -> None:
    created = session.create(exercise.marker, small_clip().content)
    exercise.cleanup(session.remove, created.asset.id)
    assert remake(session, created.asset) == 409
