"""What a profile declares of the world around the environment: a cloud's network, and keys of external services."""

import datetime as dt
import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from seatrial.profile_types import BaseUrl, Section

_TRUSTED = re.compile(r"^(droplet|k8s|ip_addr|tag|app):\S+$")
_URN = re.compile(r"^do:[a-z]+:\S+$")
_PORTS = re.compile(r"^(\d{1,5}(-\d{1,5})?|all|)$")


def _network(value: str) -> str:
    return str(ipaddress.ip_network(value, strict=True))


def _trusted(value: str) -> str:
    if not _TRUSTED.match(value):
        raise ValueError("a trusted source is droplet:ID, k8s:ID, app:ID, tag:NAME or ip_addr:ADDRESS")
    if value.startswith("ip_addr:"):
        _network(value.removeprefix("ip_addr:"))
    return value


def _urn(value: str) -> str:
    if not _URN.match(value):
        raise ValueError("a member is named by its URN, such as do:dbaas:UUID")
    return value


def _ports(value: str) -> str:
    if not _PORTS.match(value):
        raise ValueError('ports are "443", "8000-9000" or "all"')
    return value


Network = Annotated[str, AfterValidator(_network)]


class FirewallRule(Section):
    """One rule of a cloud firewall; every peer stands beside its kind.

    Attributes:
        ports: "443", "8000-9000" or "all"; icmp has none.
        addresses: networks that may be met.
        tags: names of tags whose machines may be met.
        droplets: ids of machines that may be met.
        load_balancers: ids of balancers that may be met.
        kubernetes: ids of clusters that may be met.
    """

    protocol: Literal["tcp", "udp", "icmp"]
    ports: Annotated[str, AfterValidator(_ports)] = ""
    addresses: tuple[Network, ...] = ()
    tags: tuple[str, ...] = ()
    droplets: tuple[int, ...] = ()
    load_balancers: tuple[str, ...] = ()
    kubernetes: tuple[str, ...] = ()


class CloudFirewall(Section):
    """A firewall: its rules and what it guards."""

    id: str
    inbound: tuple[FirewallRule, ...] = ()
    outbound: tuple[FirewallRule, ...] = ()
    tags: tuple[str, ...] = ()
    droplets: tuple[int, ...] = ()


class CloudDatabase(Section):
    """A database cluster and who may connect to it; an empty list would mean everybody."""

    id: str
    trusted: tuple[Annotated[str, AfterValidator(_trusted)], ...] = Field(min_length=1)


class CloudVpc(Section):
    """The private network: its range and exactly who is in it."""

    id: str
    range: Network
    members: tuple[Annotated[str, AfterValidator(_urn)], ...]


class CloudSection(Section):
    """A cloud account as far as this environment lives in it.

    Attributes:
        endpoint: the API; another one than the vendor's for a stand-in.
        ca: what signs the endpoint's certificate, if the machine does not trust it.
        app: id of the app in App Platform.
        databases: name -> cluster.
        firewalls: name -> firewall.
    """

    endpoint: BaseUrl = "https://api.digitalocean.com"
    ca: Path | None = None
    app: str | None = None
    vpc: CloudVpc
    databases: dict[str, CloudDatabase] = Field(default_factory=dict)
    firewalls: dict[str, CloudFirewall] = Field(default_factory=dict)


class External(Section):
    """A key of an external service; the key itself is a credential of the level `exercise`.

    Attributes:
        credential: its name in [credentials.exercise].
        endpoint: the service: host:port for smtp, a base URL for digitalocean; s3 has [s3], the others stand in their key.
        ca: what signs the endpoint's certificate, if the machine does not trust it.
        scope: everything that the key may do, in the words of the check that asks.
        issued: the day when the key was made, where the service does not tell.
        max_age_days: how old it may become.
        two_keys: the service takes two keys at once, so that one can be replaced while the other works.
    """

    kind: Literal["digitalocean", "s3", "sentry", "slack", "smtp"]
    credential: str
    endpoint: str = ""
    ca: Path | None = None
    scope: tuple[str, ...] = Field(min_length=1)
    issued: dt.date | None = None
    max_age_days: int | None = Field(default=None, ge=1)
    two_keys: bool = False

    @model_validator(mode="after")
    def _mail_has_an_address(self) -> "External":
        if self.kind == "smtp" and not re.fullmatch(r"[^\s:/]+:\d{1,5}", self.endpoint):
            raise ValueError("endpoint of a mail server is HOST:PORT")
        return self
