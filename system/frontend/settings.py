"""Read what the frontend needs from its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from system.common.client import PRIVATE_NETWORKS, Networks, parse_networks
from system.common.config import Reader, ServiceSettings, read_service

__all__ = ["FrontendSettings", "read_settings"]


@dataclass(frozen=True)
class FrontendSettings:
    """Hold the frontend's configuration; origins are `https://host[:port]`.

    Attributes:
        api_urls: the api's instances, asked directly.
        s3_origin: where the browser uploads to.

    """

    service: ServiceSettings
    api_urls: tuple[str, ...]
    app_origin: str
    play_origin: str
    s3_origin: str
    trusted_proxies: Networks


def read_settings(environ: Mapping[str, str]) -> FrontendSettings:
    """Read every variable, then raise ConfigError once for all that are wrong."""
    reader = Reader(environ)
    settings = FrontendSettings(
        service=read_service(reader, "frontend"),
        api_urls=reader.parsed("API_INTERNAL_URL", _urls) or (),
        app_origin=reader.origin("APP_ORIGIN"),
        play_origin=reader.origin("PLAY_ORIGIN"),
        s3_origin=reader.origin("S3_PUBLIC_ENDPOINT"),
        trusted_proxies=reader.parsed("TRUSTED_PROXIES", parse_networks, default=PRIVATE_NETWORKS) or (),
    )
    reader.finish()
    return settings


def _urls(text: str) -> tuple[str, ...]:
    urls = tuple(part.strip().rstrip("/") for part in text.split(","))
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.password is not None:
            raise ValueError("expected URLs like http://host:port, separated by commas and without passwords")
    return urls
