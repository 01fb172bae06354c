"""DigitalOcean's API by its own client, with answers as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatrial.probes.text import describe, one_line
from seatrial.scope import Meter

TIMEOUT_S = 10.0
RETRIES = 2
RETRY_PAUSE_S = 0.2


@dataclass(frozen=True)
class CloudAnswer:
    """One call.

    Attributes:
        status: the HTTP status; None when nothing answered, or no JSON.
        error: one line when not ok; empty otherwise.
        data: the parsed answer.
    """

    call: str
    status: int | None
    error: str = ""
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def ok(self) -> bool:
        """The API did it."""
        return not self.error

    def __str__(self) -> str:
        return f"{self.call}: {self.error or self.status}"


def client(endpoint: str, ca: Path | None, token: str, *, retries: int = RETRIES, timeout_s: float = TIMEOUT_S) -> Any:
    """Return pydo's client; it is imported here, and sends its token over TLS alone."""
    from azure.core.pipeline.policies import RetryPolicy  # noqa: PLC0415 - most checks need no cloud
    from azure.core.pipeline.transport import RequestsTransport  # noqa: PLC0415
    from pydo import Client  # noqa: PLC0415

    class Few(RetryPolicy[Any, Any]):
        """Tries again soon: an API that asks for an hour (Retry-After) is not waited for."""

        def get_retry_after(self, response: Any) -> float | None:
            del response
            return None

    return Client(
        token,
        endpoint=endpoint,
        timeout=int(timeout_s),
        retry_policy=Few(retry_total=retries, retry_backoff_factor=RETRY_PAUSE_S, retry_backoff_max=1),
        transport=RequestsTransport(
            use_env_settings=False,
            connection_verify=str(ca) if ca else True,
            connection_timeout=timeout_s,
            read_timeout=timeout_s,
        ),
    )


def call(client: Any, meter: Meter, operation: str, *arguments: Any, **options: Any) -> CloudAnswer:
    """Make one call ("vpcs.get") and return what the API answered or refused."""
    from azure.core.exceptions import AzureError, HttpResponseError  # noqa: PLC0415

    statuses: list[int] = []

    def seen(pipeline: Any) -> None:
        statuses.append(pipeline.http_response.status_code)

    group, _, method = operation.partition(".")
    meter.add(requests=1)
    try:
        data = getattr(getattr(client, group), method)(*arguments, raw_response_hook=seen, **options)
    except HttpResponseError as error:
        status = error.status_code or (statuses[-1] if statuses else None)
        return CloudAnswer(operation, status, one_line(f"{status} {error.reason or error.message}"))
    except AzureError as error:
        return CloudAnswer(operation, None, describe(error))
    except ValueError as error:
        return CloudAnswer(operation, None, one_line(f"no JSON: {error}"))
    status = statuses[-1] if statuses else None
    if status is not None and status >= 400:  # the client returns a 404's body as if it were an answer
        said = data.get("message", "") if isinstance(data, Mapping) else ""
        return CloudAnswer(operation, status, one_line(f"{status} {said}"))
    if data is not None and not isinstance(data, Mapping):
        return CloudAnswer(operation, None, one_line(f"not an object: {data!r}"))
    return CloudAnswer(operation, status, "", data or {})
