"""Redis, primary and replica: TLS only, one ACL user per client, append-only file, never evicts."""

import hashlib
from typing import Any

from system.platforms.local import redis_wire
from system.platforms.local.ca import Authority
from system.platforms.local.children import Command
from system.platforms.local.layout import Layout
from system.platforms.local.part import Part
from system.platforms.local.programs import Programs
from system.platforms.local.redis_primary import primary
from system.platforms.local.secret_files import SecretFiles

REPLICA, SENTINEL = "replica", "sentinel"
# Least privilege: the queue, its progress and heartbeats, the rate limits; nothing that manages the server.
_CLIENT = "+@read +@write +@stream +@connection +@transaction -@dangerous -@admin"
_RULES = {
    "admin": "~* &* +@all",
    "api": f"~jobs:preview ~progress:* ~rate:* {_CLIENT} +eval +time",
    "worker": f"~jobs:preview ~jobs:preview:dead ~progress:* ~worker:* {_CLIENT}",
    "observer": "~* +@read +@connection -@dangerous -@admin +info +role +time +config|get +acl|list +acl|getuser "
    "+acl|whoami +acl|users +xinfo +xpending +dbsize +lastsave +latency|latest +latency|history +slowlog|get "
    "+slowlog|len +memory|stats +memory|usage +client|list +client|info +command",
    REPLICA: "+psync +replconf +ping",
    SENTINEL: "&__sentinel__:hello +multi +exec +ping +info +role +publish +subscribe +slaveof +config|rewrite "
    "+client|setname +client|kill +script|kill",
}
# Without min-replicas-to-write: of two servers the one that is left must take writes. What a failover loses of the queue
# is put back from Postgres.
_SETTINGS = {
    "port": "0",
    "protected-mode": "yes",
    "tls-auth-clients": "no",
    "tls-protocols": '"TLSv1.2 TLSv1.3"',
    "tls-replication": "yes",
    "maxmemory": "256mb",
    "maxmemory-policy": "noeviction",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": '""',
    "repl-diskless-sync-delay": "0",
    "shutdown-timeout": "2",
    "timeout": "0",
    "tcp-keepalive": "60",
    "daemonize": "no",
    "loglevel": "notice",
}

# Nobody can sign in as this one, and what it may do binds no caller: it binds the server itself when it reads its append-only
# file again, and every transaction that it may not run is dropped then without a word (github.com/redis/redis/issues/14541).
NOBODY = "user default off resetpass ~* &* +@all"


class RedisProgram(Part):
    """A server of the Redis program: one that keeps data, or a Sentinel.

    Args:
        layout: directories and addresses.
        programs: the programs to run.
        secrets: holds the users' passwords.
        name: the part's name, and that of its folder.
        service: `redis` or `sentinel`.
        rules: what each user may do.
    """

    def __init__(
        self,
        layout: Layout,
        programs: Programs,
        secrets: SecretFiles,
        name: str,
        service: str,
        rules: dict[str, str],
    ) -> None:
        super().__init__(layout, programs, name, service, layout.addresses.endpoint(name))
        self.authority = Authority(layout.ca)
        self.secrets = secrets
        self.data = layout.data / name
        self._rules = rules
        self._acl = layout.run / f"{name}.acl"

    def listening(self) -> list[str]:
        """Write the users' file, passwords as digests only, and give the lines for it, for the certificate and the port."""
        self.data.mkdir(mode=0o700, exist_ok=True)
        leaf = self.authority.ensure_leaf(self.name, self.endpoint)
        users = [NOBODY]
        for user, rules in self._rules.items():
            digests = " ".join(_digest(each) for each in self.secrets.accepted(f"redis-{user}"))
            users.append(f"user {user} on {digests} resetchannels {rules}")
        self._acl.touch(mode=0o600)
        self._acl.write_text("\n".join(users) + "\n")
        return [
            f"bind {self.endpoint.address}",
            f"tls-port {self.endpoint.port}",
            f'tls-cert-file "{leaf.certificate}"',
            f'tls-key-file "{leaf.key}"',
            f'tls-ca-cert-file "{self.authority.root_certificate}"',
            f'dir "{self.data}"',
            f'aclfile "{self._acl}"',
        ]

    def running(self, *arguments: Any) -> Command:
        """Give the command with these arguments."""
        environment = {"LD_LIBRARY_PATH": str(self.programs.redis_libraries), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        environment["PATH"] = "/usr/bin:/bin"
        return Command([self.programs.redis, *arguments], environment, self.data)

    async def probe(self) -> str:
        """Ask for PONG; while the append-only file loads, the answer is an error."""
        answer = await self.call("PING")
        return "" if answer == "PONG" else str(answer)

    async def set_passwords(self, user: str, passwords: list[str]) -> None:
        """Have the running server accept exactly these passwords of a user, whose sessions stay."""
        await self.call("ACL", "SETUSER", user, "resetpass", *(_digest(each) for each in passwords))

    async def newest_client(self) -> int:
        """Give the number of this very connection; those that were opened before have lower ones."""
        return int(await self.call("CLIENT", "ID"))

    async def sessions(self, user: str, before: int | None, *, end: bool) -> int:
        """Count a user's connections with a lower number (None: all), and end them if asked to."""
        found = 0
        for line in (await self.call("CLIENT", "LIST")).splitlines():
            client = dict(field.partition("=")[::2] for field in line.split())
            if client.get("user") == user and (before is None or int(client["id"]) < before):
                found += 1
                if end:
                    await self.call("CLIENT", "KILL", "ID", client["id"])
        return found

    async def call(self, *words: str) -> Any:
        """Send one command as admin and give its reply; raises OSError, with the server's words where it refused."""
        return await redis_wire.ask(self.endpoint, "admin", self.secrets.read("redis-admin"), *words)


class Redis(RedisProgram):
    """A server that keeps the queue and the cache of rate limits and progress: the primary, or its replica."""

    def __init__(self, layout: Layout, programs: Programs, secrets: SecretFiles, name: str) -> None:
        super().__init__(layout, programs, secrets, name, "redis", _RULES)
        self._conf = layout.run / f"{name}.conf"

    @property
    def role(self) -> str:
        """What the server is, as the Sentinels have it."""
        return "primary" if primary(self.layout) == self.name else "replica"

    async def prepare(self) -> None:
        """Write configuration and users; one that was away while another became the primary starts as its replica."""
        lines = [*self.listening(), *(f"{name} {value}" for name, value in _SETTINGS.items())]
        lines += [
            f"masteruser {REPLICA}",
            f"masterauth {self.secrets.read(f'redis-{REPLICA}')}",
            f"replica-announce-ip {self.endpoint.address}",
            f"replica-announce-port {self.endpoint.port}",
        ]
        if self.role == "replica":
            leader = self.layout.addresses.endpoint(primary(self.layout))
            lines.append(f"replicaof {leader.address} {leader.port}")
        self._conf.touch(mode=0o600)
        self._conf.write_text("\n".join(lines) + "\n")

    def command(self) -> Command:
        """Run the server; overrides follow the file on the command line and win."""
        overrides = [part for name, value in self.settings.items() for part in (f"--{name}", str(value))]
        return self.running(self._conf, *overrides)

    def config(self) -> dict[str, str]:
        """Give the directives."""
        return {**_SETTINGS, **{name: str(value) for name, value in self.settings.items()}}

    async def reload_certificate(self) -> None:
        """Have the running server read its certificate and key again."""
        leaf = self.authority.leaf(self.name)
        await self.call("CONFIG", "SET", "tls-cert-file", str(leaf.certificate), "tls-key-file", str(leaf.key))

    async def replication(self) -> dict[str, str]:
        """Give what the server says of its replication."""
        lines = (await self.call("INFO", "replication")).splitlines()
        return dict(line.partition(":")[::2] for line in lines if ":" in line)


def _digest(password: str) -> str:
    return f"#{hashlib.sha256(password.encode()).hexdigest()}"
