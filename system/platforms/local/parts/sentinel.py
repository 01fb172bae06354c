"""A Sentinel: watches the Redis servers with two others, and makes the replica the primary when two agree that it is gone."""

import hashlib

from system.platforms.local import redis_wire
from system.platforms.local.children import Command
from system.platforms.local.layout import Layout
from system.platforms.local.parts.redis import SENTINEL, RedisProgram
from system.platforms.local.programs import Programs
from system.platforms.local.redis_primary import NAME, SENTINELS, SERVERS, Memory, newest, sentinel_file
from system.platforms.local.secret_files import SecretFiles

_CLIENT = "+@connection -@dangerous -@admin +sentinel|masters +sentinel|get-master-addr-by-name"
_RULES = {
    "admin": "~* &* +@all",
    "api": _CLIENT,
    "worker": _CLIENT,
    "observer": f"{_CLIENT} +sentinel|slaves +info",
    SENTINEL: "&__sentinel__:hello +ping +publish +client|setname +sentinel|is-master-down-by-addr",
}
_SETTINGS = {
    "port": "0",
    "protected-mode": "yes",
    "tls-auth-clients": "no",
    "tls-protocols": '"TLSv1.2 TLSv1.3"',
    "tls-replication": "yes",
    "daemonize": "no",
    "loglevel": "notice",
}
# Gone for a second and a half, by two of three: then it takes about another second until the replica is the primary. A
# Sentinel asks once a second, so that with less one answer that comes late is a death, just after a failover above all.
_WATCH = {
    "quorum": "2",
    "down-after-milliseconds": "1500",
    "failover-timeout": "5000",
    "parallel-syncs": "1",
}


class Sentinel(RedisProgram):
    """One of the Sentinels; what it learns of failovers is in its own file, which outlives it."""

    def __init__(self, layout: Layout, programs: Programs, secrets: SecretFiles, name: str) -> None:
        super().__init__(layout, programs, secrets, name, "sentinel", _RULES)
        self.conf = sentinel_file(layout, name)

    @property
    def watch(self) -> dict[str, str]:
        """How it watches, overrides included."""
        return {**_WATCH, **{name: str(value) for name, value in self.settings.items()}}

    async def prepare(self) -> None:
        """Write the configuration anew, with the primary of the last failover, and with all that there is to discover."""
        lines = self.listening()
        lines += [f"{name} {value}" for name, value in _SETTINGS.items()]
        lines += [f"sentinel {line}" for line in self._watching()]
        half = self.conf.with_suffix(".new")
        half.unlink(missing_ok=True)
        half.touch(mode=0o600)
        half.write_text("\n".join(lines) + "\n")
        half.rename(self.conf)

    def command(self) -> Command:
        """Run it."""
        return self.running(self.conf, "--sentinel")

    def config(self) -> dict[str, str]:
        """Give the directives, and how it watches."""
        return {**_SETTINGS, **self.watch}

    async def known(self) -> dict[str, str]:
        """Give what it says of the primary."""
        return redis_wire.pairs(await self.call("SENTINEL", "MASTER", NAME))

    async def set_option(self, option: str, value: str) -> None:
        """Have the running Sentinel watch in another way."""
        await self.call("SENTINEL", "SET", NAME, option, value)

    def _watching(self) -> list[str]:
        last, own = newest(self.layout), Memory.read(self.conf) or newest(self.layout)
        places = {name: self.layout.addresses.endpoint(name) for name in (*SERVERS, *SENTINELS)}
        leader = next(places[name] for name in SERVERS if places[name].address == last.address)
        watch = self.watch
        password = self.secrets.read(f"redis-{SENTINEL}")
        lines = [
            f"myid {_id(self.name)}",
            f"announce-ip {self.endpoint.address}",
            f"announce-port {self.endpoint.port}",
            f"monitor {NAME} {leader.address} {leader.port} {watch.pop('quorum')}",
            *(f"{option} {NAME} {value}" for option, value in watch.items()),
            f"auth-user {NAME} {SENTINEL}",
            f"auth-pass {NAME} {password}",
            f"sentinel-user {SENTINEL}",
            f"sentinel-pass {password}",
            f"config-epoch {NAME} {last.epochs['config']}",
            f"leader-epoch {NAME} {own.epochs['leader']}",
            f"current-epoch {max(own.epochs['current'], last.epochs['config'])}",
        ]
        for name in SERVERS:
            if places[name] != leader:
                lines.append(f"known-replica {NAME} {places[name].address} {places[name].port}")
        for name in SENTINELS:
            if name != self.name:
                lines.append(f"known-sentinel {NAME} {places[name].address} {places[name].port} {_id(name)}")
        return lines


def _id(name: str) -> str:
    """Give a Sentinel the same identity at every start, so that the others know it at once."""
    return hashlib.sha1(f"{NAME} {name}".encode(), usedforsecurity=False).hexdigest()
