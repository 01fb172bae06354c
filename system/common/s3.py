"""Talk to the object store through boto3, which is imported in a thread on first use (it costs a second of start-up).

SigV4, path style, checksums only where they are asked for (Wasabi and SeaweedFS refuse newer defaults), time-outs,
and small thread pools of its own, so that a store which hangs holds nothing else up, presigning included.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, TypeVar

from system.common import tracing
from system.common.config import StorageSettings

if TYPE_CHECKING:
    from botocore.model import OperationModel
    from types_boto3_s3 import S3Client

__all__ = ["ObjectStore", "StoreUnavailableError"]

T = TypeVar("T")
_operation: ContextVar[ExitStack] = ContextVar("operation")  # the span of the one under way, in the call's own thread


class StoreUnavailableError(Exception):
    """Say that the store did not answer, answered too late, or failed inside (5xx)."""


class ObjectStore:
    """Run S3 calls in threads: `await store.run(lambda s3: s3.head_object(Bucket=..., Key=...))`.

    A store that cannot be had raises StoreUnavailableError; what it refuses raises botocore's ClientError. `threads`
    bounds how many calls are under way (more wait, and leave the queue when their caller has), `attempts` how often one
    is tried, after a random wait, `limit_s` how long a caller waits altogether, for what is signed too.
    """

    def __init__(
        self,
        settings: StorageSettings,
        *,
        threads: int = 8,
        read_timeout_s: float = 3.0,
        attempts: int = 2,
        limit_s: float = 6.0,
    ) -> None:
        self.settings = settings
        self._read_timeout_s, self._attempts, self._limit_s = read_timeout_s, attempts, limit_s
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="s3")
        self._probe_thread = ThreadPoolExecutor(1, thread_name_prefix="s3-probe")
        self._signing_thread = ThreadPoolExecutor(1, thread_name_prefix="s3-signing")
        self._building = threading.Lock()
        self._built: dict[str, tuple[tuple[str, str], S3Client]] = {}

    @property
    def client(self) -> "S3Client":
        """Give the client for the private endpoint; blocking on first use, and on the first after the key has changed."""
        return self._with_newest_key("client", self.settings.endpoint, self._read_timeout_s, self._attempts)

    @property
    def presigner(self) -> "S3Client":
        """Give the client whose presigned URLs name the public endpoint; it sends nothing itself."""
        return self._with_newest_key("presigner", self.settings.public_endpoint, self._read_timeout_s, 1)

    @property
    def _prober(self) -> "S3Client":
        return self._with_newest_key("prober", self.settings.endpoint, 1.0, 1)

    def _with_newest_key(self, name: str, endpoint: str, read_timeout_s: float, attempts: int) -> "S3Client":
        with self._building:
            pair = self.settings.key_pair.now
            if name not in self._built or self._built[name][0] != pair:
                self._built[name] = pair, self._build(pair, endpoint, read_timeout_s, attempts)
            return self._built[name][1]

    def _build(self, pair: tuple[str, str], endpoint: str, read_timeout_s: float, attempts: int) -> "S3Client":
        import boto3  # noqa: PLC0415 - see the module's first line
        from botocore.config import Config  # noqa: PLC0415

        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name=self.settings.region,
            aws_access_key_id=pair[0],
            aws_secret_access_key=pair[1],
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                connect_timeout=1.0,
                read_timeout=read_timeout_s,
                retries={"mode": "standard", "total_max_attempts": attempts},
                max_pool_connections=16,
                proxies={},
            ),
        )
        client.meta.events.register("before-call.s3", _begun)
        return client

    async def run(self, call: Callable[["S3Client"], T], limit_s: float | None = None) -> T:
        """Run a call on the private endpoint in a thread; `limit_s` is for one whose caller waits less long than for others."""
        limit_s = limit_s or self._limit_s
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(limit_s):
                return await loop.run_in_executor(self._threads, copy_context().run, self._translated, call)
        except TimeoutError as error:
            raise StoreUnavailableError(f"no answer within {limit_s:g} s") from error

    def _translated(self, call: Callable[["S3Client"], T]) -> T:
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError  # noqa: PLC0415

        try:
            with ExitStack() as operation:
                _operation.set(operation)
                return call(self.client)
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
                raise StoreUnavailableError(str(error)) from error
            raise
        except (BotoCoreError, HTTPClientError) as error:
            raise StoreUnavailableError(str(error)) from error

    async def presign(self, *calls: Callable[["S3Client"], T]) -> list[T]:
        """Run presigning calls, which compute only, in a thread where no call waits for the store.

        They take turns with those of other callers. More than can be signed in the time raises StoreUnavailableError.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limit_s):
                return [await loop.run_in_executor(self._signing_thread, self._signed, call) for call in calls]
        except TimeoutError as error:
            raise StoreUnavailableError(f"not signed within {self._limit_s:g} s") from error

    def _signed(self, call: Callable[["S3Client"], T]) -> T:
        return call(self.presigner)

    async def probe(self, bucket: str) -> None:
        """Raise unless the bucket is there within a second, for a key that may list it; listing would cost the store far more."""
        await asyncio.get_running_loop().run_in_executor(
            self._probe_thread, lambda: self._prober.head_bucket(Bucket=bucket)
        )

    def close(self) -> None:
        """Let the threads end when their calls have."""
        for threads in (self._threads, self._probe_thread, self._signing_thread):
            threads.shutdown(wait=False, cancel_futures=True)


def _begun(model: "OperationModel", **_: object) -> None:
    """Begin the span of an operation, which ends with its call: what is read of the answer's body is a part of it."""
    operation = _operation.get(None)
    if operation is not None:
        operation.close()
        about = {"rpc.system": "aws-api", "rpc.service": "S3", "rpc.method": model.name}
        operation.enter_context(tracing.span(f"S3/{model.name}", tracing.SpanKind.CLIENT, about))
