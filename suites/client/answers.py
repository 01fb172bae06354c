"""The product's answers as values; an answer that lacks a field of the contract is a finding, not a crash."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from seatrial import Failure

T = TypeVar("T")


@dataclass(frozen=True)
class Tokens:
    """What a sign-in or a refresh gives; the access token lives `expires_in_s` seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    token_type: str
    expires_in_s: int

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Tokens":
        """Read the answer of POST /v1/sessions or /v1/sessions/refresh."""
        return shaped(
            "a pair of tokens",
            lambda: cls(
                str(data["access_token"]),
                str(data["refresh_token"]),
                str(data["token_type"]),
                int(data["expires_in_s"]),
            ),
        )


@dataclass(frozen=True)
class Master:
    """A promoted original: where it lies, and until when it can be neither changed nor removed."""

    bucket: str
    key: str
    version_id: str
    sha256: str
    size_bytes: int
    retained_until: datetime

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Master":
        """Read the `master` member of an asset."""
        return shaped(
            "a master",
            lambda: cls(
                str(data["bucket"]),
                str(data["key"]),
                str(data["version_id"]),
                str(data["sha256"]),
                int(data["size_bytes"]),
                moment(data["retained_until"]),
            ),
        )


@dataclass(frozen=True)
class Asset:
    """One video; `progress` is 0 to 100, `failure_reason` is set when status is "failed"."""

    id: str
    title: str
    filename: str
    content_type: str
    status: str
    progress: int
    failure_reason: str | None
    size_bytes: int
    created_at: datetime
    updated_at: datetime
    master: Master | None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Asset":
        """Read an asset."""
        return shaped(
            "an asset",
            lambda: cls(
                id=str(data["id"]),
                title=str(data["title"]),
                filename=str(data["filename"]),
                content_type=str(data["content_type"]),
                status=str(data["status"]),
                progress=int(data["progress"]),
                failure_reason=data["failure_reason"],
                size_bytes=int(data["size_bytes"]),
                created_at=moment(data["created_at"]),
                updated_at=moment(data["updated_at"]),
                master=Master.from_json(data["master"]) if data["master"] is not None else None,
            ),
        )


@dataclass(frozen=True)
class Part:
    """One part of a multipart upload, and the URL that takes it."""

    part_number: int
    url: str = field(repr=False)


@dataclass(frozen=True)
class Upload:
    """Where the bytes go: one URL with headers to send along, or parts of `part_size_bytes` each."""

    url: str | None = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    upload_id: str | None = None
    part_size_bytes: int | None = None
    parts: tuple[Part, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Upload":
        """Read the `upload` member of a creation."""
        if data.get("parts"):
            return shaped(
                "a multipart upload",
                lambda: cls(
                    None,
                    {},
                    str(data["upload_id"]),
                    int(data["part_size_bytes"]),
                    tuple(Part(int(part["part_number"]), str(part["url"])) for part in data["parts"]),
                ),
            )
        return shaped("an upload", lambda: cls(str(data["url"]), dict(data["headers"])))


@dataclass(frozen=True)
class Created:
    """A new asset and where its bytes go; `upload` is None when a repeated request finds the upload done."""

    asset: Asset
    upload: Upload | None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Created":
        """Read the answer of POST /v1/assets."""
        return shaped(
            "a new asset",
            lambda: cls(
                Asset.from_json(data["asset"]),
                Upload.from_json(data["upload"]) if data["upload"] is not None else None,
            ),
        )


@dataclass(frozen=True)
class Unfinished:
    """How to go on with an upload: where the bytes go, and what completes the parts that have arrived."""

    upload: Upload | None
    sent: tuple[Mapping[str, Any], ...]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Unfinished":
        """Read the answer of GET /v1/assets/{id}/upload."""
        return shaped(
            "an unfinished upload",
            lambda: cls(
                Upload.from_json(data["upload"]) if data["upload"] is not None else None,
                tuple({"part_number": int(each["part_number"]), "etag": str(each["etag"])} for each in data["sent"]),
            ),
        )


@dataclass(frozen=True)
class Playback:
    """A signed link and when it dies."""

    url: str
    expires_at: datetime

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Playback":
        """Read the answer of POST /v1/assets/{id}/playback."""
        return shaped("a playback link", lambda: cls(str(data["url"]), moment(data["expires_at"])))


def moment(text: str) -> datetime:
    """Read an RFC 3339 time; one without an offset is an error, since nobody could compare it."""
    read = datetime.fromisoformat(text)
    if read.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return read


def shaped(what: str, build: Callable[[], T]) -> T:
    """Build a value from JSON; raises Failure saying what is missing or malformed."""
    try:
        return build()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Failure(f"{what} as the contract describes it", f"{type(error).__name__}: {error}", "api") from None
