"""What INF-PG-03 and INF-PG-08 conclude from the lines of each server, and where a platform shows nobody who may enter."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial.environment import Environment
from seatrial.impact import Observe
from seatrial.probes.postgres import PgAnswer
from seatrial.profile import load
from suites.infra import test_postgres as infra
from tests.checking import ended

LINE: dict[str, Any] = {
    "line_number": 1,
    "type": "hostssl",
    "database": ["all"],
    "user_name": ["all"],
    "address": "127.0.0.1",
    "netmask": "255.255.255.255",
    "auth_method": "scram-sha-256",
    "error": None,
}
MD5, WORLD = {**LINE, "auth_method": "md5"}, {**LINE, "address": "0.0.0.0", "netmask": "0.0.0.0"}  # noqa: S104 - a listing, not a bind
SCRAM = infra.test_roles_prove_themselves_by_scram_and_hold_no_power_over_the_server
TRUSTED = infra.test_only_trusted_networks_may_connect


class Server:
    """A server that asks for SCRAM, and has one line."""

    def __init__(self, *, shown: bool = True, line: dict[str, Any] = LINE, standby: Any = None) -> None:
        self.shown, self.line, self.beside = shown, line, standby

    def standby(self, _name: str) -> "Server":
        return self.beside or Server()

    def attempt(self, *, user: str = "", **_: object) -> PgAnswer:
        return PgAnswer(not user, "fe_sendauth: no password supplied" if user else None, tls=True)

    def rows(self, sql: str, params: Any = None) -> list[dict[str, Any]]:
        if "as readable" in sql:
            return [{"readable": self.shown}]
        if "inet_client_addr" in sql:
            return [{"address": "127.0.0.1"}]
        if "rolsuper, rolcreaterole" in sql:
            return [{"rolname": role} | dict.fromkeys(infra.STRONG, False) for role in params["roles"]]
        return [self.line] if "auth_method" in sql else []


@pytest.mark.parametrize(
    ("check", "server", "outcome", "said"),
    [
        (SCRAM, Server(), "PASSED", ""),
        (SCRAM, Server(line=MD5), "FAILED", "lines for network clients of postgres"),
        (SCRAM, Server(standby=Server(line=MD5)), "FAILED", "lines for network clients of pg-2"),
        (SCRAM, Server(shown=False, line=MD5, standby=Server(shown=False)), "PASSED", ""),
        (TRUSTED, Server(), "PASSED", ""),
        (TRUSTED, Server(line=WORLD), "FAILED", "postgres, line 1"),
        (TRUSTED, Server(standby=Server(line=WORLD)), "FAILED", "pg-2, line 1"),
        (TRUSTED, Server(shown=False), "INVALID", "may not read pg_hba_file_rules"),
    ],
)
def test_the_lines_of_every_server_count_and_those_that_nobody_is_shown_are_left_out_where_they_are_one_question_of_many(
    tmp_path: Path, check: Callable[[Observe], None], server: Server, outcome: str, said: str
) -> None:
    file = tmp_path / "here.toml"
    (tmp_path / "ca.crt").write_text("")
    file.write_text(
        f'name = "here"\nmax_impact = "observe"\ntree = {json.dumps(str(tmp_path))}\n[urls]\n'
        '[postgres]\nhost = "pg.test"\nport = 1\ndatabase = "seatrial"\nca = "ca.crt"\n'
        '[postgres.standbys.pg-2]\nhost = "pg-2.test"\nport = 1\n[targets]\npostgres_trusted_networks = ["127.0.0.0/8"]\n'
    )
    observe: Any = Observe(Environment(load(file)), "test")
    observe.pg = server

    seen = ended(observe, check)

    assert (seen[0], said in seen[1]) == (outcome, True), seen
