"""What INF-PG-02 concludes from the sessions that its role is shown."""

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
BARE = {"usename": "worker", "application_name": "", "address": "127.0.0.1"}


class Server:
    """A server that speaks TLS alone, and shows what sessions there are to whom it was granted."""

    def __init__(self, *, granted: bool, bare: list[dict[str, str]]) -> None:
        self.granted, self.bare = granted, bare

    def attempt(self, *, host: str = HOST, sslmode: str = "verify-full", **_: str) -> PgAnswer:
        good = host == HOST and sslmode == "verify-full"
        return PgAnswer(good, None if good else "FATAL: no pg_hba.conf entry for host, no encryption", tls=good)

    def rows(self, statement: str) -> list[dict[str, Any]]:
        if "pg_has_role" in statement:
            return [{"shown": self.granted}]
        if "pg_backend_pid" in statement:
            return [{"ssl": True}]
        return self.bare if self.granted else []


@pytest.mark.parametrize(
    ("server", "outcome", "said"),
    [
        (Server(granted=True, bare=[]), "PASSED", ""),
        (Server(granted=True, bare=[BARE]), "FAILED", "in cleartext"),
        (Server(granted=False, bare=[BARE]), "INVALID", "needs pg_read_all_stats"),
    ],
)
def test_no_session_in_cleartext_says_something_to_who_is_shown_all(
    tmp_path: Path, server: Server, outcome: str, said: str
) -> None:
    file = tmp_path / "here.toml"
    (tmp_path / "ca.crt").write_text("")
    file.write_text(
        f'name = "here"\nmax_impact = "observe"\ntree = {json.dumps(str(tmp_path))}\n[urls]\n'
        f'[postgres]\nhost = "{HOST}"\nport = 1\ndatabase = "seatrial"\nca = "ca.crt"\n'
    )
    observe: Any = Observe(Environment(load(file)), "test")
    shaken = SimpleNamespace(ok=True, protocol="", cipher="", names=(HOST,), error=None)
    observe.pg, observe.tls = server, SimpleNamespace(handshake=lambda *_, **__: shaken)

    seen = ended(observe, only_verified_tls_is_spoken)

    assert (seen[0], said in seen[1]) == (outcome, True)
