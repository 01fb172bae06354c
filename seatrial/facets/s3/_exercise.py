"""The object store as `exercise` offers it: requests without a key that may write, and the keys of the services."""

from typing import Any

from seatrial.facets.http import shared_client
from seatrial.facets.s3._observe import ObserveS3, place
from seatrial.probes import s3
from seatrial.probes.http import Headers, HttpAnswer
from seatrial.probes.s3 import S3Answer
from seatrial.scope import Credential, Scope


class ServiceKey:
    """The object store with the key of one service: what that service, or a thief of its key, can do.

    What is written with it is the check's own to remove.
    """

    def __init__(self, scope: Scope, service: str, kept: Credential | None = None) -> None:
        self._scope, self.service, self._kept = scope, service, kept

    def call(self, operation: str, **arguments: Any) -> S3Answer:
        """Make one call of the S3 API by boto3's name; a bucket is named by its role or its own name."""
        if "Bucket" in arguments:
            arguments["Bucket"] = self._bucket(arguments["Bucket"])
        with s3.metered(self._scope.meter):
            return s3.call(self._client(), operation, **arguments)

    def presign(self, operation: str, *, lifetime_s: int, **arguments: Any) -> str:
        """Return a URL, signed with this key, that allows one call for so many seconds; nothing is sent."""
        arguments["Bucket"] = self._bucket(arguments["Bucket"])
        return str(self._client().generate_presigned_url(operation, Params=arguments, ExpiresIn=lifetime_s))

    def _bucket(self, name: str) -> str:
        return place(self._scope).buckets.get(name, name)

    def _client(self) -> Any:
        own = self._kept or self._scope.credentials(f"s3-{self.service}")
        key = ("s3", own.user)
        if key not in self._scope.clients:
            self._scope.clients[key] = s3.client(shared_client(self._scope), place(self._scope), own)
        return self._scope.clients[key]


class ExerciseS3(ObserveS3):
    """Adds requests without a key that may write, and the services' own keys."""

    def anonymous(
        self,
        method: str,
        bucket: str = "",
        key: str = "",
        *,
        query: str = "",
        headers: Headers | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        """Send any request without a key."""
        return self._anonymous(method, bucket, key, query=query, headers=headers, body=body)

    def service(self, name: str) -> ServiceKey:
        """Return the store with a service's key: the profile's credential `s3-NAME`."""
        return ServiceKey(self._scope, name)

    def kept(self, name: str) -> ServiceKey:
        """Return the store with the key that a service has now, also once another has replaced it."""
        return ServiceKey(self._scope, name, self._scope.credentials(f"s3-{name}"))
