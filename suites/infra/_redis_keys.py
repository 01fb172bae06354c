"""Which keys may be in Redis, by the committed declaration, and which are."""

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from seatrial import Observe

DECLARED = Path(__file__).with_name("redis_keys.toml")
_PAGE = 500
# PTTL's words for a key that has gone meanwhile, and for one without a time to live.
GONE, FOREVER = -2, -1


@dataclass(frozen=True)
class Namespace:
    """Keys that are meant to be there: one by its name, or all with a beginning; `longest_ttl_s` where one is due."""

    name: str
    longest_ttl_s: int | None = None

    def holds(self, key: str) -> bool:
        """Say whether the key lies in it; the beginning alone is not enough, there must be a name behind it."""
        if self.name.endswith("*"):
            return key.startswith(self.name[:-1]) and len(key) > len(self.name) - 1
        return key == self.name


def declared(path: Path = DECLARED) -> list[Namespace]:
    """Read the committed declaration."""
    return [Namespace(name, row.get("longest_ttl_s")) for name, row in tomllib.loads(path.read_text()).items()]


def namespace_of(key: str, namespaces: Iterable[Namespace]) -> Namespace | None:
    """Return the namespace that the key lies in."""
    return next((each for each in namespaces if each.holds(key)), None)


def keys(observe: Observe) -> Iterator[str]:
    """Give the name of every key, each once (SCAN), without stopping the server as KEYS does."""
    seen, cursor = set[str](), 0
    while True:
        cursor, page = observe.redis.read("SCAN", cursor, "COUNT", _PAGE)
        for key in page:
            if key not in seen:
                seen.add(key)
                yield key
        cursor = int(cursor)
        if cursor == 0:
            return


def wrong_ttl(ttl_ms: int, due: Namespace) -> str:
    """Return what is wrong with a key's time to live, or an empty text."""
    if due.longest_ttl_s is None or ttl_ms == GONE:
        return ""
    if ttl_ms == FOREVER:
        return "no time to live"
    return f"{ttl_ms / 1000:.0f} s to live" if ttl_ms > due.longest_ttl_s * 1000 else ""
