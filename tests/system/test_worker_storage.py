"""An original is what was announced or is not touched; a result goes up with the checksum by which it is judged."""

import asyncio
import base64
import hashlib
import time
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from system.common.s3 import ObjectStore
from system.worker import storage
from system.worker.errors import BadInputError, OutageError, PipelineError
from system.worker.jobs import Job
from system.worker.storage import JobStorage
from tests.waiting import wait_for

from .store_stand_in import WITHIN_S, StandIn

ASSET = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
CLIP = bytes(range(256)) * 8192
MOST_BYTES = len(CLIP)
UPLOADED = Job(UUID(int=1), ASSET, hashlib.sha256(CLIP).hexdigest(), 1)
PROMOTED = replace(UPLOADED, master_bucket="masters", master_key="m/1", master_version_id="v7")


def fetch(stand_in: StandIn, job: Job, path: Path) -> None:
    async def scenario(store: ObjectStore) -> None:
        await JobStorage(store, max_bytes=MOST_BYTES).fetch_original(job, path)

    stand_in.run(scenario)


@pytest.mark.parametrize(
    ("job", "asked"),
    [(UPLOADED, f"GET /staging/uploads/{ASSET}"), (PROMOTED, "GET /masters/m/1?versionId=v7")],
    ids=["uploaded", "promoted"],
)
def test_the_announced_original_is_written(job: Job, asked: str, tmp_path: Path) -> None:
    stand_in = StandIn(CLIP)
    fetch(stand_in, job, tmp_path / "source")

    assert (tmp_path / "source").read_bytes() == CLIP
    assert [each.line for each in stand_in.asked] == [asked]


@pytest.mark.parametrize(
    ("stand_in", "error", "words"),
    [
        (StandIn(CLIP[:-1] + b"\0"), BadInputError, r"not the one that was announced \(its SHA-256 differs\)"),
        (StandIn(CLIP[:-1]), BadInputError, r"not the one that was announced \(its SHA-256 differs\)"),
        (StandIn(CLIP + b"\0"), BadInputError, f"has {MOST_BYTES + 1} bytes; at most {MOST_BYTES} are accepted"),
        (StandIn(CLIP[:-1], announced=len(CLIP)), PipelineError, "S3: "),
        (StandIn(status=404, code="NoSuchKey"), BadInputError, "no longer in the store"),
        (StandIn(status=404, code="NoSuchVersion"), BadInputError, "no longer in the store"),
        (StandIn(status=404, code="NoSuchBucket"), PipelineError, "NoSuchBucket"),
        (StandIn(status=403, code="AccessDenied"), OutageError, "AccessDenied"),
        (StandIn(status=503, code="SlowDown"), OutageError, "SlowDown"),
        (StandIn(status=403, code="AccessDenied", alive=True), OutageError, "AccessDenied"),
        (StandIn(status=503, code="SlowDown", alive=True), OutageError, "SlowDown"),
        (StandIn(status=500, code="InternalError", alive=True), PipelineError, "InternalError"),
    ],
    ids=[
        "other",
        "short",
        "long",
        "cut",
        "no key",
        "no version",
        "no bucket",
        "403",
        "503",
        "all 403",
        "all 503",
        "one 500",
    ],
)
def test_any_other_answer_is_refused_for_its_reason(
    stand_in: StandIn, error: type[Exception], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "SETTLES_S", 0.0)
    with pytest.raises(error, match=words):
        fetch(stand_in, UPLOADED, tmp_path / "source")


def test_an_original_that_a_store_has_again_a_moment_later_costs_no_attempt(tmp_path: Path) -> None:
    stand_in = StandIn(CLIP, status=500, code="InternalError", alive=True)

    async def scenario(store: ObjectStore) -> None:
        fetching = asyncio.create_task(
            JobStorage(store, max_bytes=MOST_BYTES).fetch_original(UPLOADED, tmp_path / "source")
        )
        await asyncio.to_thread(wait_for, lambda: "HEAD /staging" in {asked.line for asked in stand_in.asked})
        stand_in.status, stand_in.code = 200, ""
        await fetching

    stand_in.run(scenario)
    assert (tmp_path / "source").read_bytes() == CLIP


def test_a_download_that_breaks_off_late_costs_no_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "SETTLES_S", 0.2)
    stand_in = StandIn(b"x", announced=MOST_BYTES, endless=True)

    async def scenario(store: ObjectStore) -> None:
        began_s = time.monotonic()
        fetching = asyncio.create_task(
            JobStorage(store, max_bytes=MOST_BYTES).fetch_original(UPLOADED, tmp_path / "source")
        )
        await asyncio.to_thread(stand_in.reading.wait, WITHIN_S)
        await asyncio.to_thread(wait_for, lambda: time.monotonic() - began_s > storage.SETTLES_S)
        stand_in.body, stand_in.announced, stand_in.endless = CLIP, None, False
        await fetching

    stand_in.run(scenario)
    assert (tmp_path / "source").read_bytes() == CLIP


def test_a_result_goes_up_with_its_checksum_for_the_store_and_for_its_readers(tmp_path: Path) -> None:
    stand_in, result = StandIn(), tmp_path / "preview.mp4"
    result.write_bytes(CLIP)

    async def scenario(store: ObjectStore) -> None:
        await JobStorage(store, max_bytes=1).publish(ASSET, "preview.mp4", "video/mp4", result, "00-1-2-01")

    stand_in.run(scenario)
    (asked,) = stand_in.asked
    digest = hashlib.sha256(asked.body)
    assert (asked.line, asked.body) == (f"PUT /previews/previews/{ASSET}/preview.mp4", CLIP)
    assert asked.headers["x-amz-checksum-sha256"] == base64.b64encode(digest.digest()).decode()
    assert asked.headers["x-amz-meta-sha256"] == digest.hexdigest()
