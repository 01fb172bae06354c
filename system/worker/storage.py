"""Fetch originals and publish previews, with every byte's checksum compared on the way."""

import asyncio
import base64
import hashlib
import io
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from system.common.logging import get_logger
from system.common.s3 import ObjectStore, StoreUnavailableError
from system.worker.backoff import Backoff
from system.worker.errors import BadInputError, OutageError, PipelineError
from system.worker.jobs import Job

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

__all__ = ["JobStorage"]

T = TypeVar("T")
CHUNK_BYTES = 1 << 20
GONE = frozenset({"NoSuchKey", "NoSuchVersion"})
REFUSED = frozenset({401, 403, 429, 503})
SETTLES_S = 30.0  # a store that is back may answer before it has every object again

log = get_logger("storage")


class _Stoppable(io.BufferedReader):
    """A file that can be read until `stop` is set."""

    def __init__(self, path: Path, stop: threading.Event) -> None:
        super().__init__(path.open("rb", buffering=0))
        self._stop = stop

    def read(self, size: int | None = -1, /) -> bytes:
        if self._stop.is_set():
            raise PipelineError("told to stop")
        return super().read(size)


class JobStorage:
    """Move one job's files between the object store and its directory."""

    def __init__(self, store: ObjectStore, *, max_bytes: int) -> None:
        self._store, self._max_bytes = store, max_bytes

    async def fetch_original(self, job: Job, path: Path) -> None:
        """Write the master, before there is one the upload, to `path`; raise BadInputError when it is not what was announced.

        Where a store that answers fails inside for one original, and goes on to, that is no outage: PipelineError. What it refuses
        (a key's rights, too many requests) it may refuse of all: an outage, whatever else it answers.
        """
        backoff = Backoff()
        until_s: float | None = None
        while True:
            try:
                await self._fetch(job, path)
            except OutageError as error:
                if not _failed_inside(error) or not await self._store_answers():
                    raise
                now_s = time.monotonic()
                until_s = until_s or now_s + SETTLES_S  # from the first failure on: a download may take longer
                if now_s >= until_s:
                    raise PipelineError(str(error)) from error
                log.warning("original not had yet", extra={"job_id": job.id, "reason": str(error)})
                await asyncio.sleep(backoff.next_s())
            else:
                return

    async def _fetch(self, job: Job, path: Path) -> None:
        stop = threading.Event()

        def download(s3: "S3Client") -> None:
            answer = s3.get_object(**self._original(job))
            digest, size = hashlib.sha256(), 0
            with closing(answer["Body"]) as body:
                if answer["ContentLength"] > self._max_bytes:
                    raise BadInputError(
                        f"the file has {answer['ContentLength']} bytes; at most {self._max_bytes} are accepted"
                    )
                with path.open("wb") as file:
                    for chunk in body.iter_chunks(CHUNK_BYTES):
                        if stop.is_set():
                            return
                        file.write(chunk)
                        digest.update(chunk)
                        size += len(chunk)
            if size != answer["ContentLength"]:
                raise PipelineError(f"{size} of {answer['ContentLength']} bytes of the original arrived")
            if digest.hexdigest() != job.sha256:
                raise BadInputError("the uploaded file is not the one that was announced (its SHA-256 differs)")

        try:
            await self._call(download)
        finally:
            stop.set()

    async def publish(self, asset_id: UUID, name: str, content_type: str, path: Path, trace: str) -> None:
        """Upload one result under its fixed key; the store verifies the checksum.

        A caller that is cancelled waits until the upload has been broken off or has ended: afterwards no object comes to be.
        """
        stop = threading.Event()

        def upload(s3: "S3Client") -> None:
            with _Stoppable(path, stop) as file:
                digest = hashlib.file_digest(file, "sha256")
                file.seek(0)
                s3.put_object(
                    Bucket=self._store.settings.previews,
                    Key=f"previews/{asset_id}/{name}",
                    Body=file,
                    ContentType=content_type,
                    ChecksumSHA256=base64.b64encode(digest.digest()).decode(),
                    Metadata={"sha256": digest.hexdigest(), "trace": trace},
                )

        uploading = asyncio.create_task(self._call(upload))
        try:
            await asyncio.shield(uploading)
        finally:
            stop.set()
            await asyncio.wait({uploading})
            uploading.exception()  # is told to whoever still waits; asyncio would log it for one who was cancelled

    async def withdraw(self, asset_id: UUID, names: tuple[str, ...]) -> None:
        """Delete results whose asset has been deleted in the meantime."""

        def delete(s3: "S3Client") -> None:
            for name in names:
                s3.delete_object(Bucket=self._store.settings.previews, Key=f"previews/{asset_id}/{name}")

        await self._call(delete)

    def _original(self, job: Job) -> dict[str, Any]:
        if job.master_key is not None:
            return {"Bucket": job.master_bucket, "Key": job.master_key, "VersionId": job.master_version_id}
        return {"Bucket": self._store.settings.staging, "Key": f"uploads/{job.asset_id}"}

    async def _store_answers(self) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see ObjectStore: slow to import

        try:
            await self._store.probe(self._store.settings.staging)
        except (BotoCoreError, ClientError):
            return False
        return True

    async def _call(self, call: "Callable[[S3Client], T]") -> T:
        from botocore.exceptions import ClientError  # noqa: PLC0415 - see ObjectStore: slow to import

        try:
            return await self._store.run(call)
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if error.response.get("Error", {}).get("Code") in GONE:
                raise BadInputError("the original is no longer in the store") from error
            if status in REFUSED:
                raise OutageError(f"S3: {error}") from error
            raise PipelineError(f"S3: {error}") from error
        except StoreUnavailableError as error:
            raise OutageError(f"S3: {error}") from error


def _failed_inside(error: OutageError) -> bool:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - see ObjectStore: slow to import

    unavailable = error.__cause__
    answer = unavailable.__cause__ if isinstance(unavailable, StoreUnavailableError) else unavailable
    return not isinstance(answer, ClientError) or answer.response["ResponseMetadata"]["HTTPStatusCode"] not in REFUSED
