"""Read the services' environment variables, typed, and report every mistake at once.

Any variable `VAR` may be given as `VAR_FILE`, the path of a file that holds the value (for mounted secrets). Secrets that
come this way may be replaced while the service runs.
A service declares a frozen dataclass and fills it from one `Reader`:

    reader = Reader(os.environ)
    settings = ApiSettings(service=read_service(reader), database=read_database(reader))
    reader.finish()      # raises ConfigError naming every missing or malformed variable
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from system.common.live import Live

__all__ = [
    "ConfigError",
    "DatabaseSettings",
    "KeyRing",
    "Reader",
    "RedisSettings",
    "Sentinels",
    "ServiceSettings",
    "StorageSettings",
    "read_database",
    "read_redis",
    "read_service",
    "read_storage",
]

T = TypeVar("T")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
SHORTEST_KEY_BYTES = 32  # RFC 7518, section 3.2: an HS256 key is no shorter than the hash


class ConfigError(Exception):
    """Say which variables are wrong; `problems` holds one line for each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("configuration is not usable:\n" + "\n".join(f"  {line}" for line in problems))


@dataclass(frozen=True)
class KeyRing:
    """Hold the keys of one purpose; `active` signs, all verify (two during a rotation)."""

    active: str
    keys: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Read `{"active": "k1", "keys": {"k1": "<hex>"}}`, or one bare key, which gets the id `k1`.

        Raises ValueError, which never quotes a key.
        """
        if not text.startswith("{"):
            return cls("k1", {"k1": cls._long_enough("k1", text.encode())})
        try:
            document = json.loads(text)
            active, encoded = document["active"], document["keys"]
            keys = {kid: cls._long_enough(kid, bytes.fromhex(value)) for kid, value in encoded.items()}
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
            raise ValueError('expected {"active": "<key id>", "keys": {"<key id>": "<hex>"}}') from None
        if active not in keys:
            raise ValueError(f"the active key {active!r} is not among the keys")
        return cls(active, keys)

    @staticmethod
    def _long_enough(kid: str, key: bytes) -> bytes:
        if not KEY_ID.fullmatch(kid):
            raise ValueError("a key id is 1 to 32 letters, digits, '-' or '_'")
        if len(key) < SHORTEST_KEY_BYTES:
            raise ValueError(f"key {kid!r} is shorter than {SHORTEST_KEY_BYTES} bytes")
        return key


class Reader:
    """Read variables one by one, collecting what is wrong; call `finish` before using any value."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._problems: list[str] = []

    def finish(self) -> None:
        """Raise ConfigError when any variable read so far was missing or malformed."""
        if self._problems:
            raise ConfigError(self._problems)

    def text(self, name: str, default: str | None = None) -> str:
        """Read a variable that must not be empty."""
        value, path = self._environ.get(name, ""), self._environ.get(f"{name}_FILE", "")
        if value and path:
            self._problems.append(f"{name}: give {name} or {name}_FILE, not both")
        elif path:
            try:
                value = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                self._problems.append(f"{name}: {name}_FILE {path}: {_reason(error)}")
                return ""
            if not value:
                self._problems.append(f"{name}: {name}_FILE {path} is empty")
        elif not value:
            if default is None:
                self._problems.append(f"{name}: is missing (set {name} or {name}_FILE)")
            return default or ""
        return value

    def integer(self, name: str, default: int | None = None, *, at_least: int = 0, at_most: int = 2**53) -> int:
        """Read a decimal integer within bounds."""
        text = self.text(name, None if default is None else str(default))
        if not text:
            return 0
        if not re.fullmatch(r"[0-9]{1,16}", text) or not at_least <= int(text) <= at_most:
            self._problems.append(f"{name}: expected an integer from {at_least} to {at_most}, got {text!r}")
            return 0
        return int(text)

    def share(self, name: str, default: str | None = None) -> float:
        """Read a decimal number from 0 to 1."""
        text = self.text(name, default)
        if text and not re.fullmatch(r"0(\.[0-9]{1,9})?|1(\.0{1,9})?", text):
            self._problems.append(f"{name}: expected a number from 0 to 1, got {text!r}")
            return 0.0
        return float(text or 0)

    def choice(self, name: str, options: tuple[str, ...], default: str | None = None) -> str:
        """Read one of a few words."""
        text = self.text(name, default)
        if text and text not in options:
            self._problems.append(f"{name}: expected one of {', '.join(options)}, got {text!r}")
        return text

    def url(self, name: str, schemes: tuple[str, ...], default: str | None = None) -> str:
        """Read a URL of one of the schemes; a password inside it is refused, since URLs end up in logs."""
        text = self.text(name, default)
        if not text:
            return ""
        parts = urlsplit(text)
        if parts.scheme not in schemes or not parts.hostname:
            self._problems.append(f"{name}: expected a URL with scheme {' or '.join(schemes)}")
        elif parts.password is not None:
            self._problems.append(f"{name}: must not hold a password; give it in a variable of its own")
        return text

    def origin(self, name: str) -> str:
        """Read an https origin, `https://host[:port]` in lower case without a path."""
        text = self.url(name, ("https", "http"))
        parts = urlsplit(text)
        if text and (parts.path or parts.query or parts.username or text != text.lower()):
            self._problems.append(f"{name}: expected an origin like https://host:port in lower case, got {text!r}")
        return text

    def file(self, name: str) -> Path:
        """Read the path of a file that exists."""
        path = Path(self.text(name))
        if path.parts and not path.is_file():
            self._problems.append(f"{name}: no such file: {path}")
        return path

    def parsed(self, name: str, parse: Callable[[str], T], *, default: str | None = None) -> T | None:
        """Read a variable through `parse`, whose ValueError becomes the reported problem."""
        text = self.text(name, default)
        if not text:
            return None
        try:
            return parse(text)
        except ValueError as error:
            self._problems.append(f"{name}: {error}")
            return None

    def keys(self, name: str) -> Live[KeyRing]:
        """Read a ring of signing keys."""
        ring = self.parsed(name, KeyRing.parse) or KeyRing("", {})
        return Live(ring, lambda texts: KeyRing.parse(texts[0]), self._files(name))

    def passwords(self, name: str) -> Live[tuple[str, ...]]:
        """Read a password, or during its rotation the old and the new one, a line each."""
        first = tuple(self.text(name).splitlines()) or ("",)
        return Live(first, lambda texts: tuple(texts[0].splitlines()), self._files(name))

    def key_pair(self, access: str, secret: str) -> Live[tuple[str, str]]:
        """Read an access key and its secret key, which are replaced together."""
        first = self.text(access), self.text(secret)
        return Live(first, _pair, self._files(access, secret))

    def _files(self, *names: str) -> list[Path]:
        paths = [self._environ.get(f"{name}_FILE", "") for name in names]
        return [Path(path) for path in paths] if all(paths) else []


def _pair(texts: Sequence[str]) -> tuple[str, str]:
    access, secret = texts
    return access, secret


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "is not UTF-8 text"


@dataclass(frozen=True)
class ServiceSettings:
    """Say which instance this is, where it listens, and, where there are any, the collectors of its errors and its spans.

    `traces_ratio` is the share of traces that are collected where no caller has decided.
    """

    service: str
    instance: str
    release: str
    listen_host: str
    listen_port: int
    log_level: str
    errors_url: str = ""
    traces_url: str = ""
    traces_ratio: float = 1.0


@dataclass(frozen=True)
class DatabaseSettings:
    """Say how to reach Postgres."""

    url: str
    passwords: Live[tuple[str, ...]] = field(repr=False)


@dataclass(frozen=True)
class Sentinels:
    """Say who knows where the primary is at the moment; `name` is what they call it."""

    name: str
    places: tuple[tuple[str, int], ...]

    @classmethod
    def parse(cls, text: str) -> "Sentinels":
        """Read `name@host:port,host:port,host:port`; raises ValueError."""
        found = re.fullmatch(r"([A-Za-z0-9._-]+)@(.+)", text)
        places = [place.rpartition(":") for place in found[2].split(",")] if found else []
        if not found or not all(host and re.fullmatch(r"[1-9][0-9]{0,4}", port) for host, _, port in places):
            raise ValueError(f"expected name@host:port,host:port, got {text!r}")
        return cls(found[1], tuple((host, int(port)) for host, _, port in places))


@dataclass(frozen=True)
class RedisSettings:
    """Say how to reach Redis; `ca` is the PEM file that a rediss:// server is verified with.

    With `sentinels`, they say where the primary is, and of the URL only scheme, user and database count.
    """

    url: str
    passwords: Live[tuple[str, ...]] = field(repr=False)
    ca: Path | None
    sentinels: Sentinels | None = None


@dataclass(frozen=True)
class StorageSettings:
    """Say how to reach the object store; `public_endpoint` is the one that presigned URLs name."""

    endpoint: str
    public_endpoint: str
    region: str
    key_pair: Live[tuple[str, str]] = field(repr=False)
    staging: str
    masters: str
    previews: str


def read_service(reader: Reader, service: str) -> ServiceSettings:
    """Read what every service needs."""
    return ServiceSettings(
        service=reader.choice("SERVICE", (service,), service),
        instance=reader.text("INSTANCE", f"{service}-1"),
        release=reader.text("RELEASE"),
        listen_host=reader.text("LISTEN_HOST"),
        listen_port=reader.integer("LISTEN_PORT", at_least=1, at_most=65535),
        log_level=reader.choice("LOG_LEVEL", LOG_LEVELS, "INFO"),
        errors_url=reader.url("ERRORS_URL", ("https", "http"), ""),
        traces_url=reader.url("TRACES_URL", ("https", "http"), ""),
        traces_ratio=reader.share("TRACES_RATIO", "1"),
    )


def read_database(reader: Reader) -> DatabaseSettings:
    """Read DATABASE_URL (without a password) and DATABASE_PASSWORD."""
    return DatabaseSettings(
        url=reader.url("DATABASE_URL", ("postgresql", "postgres")), passwords=reader.passwords("DATABASE_PASSWORD")
    )


def read_redis(reader: Reader) -> RedisSettings:
    """Read REDIS_URL, REDIS_PASSWORD, for rediss:// REDIS_CA, and REDIS_SENTINELS where the primary may change its address."""
    url = reader.url("REDIS_URL", ("rediss", "redis"))
    ca = reader.file("REDIS_CA") if url.startswith("rediss:") else None
    return RedisSettings(
        url=url,
        passwords=reader.passwords("REDIS_PASSWORD"),
        ca=ca,
        sentinels=reader.parsed("REDIS_SENTINELS", Sentinels.parse, default=""),
    )


def read_storage(reader: Reader, *, buckets: tuple[str, ...], presigns: bool = False) -> StorageSettings:
    """Read S3_* and the bucket names that the service uses, a selection of staging, masters and previews.

    Only one that `presigns` needs to know what the store is called outside.
    """
    endpoint = reader.url("S3_ENDPOINT", ("https", "http"))
    names = {name: reader.text(f"BUCKET_{name.upper()}") if name in buckets else "" for name in _BUCKETS}
    return StorageSettings(
        endpoint=endpoint,
        public_endpoint=reader.url("S3_PUBLIC_ENDPOINT", ("https", "http"), endpoint) if presigns else endpoint,
        region=reader.text("S3_REGION"),
        key_pair=reader.key_pair("S3_ACCESS_KEY", "S3_SECRET_KEY"),
        staging=names["staging"],
        masters=names["masters"],
        previews=names["previews"],
    )


_BUCKETS = ("staging", "masters", "previews")
