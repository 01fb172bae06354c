"""The vendor's API by pydo: what may be repeated is, what happened is never guessed, and the token is never told.

Two habits of the client are undone here. A 404 comes back as if it were an answer. And its pipeline repeats a POST after
a 500, 503 or 504, which could create an app or a deployment twice.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline.transport import RequestsTransport
from pydo import Client

from system.platforms.digitalocean.ending import ApiError

ENDPOINT = "https://api.digitalocean.com"
TIMEOUT_S = 30.0
TRIES = 5
FIRST_PAUSE_S = 1.0
# A burst is over within a minute; the hourly limit is not worth a deployment's waiting.
LONGEST_PAUSE_S = 120.0
PER_PAGE = 100
_REPEATABLE = (429, 500, 502, 503, 504)


class Api:
    """One account.

    Args:
        token: goes into the Authorization header, over TLS alone, and nowhere else.
        ca: what signs the endpoint's certificate, if the machine does not trust it.
        pause: waits some seconds.
    """

    def __init__(
        self,
        token: str,
        endpoint: str = ENDPOINT,
        ca: Path | None = None,
        *,
        pause: Callable[[float], None] = time.sleep,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._token, self.pause = token, pause
        self._client: Any = Client(
            token,
            endpoint=endpoint,
            retry_total=0,
            timeout=int(timeout_s),
            transport=RequestsTransport(
                use_env_settings=False,
                connection_verify=str(ca) if ca else True,
                connection_timeout=timeout_s,
                read_timeout=timeout_s,
            ),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def read(self, operation: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Ask for something ("apps.get"); limits and the server's failures are waited out."""
        return self._repeat(_REPEATABLE, operation, *arguments, **options)

    def change(self, operation: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Change something; repeated only after a 429, which says that nothing was done."""
        try:
            return self._repeat((429,), operation, *arguments, **options)
        except ApiError as error:
            if error.status is None or error.status >= 500:
                raise ApiError(f"{error}; it may have been done all the same: ask `status`", error.status) from None
            raise

    def pages(self, operation: str, key: str, *arguments: Any) -> Iterator[dict[str, Any]]:
        """Give every row of a list, page after page."""
        page = 1
        while True:
            data = self.read(operation, *arguments, per_page=PER_PAGE, page=page)
            yield from data.get(key) or []
            if not ((data.get("links") or {}).get("pages") or {}).get("next"):
                return
            page += 1

    def _repeat(self, statuses: tuple[int, ...], operation: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        pause_s = FIRST_PAUSE_S
        for turn in range(1, TRIES + 1):
            try:
                return self._once(operation, *arguments, **options)
            except _RefusedError as refused:
                unanswered = refused.status is None and 500 in statuses
                wait_s = pause_s if refused.after_s is None else refused.after_s
                if turn == TRIES or not (refused.status in statuses or unanswered) or wait_s > LONGEST_PAUSE_S:
                    asked = f", asks for {wait_s:g} s" if wait_s > LONGEST_PAUSE_S else ""
                    tried = f" after {turn} tries" if turn > 1 else ""
                    raise ApiError(f"{operation}: {refused}{asked}{tried}", refused.status) from None
                self.pause(wait_s)
                pause_s *= 2
        raise AssertionError("unreachable")

    def _once(self, operation: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        answers: list[Any] = []
        group, _, method = operation.partition(".")
        try:
            data = getattr(getattr(self._client, group), method)(
                *arguments, raw_response_hook=lambda pipeline: answers.append(pipeline.http_response), **options
            )
        except HttpResponseError as error:
            # A call without a body may be answered with 204, which the client does not expect of every call.
            if error.status_code == 204:
                return {}
            raise self._refused(error.status_code, _said(error), answers) from None
        except AzureError as error:
            raise self._refused(None, str(error), answers) from None
        except ValueError as error:
            raise self._refused(None, f"no JSON: {error}", answers) from None
        if answers and answers[-1].status_code >= 400:
            said = data.get("message", "") if isinstance(data, Mapping) else ""
            raise self._refused(answers[-1].status_code, str(said), answers)
        if data is not None and not isinstance(data, Mapping):
            raise self._refused(None, "the answer is no object", answers)
        return dict(data or {})

    def _refused(self, status: int | None, message: str, answers: list[Any]) -> "_RefusedError":
        line = " ".join(message.split())[:300].replace(self._token, "(token)")
        after = answers[-1].headers.get("Retry-After", "") if answers and status in _REPEATABLE else ""
        return _RefusedError(
            f"{status or 'no answer'} {line}".strip(), status, float(after) if after.isdigit() else None
        )


class _RefusedError(Exception):
    def __init__(self, message: str, status: int | None, after_s: float | None) -> None:
        super().__init__(message)
        self.status, self.after_s = status, after_s


def _said(error: HttpResponseError) -> str:
    """Return what the vendor says in its own words, where it does."""
    response: Any = error.response
    try:
        body = response.json() if response is not None else None
    except ValueError:
        body = None
    return (
        str(body["message"]) if isinstance(body, dict) and body.get("message") else str(error.reason or error.message)
    )
