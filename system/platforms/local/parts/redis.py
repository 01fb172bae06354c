"""Redis: TLS only, one ACL user per client, append-only file, never evicts."""

import asyncio
import hashlib
import ssl

from system.platforms.local.ca import Authority
from system.platforms.local.children import Command
from system.platforms.local.layout import Layout
from system.platforms.local.part import Part
from system.platforms.local.programs import Programs
from system.platforms.local.secret_files import SecretFiles

# Least privilege: the queue, its progress and heartbeats, the rate limits; nothing that manages the server.
_CLIENT = "+@read +@write +@stream +@connection +@transaction -@dangerous -@admin"
_RULES = {
    "admin": "~* &* +@all",
    "api": f"~jobs:preview ~progress:* ~rate:* {_CLIENT} +eval +time",
    "worker": f"~jobs:preview ~jobs:preview:dead ~progress:* ~worker:* {_CLIENT}",
    "observer": "~* +@read +@connection -@dangerous -@admin +info +role +time +config|get +acl|list +acl|getuser "
    "+acl|whoami +acl|users +xinfo +xpending +dbsize +lastsave +latency|latest +latency|history +slowlog|get "
    "+slowlog|len +memory|stats +memory|usage +client|list +client|info +command",
}
_SETTINGS = {
    "port": "0",
    "protected-mode": "yes",
    "tls-auth-clients": "no",
    "tls-protocols": '"TLSv1.2 TLSv1.3"',
    "maxmemory": "256mb",
    "maxmemory-policy": "noeviction",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": '""',
    "repl-diskless-sync-delay": "0",
    "timeout": "0",
    "tcp-keepalive": "60",
    "daemonize": "no",
    "loglevel": "notice",
}


class Redis(Part):
    """The queue and the cache of rate limits and progress.

    Args:
        layout: directories and addresses.
        programs: the programs to run.
        secrets: holds the users' passwords.
    """

    def __init__(self, layout: Layout, programs: Programs, secrets: SecretFiles) -> None:
        super().__init__(layout, programs, "redis", "redis", layout.addresses.endpoint("redis"))
        self.authority = Authority(layout.ca)
        self._secrets = secrets
        self._data = layout.data / "redis"
        self._acl = layout.run / "redis.acl"
        self._conf = layout.run / "redis.conf"

    async def prepare(self) -> None:
        """Write configuration and ACL; passwords stand in it as digests only."""
        self._data.mkdir(mode=0o700, exist_ok=True)
        leaf = self.authority.ensure_leaf("redis", self.endpoint)
        users = ["user default off resetpass resetkeys resetchannels -@all"]
        for user, rules in _RULES.items():
            digests = " ".join(_digest(each) for each in self._secrets.accepted(f"redis-{user}"))
            users.append(f"user {user} on {digests} resetchannels {rules}")
        settings = {
            **_SETTINGS,
            "bind": self.endpoint.address,
            "tls-port": str(self.endpoint.port),
            "tls-cert-file": f'"{leaf.certificate}"',
            "tls-key-file": f'"{leaf.key}"',
            "tls-ca-cert-file": f'"{self.authority.root_certificate}"',
            "dir": f'"{self._data}"',
            "aclfile": f'"{self._acl}"',
        }
        lines = [f"{name} {value}" for name, value in settings.items()]
        for path, text in ((self._acl, users), (self._conf, lines)):
            path.touch(mode=0o600)
            path.write_text("\n".join(text) + "\n")

    def command(self) -> Command:
        """Run the server; overrides follow the file on the command line and win."""
        overrides = [part for name, value in self.settings.items() for part in (f"--{name}", str(value))]
        environment = {"LD_LIBRARY_PATH": str(self.programs.redis_libraries), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        environment["PATH"] = "/usr/bin:/bin"
        return Command([self.programs.redis, self._conf, *overrides], environment, self._data)

    async def probe(self) -> str:
        """Ask for PONG; while the append-only file loads, the answer is an error."""
        answer = await self.call("PING")
        return "" if answer == "+PONG" else answer

    def config(self) -> dict[str, str]:
        """Give the directives."""
        return {**_SETTINGS, **{name: str(value) for name, value in self.settings.items()}}

    async def reload_certificate(self) -> None:
        """Have the running server read its certificate and key again."""
        leaf = self.authority.leaf("redis")
        answer = await self.call("CONFIG", "SET", "tls-cert-file", str(leaf.certificate), "tls-key-file", str(leaf.key))
        if answer != "+OK":
            raise OSError(f"redis refused the certificate: {answer}")

    async def set_passwords(self, user: str, passwords: list[str]) -> None:
        """Have the running server accept exactly these passwords of a user, whose sessions stay."""
        answer = await self.call("ACL", "SETUSER", user, "resetpass", *(_digest(each) for each in passwords))
        if answer != "+OK":
            raise OSError(f"redis refused the passwords: {answer}")

    async def newest_client(self) -> int:
        """Give the number of this very connection; those that were opened before have lower ones."""
        return int((await self.call("CLIENT", "ID")).removeprefix(":"))

    async def sessions(self, user: str, before: int | None, *, end: bool) -> int:
        """Count a user's connections with a lower number (None: all), and end them if asked to."""
        found = 0
        for line in (await self.call("CLIENT", "LIST", bulk=True)).splitlines():
            client = dict(field.partition("=")[::2] for field in line.split())
            if client.get("user") == user and (before is None or int(client["id"]) < before):
                found += 1
                if end:
                    await self.call("CLIENT", "KILL", "ID", client["id"])
        return found

    async def call(self, *words: str, bulk: bool = False) -> str:
        """Send one command as admin and give the first line of the answer, in the wire's own form, or its bulk text."""
        # The platform must reach the server even while a bad certificate is on trial.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(self.endpoint.address, self.endpoint.port, ssl=context)
        try:
            writer.write(_encode("AUTH", "admin", self._secrets.read("redis-admin")) + _encode(*words))
            signed_in = (await reader.readline()).decode().rstrip()
            if signed_in != "+OK":
                return signed_in
            first = (await reader.readline()).decode().rstrip()
            return (await reader.readexactly(int(first[1:]))).decode() if bulk and first[:1] == "$" else first
        finally:
            writer.close()


def _digest(password: str) -> str:
    return f"#{hashlib.sha256(password.encode()).hexdigest()}"


def _encode(*words: str) -> bytes:
    """Write a command in the Redis serialization protocol."""
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
