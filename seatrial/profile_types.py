"""What the values in a profile are made of."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from seatrial.outcome import Level

REFERENCE = re.compile(r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|sops:.+#.+)$")


def _level(value: object) -> Level:
    if isinstance(value, Level):
        return value
    return Level.parse(str(value))


def _reference(value: str) -> str:
    if not REFERENCE.match(value):
        raise ValueError("a secret is named by reference, never inline: env:NAME, file:PATH or sops:PATH#KEY")
    return value


def _reason(value: str) -> str:
    if not value.strip():
        raise ValueError("a reason that says something")
    return value.strip()


def _address(value: str) -> str:
    return str(ipaddress.ip_address(value))


def _place(value: str) -> str:
    address, _, port = value.rpartition(":")
    if not (port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError("an address and a port, such as 10.0.0.2:53")
    return f"{_address(address)}:{int(port)}"


def _base_url(value: str) -> str:
    if any(mark in value for mark in "@?#"):
        raise ValueError("a base URL holds no user, password, query or fragment: every report shows it")
    parts = urlsplit(value)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.path not in {"", "/"} or parts.port == 0:
        raise ValueError("a base URL such as https://api.example.com, without a path")
    return value.rstrip("/")


Impact = Annotated[Level, BeforeValidator(_level)]
SecretRef = Annotated[str, AfterValidator(_reference)]
Reason = Annotated[str, AfterValidator(_reason)]
Address = Annotated[str, AfterValidator(_address)]
Place = Annotated[str, AfterValidator(_place)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]


class Section(BaseModel):
    """A table of a profile: read-only, and no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)
