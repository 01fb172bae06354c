"""The control calls around the databases, and what each credential may do there."""

from pathlib import Path

import psycopg
import pytest
import redis

from tests.platform.bench import Running, connect, fits, redis_client


def test_the_observer_can_read_and_not_write_even_when_it_asks_for_it(running: Running) -> None:
    with connect(running, "observer") as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.commit()
        assert connection.execute("SELECT count(*) >= 4 FROM accounts").fetchone() == (True,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM accounts")


def test_postgres_refuses_cleartext(running: Running) -> None:
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        connect(running, "api", sslmode="disable", sslrootcert="")


def test_a_scratch_server_is_empty_can_be_migrated_and_goes_away(running: Running) -> None:
    scratch = fits("scratch_answer", running.post("scratch"))
    try:
        password = Path(scratch["password_file"]).read_text()
        assert password != (running.layout.secrets / "postgres-admin").read_text()
        migrated = fits("migrate_answer", running.post("migrate", {"database": scratch["id"]}))
        assert migrated["applied"]
        assert migrated["head"] == migrated["applied"][-1]
        down = fits(
            "migrate_answer", running.post("migrate", {"database": scratch["id"], "direction": "down", "steps": 2})
        )
        assert down["reverted"] == migrated["applied"][:-3:-1]
        up = fits("migrate_answer", running.post("migrate", {"database": scratch["id"], "steps": 1}))
        assert up["applied"] == migrated["applied"][-2:-1]
        where = {name: scratch[name] for name in ("host", "port", "dbname", "user")}
        with psycopg.connect(**where, password=password, sslmode="require") as connection:
            assert connection.execute("SELECT count(*) FROM accounts").fetchone() == (0,)
    finally:
        fits("scratch_id", running.ask("DELETE", f"scratch/{scratch['id']}").json())
    assert scratch["id"] not in {part["name"] for part in running.get("status")["parts"]}
    assert running.ask("DELETE", f"scratch/{scratch['id']}").status_code == 404


def test_migrating_the_live_database_again_applies_nothing(running: Running) -> None:
    assert fits("migrate_answer", running.post("migrate"))["applied"] == []


@pytest.mark.parametrize("asked", [{"direction": "down"}, {"steps": 1}])
def test_the_live_database_is_never_taken_down_nor_half_way_up(running: Running, asked: dict[str, object]) -> None:
    assert running.ask("POST", "migrate", asked).status_code == 400


def test_the_observer_of_redis_reads_everything_and_changes_nothing(running: Running) -> None:
    with redis_client(running, "redis", "observer") as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.execute_command("ACL LIST")
        assert client.info("persistence")
        for line in (
            "SET a b",
            "XADD jobs:preview * a b",
            "CLIENT KILL ID 1",
            "CONFIG SET maxmemory 1",
            "FLUSHALL",
            "KEYS *",
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*line.split())


def test_a_service_of_redis_is_kept_to_its_own_keys(running: Running) -> None:
    with redis_client(running, "redis", "api") as client:
        client.incr("rate:probe")
        client.delete("rate:probe")
        for line in ("GET worker:worker-1", "SET other b", "FLUSHDB", "CONFIG GET maxmemory"):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*line.split())
