"""S3 by boto3's signatures over this package's own HTTP: same addresses, same trust, same counting."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import httpx2

from seatrial.probes.http import request
from seatrial.probes.text import one_line
from seatrial.scope import Credential, Meter, S3Place

TIMEOUT_S = 10.0


@dataclass(frozen=True)
class S3Answer:
    """One call.

    Attributes:
        ok: the store did it.
        status: the HTTP status; None when nothing answered.
        code: the store's error code ("AccessDenied", "NoSuchKey"), empty when ok or unanswered.
        error: one line when not ok; None otherwise.
        data: the parsed answer, without its body.
        body: an object's bytes, for get_object.
    """

    call: str
    ok: bool
    status: int | None
    code: str
    error: str | None
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def answered(self) -> bool:
        """The store spoke, be it to refuse."""
        return self.status is not None

    def __str__(self) -> str:
        return f"{self.call}: {'ok' if self.ok else self.error}"


_METER: ContextVar[Meter | None] = ContextVar("seatrial_s3_meter", default=None)


@contextmanager
def metered(meter: Meter) -> Iterator[None]:
    """Count the calls made inside for that meter; a client is shared by many handles."""
    token = _METER.set(meter)
    try:
        yield
    finally:
        _METER.reset(token)


def client(http: httpx2.Client, place: S3Place, credential: Credential) -> Any:
    """Return a boto3 client: SigV4, path style, checksums only when required, no retry; boto3 is imported here."""
    import boto3  # noqa: PLC0415 - a second of start-up that most checks do not need
    from botocore.config import Config  # noqa: PLC0415

    made = boto3.client(
        "s3",
        endpoint_url=place.endpoint,
        region_name=place.region,
        aws_access_key_id=credential.user,
        aws_secret_access_key=credential.password,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"total_max_attempts": 1},
        ),
    )
    made.meta.events.register("before-send.s3", lambda request, **_: _send(http, request))
    return made


def call(s3: Any, operation: str, **arguments: Any) -> S3Answer:
    """Make one call ("get_object") and return the store's answer or refusal; raises for arguments that S3 has not."""
    from botocore.exceptions import ClientError, HTTPClientError  # noqa: PLC0415

    try:
        data = dict(getattr(s3, operation)(**arguments))
    except ClientError as error:
        meta, said = error.response.get("ResponseMetadata", {}), error.response.get("Error", {})
        status, code = meta.get("HTTPStatusCode"), str(said.get("Code", ""))
        return S3Answer(
            operation, False, status, code, one_line(f"{status} {code}: {said.get('Message', '')}"), error.response
        )
    except HTTPClientError as error:
        return S3Answer(operation, False, None, "", one_line(error.kwargs.get("error", error)))
    status = data.pop("ResponseMetadata", {}).get("HTTPStatusCode")
    body = data.pop("Body", None)
    return S3Answer(operation, True, status, "", None, data, body.read() if body is not None else b"")


class _Raw(io.BytesIO):
    """The body in the form that botocore reads it."""

    def stream(self, amount: int = 65536, *, decode_content: bool = False) -> Iterator[bytes]:
        """Yield the body; `decode_content` is urllib3's word and changes nothing here."""
        del decode_content
        while part := self.read(amount):
            yield part


def _send(http: httpx2.Client, asked: Any) -> Any:
    from botocore.awsrequest import AWSResponse  # noqa: PLC0415
    from botocore.compat import HTTPHeaders  # noqa: PLC0415
    from botocore.exceptions import HTTPClientError  # noqa: PLC0415

    body = asked.body
    if hasattr(body, "read"):
        body = body.read()
    if isinstance(body, str):
        body = body.encode()
    headers = [(name, _text(value)) for name, value in asked.headers.items() if name.lower() != "expect"]
    answer = request(
        http,
        asked.method,
        asked.url,
        meter=_METER.get() or Meter(),
        headers=headers,
        content=body or None,
        timeout_s=TIMEOUT_S,
    )
    if answer.error is not None or answer.status is None:
        raise HTTPClientError(error=answer.error)
    seen = HTTPHeaders()
    for name, value in answer.headers.multi_items():
        seen[name] = value
    return AWSResponse(asked.url, answer.status, seen, _Raw(answer.body))


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
