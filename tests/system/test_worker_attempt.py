"""Whatever becomes of an asset while its preview is published, no object stays that nobody would ever delete."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import pytest

from system.common.config import StorageSettings
from system.common.s3 import ObjectStore
from system.worker.attempt import Attempts
from system.worker.encoder import X264
from system.worker.errors import EncoderLostError, LeaseLostError, PipelineError
from system.worker.jobs import Job, Jobs
from system.worker.source import Limits
from system.worker.storage import JobStorage
from system.worker.stream import Entry, JobStream
from system.worker.workspace import Workspace

from .store_stand_in import WITHIN_S, StandIn
from .worker_clips import FFMPEG, clip, program

if TYPE_CHECKING:
    from system.common.database import Redis

BOTH = {"preview.mp4", "poster.jpg"}


@dataclass
class Rows:
    """Stands in for the jobs in Postgres, and for the stream and Redis, which have no say in this.

    Attributes:
        held: says whether the lease is still ours.
        finishes: whether the job is still ours when everything is published.
        asset: whether the asset is there.
    """

    held: Callable[[], bool] = lambda: True
    finishes: bool = True
    asset: bool = True
    lease_s: float = 0.1

    async def extend(self, _job: Job) -> bool:
        return self.held()

    async def finish(self, _job: Job) -> bool:
        return self.finishes

    async def asset_exists(self, _job: Job) -> bool:
        return self.asset

    async def keep(self, _entry: Entry) -> None:
        return

    async def set(self, *_: object, **__: object) -> None:
        return

    async def delete(self, _key: str) -> None:
        return


@pytest.fixture
def store() -> StandIn:
    return StandIn()


@pytest.fixture
def job(store: StandIn, tmp_path: Path) -> Job:
    original = clip(tmp_path / "a.mp4").read_bytes()
    job = Job(uuid4(), uuid4(), hashlib.sha256(original).hexdigest(), 1)
    store.objects[f"/staging/uploads/{job.asset_id}"] = original
    return job


def attempt(
    store: StandIn,
    job: Job,
    rows: Rows,
    directory: Path,
    cut: Callable[[asyncio.Task[None]], None] | None = None,
    ffmpeg: str = FFMPEG,
) -> None:
    """Let an attempt come to its end, or cut it off once the store has all of the first object."""

    async def scenario(settings: StorageSettings) -> None:
        objects, workspace = ObjectStore(settings, limit_s=WITHIN_S), Workspace(directory)
        jobs, stream, redis = cast("Jobs", rows), cast("JobStream", rows), cast("Redis", rows)
        storage = JobStorage(objects, max_bytes=1 << 20)
        attempts = Attempts(jobs, stream, storage, redis, workspace, ffmpeg=ffmpeg, limits=Limits())
        running = asyncio.create_task(attempts.run(job, Entry("1-0", {}), X264))
        if cut is not None:
            await asyncio.to_thread(store.arrived.wait, WITHIN_S)
            cut(running)
        try:
            async with asyncio.timeout(WITHIN_S):
                await running
        finally:
            workspace.close()
            objects.close()

    with store.serving() as settings:
        asyncio.run(scenario(settings))


def published(store: StandIn) -> set[str]:
    return {path.rpartition("/")[2] for path in store.objects if path.startswith("/previews/")}


def test_a_preview_of_an_asset_that_is_there_stays(store: StandIn, job: Job, tmp_path: Path) -> None:
    attempt(store, job, Rows(), tmp_path)
    assert published(store) == BOTH


def test_an_asset_deleted_while_its_preview_uploads_leaves_nothing(store: StandIn, job: Job, tmp_path: Path) -> None:
    store.take.clear()

    def held() -> bool:
        """Lose the lease with the asset once the store has all of the first object, and only then have the store keep it."""
        if store.arrived.is_set():
            store.take.set()
        return not store.arrived.is_set()

    with pytest.raises(LeaseLostError, match="lost while working"):
        attempt(store, job, Rows(held, finishes=False, asset=False), tmp_path)
    assert store.taken.wait(WITHIN_S)
    assert published(store) == set()


def test_an_asset_deleted_before_its_preview_is_visible_leaves_nothing(
    store: StandIn, job: Job, tmp_path: Path
) -> None:
    with pytest.raises(LeaseLostError, match="when its preview was published"):
        attempt(store, job, Rows(finishes=False, asset=False), tmp_path)
    assert published(store) == set()


def test_a_late_worker_takes_nothing_from_the_job_that_took_the_place_of_its_own(
    store: StandIn, job: Job, tmp_path: Path
) -> None:
    with pytest.raises(LeaseLostError, match="when its preview was published"):
        attempt(store, job, Rows(finishes=False), tmp_path)
    assert published(store) == BOTH


def test_an_attempt_told_to_stop_ends_with_its_upload(store: StandIn, job: Job, tmp_path: Path) -> None:
    store.take.clear()

    def cut(running: asyncio.Task[None]) -> None:
        running.cancel()
        store.take.set()

    with pytest.raises(asyncio.CancelledError):
        attempt(store, job, Rows(asset=False), tmp_path, cut)
    assert store.taken.wait(WITHIN_S)
    assert published(store) == set()


@pytest.mark.parametrize(
    ("when", "error"),
    [("*", EncoderLostError), ("*preview.mp4*", PipelineError)],
    ids=["whatever is encoded", "this video alone"],
)
def test_an_encode_that_fails_is_asked_whether_any_would_work(
    store: StandIn, job: Job, tmp_path: Path, when: str, error: type[Exception]
) -> None:
    without = program(tmp_path / "ffmpeg", f'case "$*" in {when}) echo "Cannot load libcuda.so.1" >&2; exit 255;; esac')
    with pytest.raises(error, match="Cannot load libcuda"):
        attempt(store, job, Rows(), tmp_path, ffmpeg=without)


def test_what_is_stood_in_for_is_named_like_the_real_parts() -> None:
    real: dict[str, Any] = {**vars(Jobs), **vars(JobStream)}

    assert {"extend", "finish", "asset_exists", "keep"} <= set(real)
