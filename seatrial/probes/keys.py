"""What a key of an external service may do, asked so that nothing is made, sent or stored."""

import smtplib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from seatrial.probes import cloud, http
from seatrial.probes.text import describe, one_line
from seatrial.scope import Credential, Meter

TIMEOUT_S = 10.0
# Reading calls, and creating ones whose empty body no API can carry out: 422 where the token might, 403 where it may not.
_DIGITALOCEAN: dict[str, tuple[str, tuple[Any, ...]]] = {
    "account:read": ("account.get", ()),
    "app:read": ("apps.list", ()),
    "database:read": ("databases.list_clusters", ()),
    "droplet:read": ("droplets.list", ()),
    "firewall:read": ("firewalls.list", ()),
    "vpc:read": ("vpcs.list", ()),
    "app:create": ("apps.create", ({},)),
    "database:create": ("databases.create_cluster", ({},)),
    "droplet:create": ("droplets.create", ({},)),
    "firewall:create": ("firewalls.create", ({},)),
    "vpc:create": ("vpcs.create", ({},)),
}


@dataclass(frozen=True)
class Right:
    """One thing that a key might do.

    Attributes:
        allowed: None when no answer told.
        said: what the service answered; never the key.
    """

    name: str
    allowed: bool | None
    said: str


def digitalocean(client: Any, meter: Meter) -> list[Right]:
    """Ask what a token may read, and whether it might create."""
    rights = []
    for name, (operation, arguments) in _DIGITALOCEAN.items():
        answer = cloud.call(client, meter, operation, *arguments)
        told = answer.status is not None and answer.status < 500 and answer.status != 429
        rights.append(Right(name, answer.status not in {401, 403} if told else None, str(answer)))
    return rights


def smtp(endpoint: str, ca: Path | None, key: Credential, meter: Meter) -> list[Right]:
    """Sign in over TLS and do nothing (NOOP); no mail is begun."""
    host, _, port = endpoint.partition(":")
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    meter.add(connections=1)
    try:
        implicit = port == "465"
        server = (
            smtplib.SMTP_SSL(host, int(port), timeout=TIMEOUT_S, context=context)
            if implicit
            else smtplib.SMTP(host, int(port or 587), timeout=TIMEOUT_S)
        )
        with server:
            if not implicit:
                server.starttls(context=context)
            server.login(key.user, key.password)
            code, _ = server.noop()
            return [Right("login", code == 250, f"NOOP answered {code}")]
    except smtplib.SMTPAuthenticationError as error:
        return [Right("login", False, f"login answered {error.smtp_code}")]
    except smtplib.SMTPNotSupportedError as error:
        return [Right("login", False, one_line(error))]  # no STARTTLS, or no AUTH: such a key serves nobody
    except (smtplib.SMTPException, OSError) as error:
        return [Right("login", None, describe(error))]


def slack(client: httpx2.Client, key: Credential, meter: Meter) -> list[Right]:
    """Send a webhook a payload without a text: it is refused as such (400) by one that works, and nothing is posted."""
    answer = http.request(client, "POST", key.password, meter=meter, headers=_JSON, content=b"{}", timeout_s=TIMEOUT_S)
    return [_told("post", answer, {400}, {401, 403, 404, 410})]


def sentry(client: httpx2.Client, key: Credential, meter: Meter) -> list[Right]:
    """Send a DSN's project an envelope without an item: accepted where the key is good, and nothing is stored."""
    dsn = urlsplit(key.password)
    base, _, project = dsn.path.rpartition("/")
    port = f":{dsn.port}" if dsn.port else ""
    url = f"{dsn.scheme}://{dsn.hostname}{port}{base}/api/{project}/envelope/"
    headers = {
        "Content-Type": "application/x-sentry-envelope",
        "X-Sentry-Auth": f"Sentry sentry_version=7, sentry_client=seatrial/1, sentry_key={dsn.username}",
    }
    answer = http.request(client, "POST", url, meter=meter, headers=headers, content=b"{}\n", timeout_s=TIMEOUT_S)
    return [_told("store", answer, {200}, {401, 403, 404})]


_JSON = {"Content-Type": "application/json"}


def _told(name: str, answer: http.HttpAnswer, good: set[int], refused: set[int]) -> Right:
    # The answer's own text names the address, which for a webhook is the key.
    said = f"{answer.status} {one_line(answer.text)[:60]}" if answer.status else answer.error or "no answer"
    allowed = True if answer.status in good else False if answer.status in refused else None
    return Right(name, allowed, said.strip())
