"""Describe what goes over the wire. Requests are strict: no coercion, no unknown members."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = [
    "Asset",
    "AssetChange",
    "AssetCreated",
    "AssetPage",
    "AssetUpload",
    "Completion",
    "Credentials",
    "Dependency",
    "Health",
    "Master",
    "MultipartUpload",
    "NewAsset",
    "PlaybackLink",
    "PlaybackRequest",
    "ProblemDocument",
    "ReadinessDocument",
    "RefreshRequest",
    "SentPart",
    "SingleUpload",
    "TokenPair",
    "UploadPart",
    "UploadedPart",
    "Version",
]

MAX_UPLOAD_BYTES = 5 * 1024**3  # what one server-side copy may hold (S3 API reference, CopyObject)
PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
UUID_PATTERN = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


# JSON has one kind of number: to JSON Schema 240.0 is an integer, to a strict int it is not (JSON Schema, 6.1.1).
WHOLE = BeforeValidator(_whole)
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE)]
Status = Literal["awaiting_upload", "queued", "processing", "ready", "failed"]


class Request(BaseModel):
    """Refuse what the contract does not name."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Answer(BaseModel):
    """Hold an answer; built from database rows."""

    model_config = ConfigDict(frozen=True)


class Credentials(Request):
    """Sign in with these."""

    email: Annotated[str, Field(min_length=3, max_length=254, pattern=r"^[^\x00-\x20\x7f@]+@[^\x00-\x20\x7f@]+$")]
    password: Annotated[str, Field(min_length=1, max_length=256, pattern=PRINTABLE)]


class RefreshRequest(Request):
    """Exchange a refresh token, once."""

    refresh_token: Annotated[str, Field(min_length=20, max_length=200, pattern=r"^[A-Za-z0-9_-]+$")]


class TokenPair(Answer):
    """Hold an access token and the refresh token that follows it."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the RFC's name for the scheme
    expires_in_s: int


class Master(Answer):
    """Describe the locked original."""

    bucket: str
    key: str
    version_id: str
    sha256: str
    size_bytes: int
    retained_until: datetime


class Asset(Answer):
    """Describe a video and how far its preview is."""

    id: Annotated[str, Field(json_schema_extra={"format": "uuid"})]
    title: str
    filename: str
    content_type: str
    status: Status
    progress: Annotated[int, Field(ge=0, le=100)]
    failure_reason: str | None
    size_bytes: int
    created_at: datetime
    updated_at: datetime
    master: Master | None


class AssetPage(Answer):
    """Hold a page, newest first; `next_cursor` is null on the last one."""

    items: list[Asset]
    next_cursor: str | None


class NewAsset(Request):
    """Announce an upload."""

    title: Title
    filename: Annotated[str, Field(min_length=1, max_length=255, pattern=PRINTABLE)]
    content_type: Annotated[str, Field(max_length=80, pattern=r"^video/[a-z0-9][a-z0-9.+-]*$")]
    size_bytes: Annotated[int, Field(ge=0, le=MAX_UPLOAD_BYTES), WHOLE]
    sha256: Annotated[str, Field(min_length=64, max_length=64, pattern=r"^[0-9a-f]{64}$")]
    multipart: bool = False


class SingleUpload(Answer):
    """Say how to send the file: one PUT with exactly these headers and the announced number of bytes."""

    method: Literal["PUT"] = "PUT"
    url: str
    headers: dict[str, str]
    expires_at: datetime


class UploadPart(Answer):
    """Say where one part goes (PUT, no headers needed)."""

    part_number: int
    url: str


class MultipartUpload(Answer):
    """Say how to send the file in parts, each of `part_size_bytes` but the last."""

    upload_id: str
    part_size_bytes: int
    parts: list[UploadPart]
    expires_at: datetime


class AssetCreated(Answer):
    """Hold the new asset and how to upload it; `upload` is null when a repeated request finds the upload done."""

    asset: Asset
    upload: SingleUpload | MultipartUpload | None


class SentPart(Answer):
    """Name a part that has arrived; its number and ETag are what completes the upload."""

    part_number: int
    etag: str
    size_bytes: int


class AssetUpload(Answer):
    """Say how to go on with an upload; `upload` is null when nothing more can be sent."""

    asset: Asset
    upload: SingleUpload | MultipartUpload | None
    sent: list[SentPart]


class AssetChange(Request):
    """Rename."""

    title: Title


class UploadedPart(Request):
    """Name a part that was sent, with the ETag that the store answered."""

    part_number: Annotated[int, Field(ge=1, le=10_000), WHOLE]
    etag: Annotated[str, Field(min_length=1, max_length=64, pattern=r'^"?[A-Za-z0-9+/=-]+"?$')]


class Completion(Request):
    """Finish an upload; `parts` is for multipart uploads."""

    parts: Annotated[list[UploadedPart], Field(min_length=1, max_length=10_000)] | None = None


class PlaybackRequest(Request):
    """Ask for a link."""

    variant: Literal["preview", "poster"]
    lifetime_s: (
        Annotated[int, Field(ge=1, le=86_400, description="An environment may set a lower maximum."), WHOLE] | None
    ) = None


class PlaybackLink(Answer):
    """Hold a signed link."""

    url: str
    expires_at: datetime


class Health(Answer):
    """Say that the process lives."""

    status: Literal["ok"] = "ok"


class Dependency(Answer):
    """Say whether one dependency answered."""

    ok: bool
    detail: str


class ReadinessDocument(Answer):
    """Say whether the instance can serve, and on which dependency it fails."""

    status: Literal["ok", "unavailable", "draining"]
    dependencies: dict[str, Dependency]


class Version(Answer):
    """Say what runs here."""

    service: str
    instance: str
    release: str


class ProblemDocument(BaseModel):
    """Describe an error (RFC 9457)."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    instance: Annotated[str, Field(description="The request id.")]
