"""Read previews from the object store: metadata, whole objects to a file with their checksum, or one range."""

import hashlib
import re
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from system.common.s3 import ObjectStore, StoreUnavailableError
from system.edge.errors import ObjectChangedError, ObjectMissingError, ObjectSlowError, ObjectUnavailableError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

__all__ = ["ObjectHead", "Origin"]

T = TypeVar("T")
CHUNK_BYTES = 262_144
HEAD_S = 5.0  # whoever plays waits for this first; a queue of such questions must not make it longer
_MD5_ETAG = re.compile(r'"[0-9a-f]{32}"')


@dataclass(frozen=True)
class ObjectHead:
    """What the store says of an object; `sha256` is empty when its writer did not record one."""

    size: int
    etag: str
    sha256: str


class Origin:
    """Ask the store for objects of one bucket, with its errors translated to this package's.

    Whole objects go through `fills`, whose threads they hold for long: whoever asks for another object waits for none of them.
    """

    def __init__(self, store: ObjectStore, fills: ObjectStore, bucket: str) -> None:
        self._store, self._fills, self._bucket = store, fills, bucket

    async def head(self, key: str) -> ObjectHead:
        """Return size, strong entity tag and checksum of an object."""
        answer = await self._call(self._store, lambda s3: s3.head_object(Bucket=self._bucket, Key=key), HEAD_S)
        return ObjectHead(answer["ContentLength"], answer["ETag"], answer["Metadata"].get("sha256", ""))

    async def fetch(self, key: str, head: ObjectHead, path: Path) -> None:
        """Write the object to `path`.

        Raises ObjectUnavailableError when what arrived is not what `head` promised, ObjectSlowError when it did not in time.
        """
        stop = threading.Event()

        def download(s3: "S3Client") -> None:
            answer = s3.get_object(Bucket=self._bucket, Key=key, IfMatch=head.etag)
            sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
            with closing(answer["Body"]) as body, path.open("xb") as file:
                if stop.is_set():  # too late: whoever asked has removed what there was by then
                    path.unlink(missing_ok=True)
                    return
                for chunk in body.iter_chunks(CHUNK_BYTES):
                    if stop.is_set():
                        return
                    file.write(chunk)
                    sha256.update(chunk)
                    md5.update(chunk)
                    size += len(chunk)
            if size != head.size:
                raise StoreUnavailableError(f"{key}: {size} of {head.size} bytes arrived")
            if head.sha256 and sha256.hexdigest() != head.sha256:
                raise StoreUnavailableError(f"{key}: its SHA-256 is not the recorded one")
            if not head.sha256 and _MD5_ETAG.fullmatch(head.etag) and head.etag != f'"{md5.hexdigest()}"':
                raise StoreUnavailableError(f"{key}: its MD5 is not its entity tag")

        try:
            await self._call(self._fills, download)
        except StoreUnavailableError as error:  # of this object, since the store has just told of it
            slow = isinstance(error.__cause__, TimeoutError)
            raise (ObjectSlowError if slow else ObjectUnavailableError)(str(error)) from error
        finally:
            stop.set()

    async def read(self, key: str, head: ObjectHead, start: int, stop: int) -> AsyncIterator[bytes | bytearray]:
        """Yield one range straight from the store, for an object that the cache cannot hold."""
        answer = await self._call(
            self._store,
            lambda s3: s3.get_object(
                Bucket=self._bucket, Key=key, IfMatch=head.etag, Range=f"bytes={start}-{stop - 1}"
            ),
        )
        body = answer["Body"]
        try:
            while chunk := await self._call(self._store, lambda _s3: body.read(CHUNK_BYTES)):
                yield chunk
        finally:
            body.close()

    @staticmethod
    async def _call(store: ObjectStore, call: "Callable[[S3Client], T]", limit_s: float | None = None) -> T:
        from botocore.exceptions import ClientError  # noqa: PLC0415 - see ObjectStore: slow to import

        try:
            return await store.run(call, limit_s)
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status == 404:
                raise ObjectMissingError(str(error)) from error
            if status == 412:
                raise ObjectChangedError(str(error)) from error
            raise ObjectUnavailableError(str(error)) from error
        except StoreUnavailableError as error:
            if isinstance(error.__cause__, ClientError):
                raise ObjectUnavailableError(str(error)) from error
            raise
