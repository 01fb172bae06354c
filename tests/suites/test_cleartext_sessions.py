"""What INF-PG-02 concludes from who may enter in cleartext, at which server, and from the sessions that its role is shown."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.environment import Environment
from seatrial.impact import Observe
from seatrial.probes.postgres import PgAnswer
from seatrial.profile import load
from suites.infra.test_postgres import test_only_verified_tls_is_spoken as only_verified_tls_is_spoken
from tests.checking import ended

HOST = "pg.test"
POOLER = {"disable": "SSL required", "verify-full": "fe_sendauth: no password supplied"}
BARE = {"usename": "worker", "application_name": "", "address": "127.0.0.1"}


class Server:
    """A server that speaks TLS alone, but to `lax`, and shows what sessions there are to whom it was granted."""

    def __init__(
        self,
        *,
        granted: bool = True,
        bare: list[dict[str, str]] | None = None,
        lax: str = "",
        standby: Any = None,
        pooler: dict[str, str] | None = None,
    ) -> None:
        self.granted, self.bare, self.lax, self.beside = granted, bare or [], lax, standby
        self.pooler = POOLER | (pooler or {})

    def standby(self, _name: str) -> "Server":
        return self.beside or Server()

    def attempt(
        self, *, user: str = "observer", host: str = HOST, sslmode: str = "verify-full", pooled: bool = False
    ) -> PgAnswer:
        if pooled:
            return PgAnswer(False, self.pooler[sslmode])
        if sslmode == "disable":
            asked = user == self.lax
            return PgAnswer(False, "no password supplied" if asked else "FATAL: no pg_hba.conf entry, no encryption")
        return PgAnswer(host == HOST, None if host == HOST else "another name", tls=True)

    def rows(self, statement: str) -> list[dict[str, Any]]:
        if "pg_has_role" in statement:
            return [{"shown": self.granted}]
        if "pg_backend_pid" in statement:
            return [{"ssl": True}]
        if "rolcanlogin" in statement:
            return [{"rolname": name} for name in ("exporter", "observer")]
        return self.bare if self.granted else []


@pytest.mark.parametrize(
    ("server", "outcome", "said"),
    [
        (Server(), "PASSED", ""),
        (Server(bare=[BARE]), "FAILED", "in cleartext"),
        (Server(granted=False, bare=[BARE]), "INVALID", "needs pg_read_all_stats"),
        (Server(lax="api"), "FAILED", "api in cleartext at postgres: no password supplied"),
        (Server(standby=Server(lax="api")), "FAILED", "api in cleartext at pg-2: no password supplied"),
        (Server(lax="exporter"), "FAILED", "exporter in cleartext at postgres: no password supplied"),
        (Server(standby=Server(bare=[BARE])), "FAILED", "sessions under way at pg-2: in cleartext"),
        (Server(pooler={"disable": "no password supplied"}), "FAILED", "api in cleartext at the pooler: no password"),
        (
            Server(pooler={"verify-full": "certificate verify failed"}),
            "FAILED",
            "over verified TLS at the pooler: cert",
        ),
    ],
)
def test_cleartext_is_looked_for_at_every_server(tmp_path: Path, server: Server, outcome: str, said: str) -> None:
    file = tmp_path / "here.toml"
    (tmp_path / "ca.crt").write_text("")
    file.write_text(
        f'name = "here"\nmax_impact = "observe"\ntree = {json.dumps(str(tmp_path))}\n[urls]\n'
        f'[postgres]\nhost = "{HOST}"\nport = 1\ndatabase = "seatrial"\nca = "ca.crt"\n'
        '[postgres.standbys.pg-2]\nhost = "pg-2.test"\nport = 1\n'
        '[postgres.pooler]\nhost = "pooler.test"\nport = 1\nmode = "transaction"\n'
    )
    observe: Any = Observe(Environment(load(file)), "test")
    shaken = SimpleNamespace(ok=True, protocol="", cipher="", names=(HOST,), error=None)
    observe.pg, observe.tls = server, SimpleNamespace(handshake=lambda *_, **__: shaken)

    seen = ended(observe, only_verified_tls_is_spoken)

    assert (seen[0], said in seen[1]) == (outcome, True), seen
