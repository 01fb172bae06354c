"""Redis as a handle offers it: reading, and attempts to connect."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import redis as driver

from seatrial.errors import HarnessError, Invalid, Unanswered
from seatrial.probes import redis
from seatrial.probes.redis import RedisAnswer, Watched
from seatrial.scope import Door, RedisPlace, Scope

# What `read` sends: commands that change nothing, containers by subcommand. The server's ACL is the real guard at
# `observe`; this list keeps a stronger handle from writing without an inverse.
_PLAIN = (
    "dbsize echo exists expiretime get getrange hexists hget hgetall hkeys hlen hmget hscan hvals info lastsave lindex "
    "llen lrange mget ping pttl randomkey role scan scard sismember smembers sscan strlen time ttl type xlen xpending "
    "xrange xrevrange zcard zcount zrange zrank zscan zscore"
)
_CONTAINED = {
    "acl": "cat dryrun getuser list log users whoami",
    "client": "info list",
    "command": "info list",
    "config": "get",
    "latency": "latest",
    "memory": "stats usage",
    "object": "encoding freq idletime refcount",
    "slowlog": "get len",
    "xinfo": "consumers groups stream",
}
READS = {(word,) for word in _PLAIN.split()} | {
    (word, sub) for word, subs in _CONTAINED.items() for sub in subs.split()
}
_CALLERS_FAULT = ("unknown command", "wrong number of arguments", "syntax error", "unknown subcommand")


def place(scope: Scope) -> RedisPlace:
    """Return where Redis answers; raises Invalid when the profile names none."""
    if scope.profile.redis is None:
        raise Invalid("the profile names no [redis]")
    return scope.profile.redis


def own_client(scope: Scope, *, decode: bool = True, at: str | None = None) -> Any:
    """Return this process's redis-py client of the primary with the level's own credential; untyped, as most commands are.

    It follows a failover when its connection to the old primary ends. `at` names one server or Sentinel instead.
    """
    own = scope.credentials("redis")
    key = ("redis", own.user, decode, at)
    if key not in scope.clients:
        scope.meter.add(connections=1)
        there, user = place(scope), (own.user, own.password)
        client = (
            redis.connect(redis.Node.at(_door(scope, at), there), *user, decode=decode)
            if at
            else redis.follow(there, *user, decode=decode)
        )
        scope.clients[key] = client
    return scope.clients[key]


def _door(scope: Scope, name: str) -> Door:
    """Return where a server or a Sentinel answers; raises HarnessError naming those there are."""
    there = place(scope)
    doors = {there.host: there, **there.replicas, **there.sentinels}
    if name not in doors:
        raise HarnessError(f"the profile names no redis server or sentinel {name!r} (there are: {', '.join(doors)})")
    return doors[name]


@dataclass(frozen=True)
class PendingEntry:
    """One entry that a consumer was given and has not acknowledged; `idle_s` since it was last given or renewed."""

    id: str
    consumer: str
    idle_s: float
    deliveries: int

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


class ObserveRedis:
    """Read-only commands with the level's own credential, and connection attempts with any.

    Commands go to the primary, or to the server or Sentinel `at`: a replica or a Sentinel by its name, the declared endpoint by
    its host. A server that cannot be reached or refuses raises Unanswered (a Failure).
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    @property
    def servers(self) -> tuple[str, ...]:
        """The servers that keep data, as `at` takes them: each has a configuration and users of its own."""
        there = place(self._scope)
        return (there.host, *there.replicas)

    def info(self, section: str = "default", *, at: str | None = None) -> dict[str, Any]:
        """Return INFO's fields of a section; numbers as numbers."""
        return dict(self._ask(lambda client: client.info(section), at))

    def config(self, *names: str, at: str | None = None) -> dict[str, str]:
        """Return these settings; raises Unanswered naming one that the server does not have."""
        found = self._ask(lambda client: client.config_get(*names), at)
        seen = {str(name): str(value) for name, value in found.items()}
        if missing := [name for name in names if "*" not in name and name not in seen]:
            raise Unanswered(f"it has no setting {', '.join(missing)}", "redis")
        return seen

    def acl_list(self, *, at: str | None = None) -> list[str]:
        """Return the rules of every user, one line each, as ACL LIST gives them."""
        return [str(line) for line in self._ask(lambda client: client.acl_list(), at)]

    def pending(self, stream: str, group: str, *, idle_s: float = 0.0, limit: int = 1000) -> list[PendingEntry]:
        """Return the group's pending entries that have been idle for so long, oldest entry first (XPENDING)."""
        rows = self._ask(
            lambda client: client.xpending_range(stream, group, "-", "+", limit, idle=int(idle_s * 1000) or None)
        )
        return [
            PendingEntry(row["message_id"], row["consumer"], row["time_since_delivered"] / 1000, row["times_delivered"])
            for row in rows
        ]

    def read(self, *command: Any, at: str | None = None) -> Any:
        """Send one command that reads, `read("XINFO", "GROUPS", "jobs")`, and return its reply as redis-py parses it.

        Raises HarnessError for a command that is not known to be reading.
        """
        words = tuple(str(word).lower() for word in command[:2])
        if words[:1] in READS:
            return self._ask(lambda client: client.execute_command(*command), at)
        if words in READS:
            return self._ask(lambda client: client.execute_command(" ".join(words).upper(), *command[2:]), at)
        raise HarnessError(
            f"{' '.join(words) or 'an empty command'!r} is not a reading command: see READS in {__name__}"
        )

    def sentinel(self, name: str) -> Watched:
        """Ask a Sentinel what it says of the primary."""
        own, door = self._scope.credentials("redis"), _door(self._scope, name)
        self._scope.meter.add(connections=1, requests=1)
        try:
            return redis.watched(place(self._scope), door, own.user, own.password)
        except (driver.RedisError, OSError) as error:
            raise Unanswered(redis.explain(error), name) from None

    def attempt(
        self,
        user: str | None = None,
        password: str | None = None,
        *,
        tls: bool | None = None,
        at: str | None = None,
    ) -> RedisAnswer:
        """Connect, authenticate if a user or password is given, PING, close; `tls` overrides the profile's word.

        Without `at` the declared endpoint is tried, whoever is the primary.
        """
        self._scope.meter.add(connections=1, requests=1)
        there = place(self._scope)
        server = redis.Node.at(_door(self._scope, at), there) if at else there
        return redis.attempt(server, user, password, tls=tls)

    def _ask(self, call: Callable[[Any], Any], at: str | None = None) -> Any:
        self._scope.meter.add(requests=1)
        try:
            return call(own_client(self._scope, at=at))
        except driver.ResponseError as error:
            text = redis.explain(error)
            if any(word in text.lower() for word in _CALLERS_FAULT):
                raise HarnessError(f"redis does not know the command: {text}") from None
            raise Unanswered(text, at or "redis") from None
        except (driver.ConnectionError, driver.TimeoutError, OSError) as error:
            raise Unanswered(redis.explain(error), at or "redis") from None
