"""The object store as a handle offers it: reading with the level's own key, and requests without any."""

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from seatrial.errors import HarnessError, Invalid, Unanswered
from seatrial.facets.http import shared_client
from seatrial.probes import http, s3
from seatrial.probes.http import READS, Headers, HttpAnswer
from seatrial.probes.s3 import S3Answer
from seatrial.scope import S3Place, Scope

_READING = ("get_", "head_", "list_")


@dataclass(frozen=True)
class S3Object:
    """One object of a listing."""

    key: str
    size_bytes: int
    etag: str
    modified: dt.datetime


def place(scope: Scope) -> S3Place:
    """Return where the object store answers; raises Invalid when the profile names none."""
    if scope.profile.s3 is None:
        raise Invalid("the profile names no [s3]")
    return scope.profile.s3


def call(scope: Scope, operation: str, **arguments: Any) -> S3Answer:
    """Make one call with the level's own key; the client is kept, the meter is the caller's."""
    own = scope.credentials("s3")
    key = ("s3", own.user)
    if key not in scope.clients:
        scope.clients[key] = s3.client(shared_client(scope), place(scope), own)
    with s3.metered(scope.meter):
        return s3.call(scope.clients[key], operation, **arguments)


class ObserveS3:
    """Calls that read; a bucket is named by its role in the profile ("masters") or by its own name.

    `call`, `head`, `get` and `head_bucket` return the store's answer or refusal. What returns plain data raises
    Unanswered (a Failure) when the store does not answer or refuses.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def bucket(self, name: str) -> str:
        """Return the bucket's name for a role, or the name itself."""
        return place(self._scope).buckets.get(name, name)

    def call(self, operation: str, **arguments: Any) -> S3Answer:
        """Make one reading call of the S3 API by boto3's name: get_*, head_* or list_*."""
        if not operation.startswith(_READING):
            raise HarnessError(f"s3.{operation} is not a reading call: {', '.join(_READING)}…")
        if "Bucket" in arguments:
            arguments["Bucket"] = self.bucket(arguments["Bucket"])
        return call(self._scope, operation, **arguments)

    def buckets(self) -> list[str]:
        """Return the names of the buckets that this key may list."""
        return [bucket["Name"] for bucket in self._data("list_buckets").get("Buckets", [])]

    def head_bucket(self, bucket: str) -> S3Answer:
        """Ask whether the bucket exists and may be read."""
        return self.call("head_bucket", Bucket=bucket)

    def region(self, bucket: str) -> str:
        """Return the bucket's region; S3 says nothing for us-east-1 (GetBucketLocation)."""
        return self._data("get_bucket_location", Bucket=bucket).get("LocationConstraint") or "us-east-1"

    def policy(self, bucket: str) -> dict[str, Any] | None:
        """Return the bucket's policy, None when it has none."""
        answer = self.call("get_bucket_policy", Bucket=bucket)
        if answer.code == "NoSuchBucketPolicy":
            return None
        if not answer.ok:
            raise Unanswered(answer.error or "", "s3")
        policy: dict[str, Any] = json.loads(answer.data["Policy"])
        return policy

    def list(self, bucket: str, prefix: str = "") -> list[S3Object]:
        """Return every object under a prefix, all pages."""
        return list(self._pages(bucket, prefix))

    def head(self, bucket: str, key: str, version_id: str | None = None) -> S3Answer:
        """Ask for an object's headers."""
        return self.call("head_object", Bucket=bucket, Key=key, **_version(version_id))

    def get(self, bucket: str, key: str, version_id: str | None = None) -> S3Answer:
        """Read an object; its bytes are the answer's `body`."""
        return self.call("get_object", Bucket=bucket, Key=key, **_version(version_id))

    def anonymous(
        self, method: str, bucket: str = "", key: str = "", *, query: str = "", headers: Headers | None = None
    ) -> HttpAnswer:
        """Send a reading request without any key, to a bucket, an object or, without a bucket, the store itself."""
        if method.upper() not in READS:
            raise HarnessError(f"an anonymous {method} may write: it belongs to exercise")
        return self._anonymous(method, bucket, key, query=query, headers=headers, body=None)

    def _anonymous(
        self, method: str, bucket: str, key: str, *, query: str, headers: Headers | None, body: bytes | None
    ) -> HttpAnswer:
        path = f"/{self.bucket(bucket)}" if bucket else "/"
        path += f"/{quote(key)}" if key else ""
        url = f"{place(self._scope).endpoint}{path}" + (f"?{query}" if query else "")
        client = shared_client(self._scope)
        return http.request(client, method, url, meter=self._scope.meter, headers=headers, content=body)

    def _pages(self, bucket: str, prefix: str) -> Iterator[S3Object]:
        more: dict[str, str] = {}
        while True:
            data = self._data("list_objects_v2", Bucket=bucket, Prefix=prefix, **more)
            for row in data.get("Contents", []):
                yield S3Object(row["Key"], row["Size"], row["ETag"].strip('"'), row["LastModified"])
            if not data.get("IsTruncated"):
                return
            more = {"ContinuationToken": data["NextContinuationToken"]}

    def _data(self, operation: str, **arguments: Any) -> Any:
        answer = self.call(operation, **arguments)
        if not answer.ok:
            raise Unanswered(str(answer), "s3")
        return answer.data


def _version(version_id: str | None) -> dict[str, str]:
    return {"VersionId": version_id} if version_id else {}
