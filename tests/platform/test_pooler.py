"""The pooler of a real instance."""

import psycopg
import pytest

from system.platforms.local.parts.pgbouncer import NAME
from tests.platform.bench import Running, connect


def through(running: Running, user: str, **options: str) -> tuple[object, ...] | None:
    with connect(running, user, NAME, **options) as connection:
        return connection.execute("select current_user, ssl from pg_stat_ssl where pid = pg_backend_pid()").fetchone()


def test_a_service_comes_through_over_tls_on_both_sides(running: Running) -> None:
    assert through(running, "api") == ("api", True)


def test_no_other_role_comes_through(running: Running) -> None:
    for role in ("migrator", "admin", "replicator"):
        with pytest.raises(psycopg.OperationalError, match="authentication failed"):
            through(running, role)


def test_a_wrong_password_and_cleartext_are_refused(running: Running) -> None:
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        through(running, "api", password="wrong")
    with pytest.raises(psycopg.OperationalError, match="SSL required"):
        through(running, "api", sslmode="disable")


def test_a_rotated_password_is_taken_and_the_old_one_refused(running: Running) -> None:
    old = (running.layout.secrets / "postgres-worker").read_text()
    for step in ("begin", "complete"):
        running.post("rotate", {"secret": "postgres-worker", "step": step})
    assert through(running, "worker") == ("worker", True)
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        through(running, "worker", password=old)


def test_migrations_go_direct_and_the_pooler_refuses_them(running: Running) -> None:
    assert running.post("migrate")["applied"] == []
    refused = running.ask("POST", "migrate", {"through": NAME})
    assert not refused.is_success
    assert "authentication failed" in refused.json()["error"]
