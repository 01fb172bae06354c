"""Signed-in calls: each returns the answer as a value, and anything but the promised status is a Failure."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from seatrial import Failure, eventually
from seatrial.probes.http import HttpAnswer
from seatrial.probes.text import one_line, without_queries
from suites.client.answers import Asset, Created, Playback, Tokens, Unfinished, Upload, moment, shaped

SETTLED = frozenset({"ready", "failed"})
LONGEST_RETENTION_S = 60.0


class Http(Protocol):
    """What the client needs of a transport: `exercise.http`, or a load generator's own."""

    def request(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        data: bytes | str | dict[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        via: str | None = None,
        timeout_s: float = 10.0,
    ) -> HttpAnswer:
        """Send one request and return its answer."""


class Client:
    """The product without a session.

    Args:
        http: sends the requests; named URLs ("api:/v1/...") are its affair.
        via: talk to this private address instead of the public host; uploads still go where the product says.
    """

    def __init__(self, http: Http, via: str | None = None) -> None:
        self.http, self.via = http, via

    def sign_in(self, email: str, password: str) -> "Session":
        """Open a session."""
        answer = self.http.request(
            "POST", "api:/v1/sessions", json={"email": email, "password": password}, via=self.via
        )
        return Session(self, Tokens.from_json(promised(answer, 201).json()), lambda: self.sign_in(email, password))

    def refresh(self, refresh_token: str) -> Tokens:
        """Exchange a refresh token for a new pair."""
        answer = self.http.request(
            "POST", "api:/v1/sessions/refresh", json={"refresh_token": refresh_token}, via=self.via
        )
        return Tokens.from_json(promised(answer, 200).json())


class Session:
    """One account's session.

    Args:
        client: what it was opened with.
        tokens: the current pair.
        again: opens another session of the same account.
    """

    def __init__(self, client: Client, tokens: Tokens, again: "Callable[[], Session]") -> None:
        self.client, self.tokens, self.again = client, tokens, again

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 10.0,
    ) -> HttpAnswer:
        """Send one request of the API with the access token, and return whatever is answered."""
        sent = {"Authorization": f"Bearer {self.tokens.access_token}", **(headers or {})}
        return self.client.http.request(
            method, f"api:{path}", json=json, headers=sent, via=self.client.via, timeout_s=timeout_s
        )

    def refresh(self) -> None:
        """Take a new pair of tokens; the old refresh token is used up."""
        self.tokens = self.client.refresh(self.tokens.refresh_token)

    def sign_out(self) -> None:
        """End the session on the server."""
        promised(self.call("DELETE", "/v1/sessions/current"), 204)

    def create(
        self,
        title: str,
        content: bytes,
        *,
        filename: str = "clip.mp4",
        content_type: str = "video/mp4",
        multipart: bool = False,
        idempotency_key: str | None = None,
    ) -> Created:
        """Announce an upload; nothing of `content` but its size and checksum is sent."""
        announced = announcement(title, content, filename=filename, content_type=content_type)
        announced |= {"multipart": True} if multipart else {}
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else None
        return Created.from_json(promised(self.call("POST", "/v1/assets", json=announced, headers=headers), 201).json())

    def put(self, upload: Upload, content: bytes, *, timeout_s: float = 60.0) -> list[dict[str, Any]] | None:
        """Send the bytes to the object store; return the parts to complete with, None for a single upload."""
        if not upload.parts:
            promised(self._store(upload.url or "", content, upload.headers, timeout_s), 200, "s3")
            return None
        size = upload.part_size_bytes or 0
        done = []
        for part in upload.parts:
            chunk = content[(part.part_number - 1) * size : part.part_number * size]
            answer = promised(self._store(part.url, chunk, {}, timeout_s), 200, "s3")
            done.append({"part_number": part.part_number, "etag": answer.headers.get("etag", "")})
        return done

    def unfinished(self, asset_id: str) -> Unfinished:
        """Ask how to go on with an upload."""
        return Unfinished.from_json(promised(self.call("GET", f"/v1/assets/{asset_id}/upload"), 200).json())

    def complete(
        self, asset_id: str, parts: Sequence[Mapping[str, Any]] | None = None, *, timeout_s: float = 30.0
    ) -> Asset:
        """Say that all bytes are there; the answer acknowledges the upload."""
        body = {"parts": list(parts)} if parts is not None else {}
        answer = self.call("POST", f"/v1/assets/{asset_id}/complete", json=body, timeout_s=timeout_s)
        return Asset.from_json(promised(answer, 202).json())

    def asset(self, asset_id: str) -> Asset:
        """Read one asset."""
        return Asset.from_json(promised(self.call("GET", f"/v1/assets/{asset_id}"), 200).json())

    def assets(self) -> list[Asset]:
        """Read every asset of the account, page by page."""
        found: list[Asset] = []
        cursor: str | None = ""
        while cursor is not None:
            query = f"&cursor={cursor}" if cursor else ""
            page = promised(self.call("GET", f"/v1/assets?limit=100{query}"), 200).json()
            found += shaped("a page of assets", partial(_items, page))
            cursor = page.get("next_cursor")
        return found

    def rename(self, asset_id: str, title: str) -> Asset:
        """Give an asset another title."""
        return Asset.from_json(
            promised(self.call("PATCH", f"/v1/assets/{asset_id}", json={"title": title}), 200).json()
        )

    def wait(self, asset_id: str, *, within_s: float, until: frozenset[str] = SETTLED) -> Asset:
        """Wait until the asset's status is one of `until`; without it a job that has failed raises Failure."""
        wanted = " or ".join(sorted(until))
        seen = eventually(
            lambda: self._in(asset_id, until), within_s=within_s, every_s=0.1, what=f"status {wanted}", where="worker"
        )
        if seen.status == "failed" and until == SETTLED:
            raise Failure("a ready preview", f"status failed: {seen.failure_reason}", "worker")
        return seen

    def wait_for_all(self, assets: Iterable[Asset], *, within_s: float) -> None:
        """Wait until all are ready, each at most `within_s` after the one that was announced before it.

        So a long queue may take long, and one that stands still is a Failure however long it is.
        """
        for asset in sorted(assets, key=lambda each: each.created_at):
            self.wait(asset.id, within_s=within_s)

    def _in(self, asset_id: str, until: frozenset[str]) -> Asset:
        asset = self.asset(asset_id)
        if asset.status not in until | SETTLED:
            raise Failure(" or ".join(sorted(until)), f"status {asset.status}, {asset.progress} %", "worker")
        return asset

    def promote(self, asset_id: str) -> Asset:
        """Make the asset's original a master."""
        answer = self.call("POST", f"/v1/assets/{asset_id}/promote", timeout_s=30.0)
        return Asset.from_json(promised(answer, 200).json())

    def remake(self, asset_id: str) -> Asset:
        """Ask for a lost preview to be made again."""
        return Asset.from_json(promised(self.call("POST", f"/v1/assets/{asset_id}/preview"), 202).json())

    def playback(self, asset_id: str, variant: str = "preview", lifetime_s: int | None = None) -> Playback:
        """Take a signed link."""
        asked: dict[str, Any] = {"variant": variant} | ({} if lifetime_s is None else {"lifetime_s": lifetime_s})
        return Playback.from_json(
            promised(self.call("POST", f"/v1/assets/{asset_id}/playback", json=asked), 201).json()
        )

    def delete(self, asset_id: str) -> HttpAnswer:
        """Ask for the removal of an asset once; 409 while its master is retained."""
        return self.call("DELETE", f"/v1/assets/{asset_id}", timeout_s=30.0)

    def remove(self, asset_id: str, within_s: float = 30.0) -> None:
        """Remove an asset for good, within `within_s` of its master's retention; one that is gone already is fine.

        A retention is waited for up to `LONGEST_RETENTION_S`.
        """
        wait = partial(eventually, every_s=0.25, what=f"asset {asset_id} removed", where="api")
        answer = wait(lambda: self._deleted(asset_id, or_retained=True), within_s=within_s)
        if answer.status == 409:
            wait(lambda: self._deleted(asset_id), within_s=within_s + _retained_s(answer))

    def _deleted(self, asset_id: str, *, or_retained: bool = False) -> HttpAnswer:
        answer = self.delete(asset_id)
        if answer.status in {204, 404} or (or_retained and _retained_s(answer)):
            return answer
        raise unpromised(answer, 204, "api")

    def _store(self, url: str, content: bytes, headers: Mapping[str, str], timeout_s: float) -> HttpAnswer:
        return self.client.http.request("PUT", url, data=content, headers=headers, timeout_s=timeout_s)


def announcement(
    title: str, content: bytes, *, filename: str = "clip.mp4", content_type: str = "video/mp4"
) -> dict[str, Any]:
    """Return what POST /v1/assets takes to announce a file."""
    sha256 = hashlib.sha256(content).hexdigest()
    named = {"title": title, "filename": filename, "content_type": content_type}
    return {**named, "size_bytes": len(content), "sha256": sha256}


def promised(answer: HttpAnswer, status: int, where: str = "api") -> HttpAnswer:
    """Return the answer if it has the promised status, else raise Failure with what it says instead."""
    if answer.status != status:
        raise unpromised(answer, status, where)
    return answer


def unpromised(answer: HttpAnswer, status: int, where: str) -> Failure:
    """Describe an answer that has another status than was promised."""
    said = answer.error or f"{answer.status} {one_line(without_queries(answer.text))}"
    return Failure(f"{status} from {answer.asked}", said, where)


def _retained_s(answer: HttpAnswer) -> float:
    """Return how long a master is retained yet, as the refusal to remove it tells, and at most `LONGEST_RETENTION_S`."""
    until = answer.json().get("retained_until") if answer.status == 409 else None
    if until is None:
        return 0.0
    left = shaped("the end of a retention", lambda: moment(until)) - datetime.now(UTC)
    return min(max(0.0, left.total_seconds()), LONGEST_RETENTION_S)


def _items(page: Mapping[str, Any]) -> list[Asset]:
    return [Asset.from_json(item) for item in page["items"]]
