import pytest

from suites.infra._pools import Limits, Pool, pools_of

POOLER = {"max_client_conn": "200", "default_pool_size": "20", "reserve_pool_size": "0", "max_db_connections": "30"}
SERVER = {"max_connections": "60", "superuser_reserved_connections": "3", "reserved_connections": "2"}
POOLS = [Pool("api-1", "api", 9, True), Pool("api-2", "api", 9, True), Pool("worker-1", "worker", 4, True)]


def instance(address: str, size: str) -> dict[str, str]:
    return {"DATABASE_URL": f"postgresql://api@{address}/app?sslmode=verify-full", "DATABASE_POOL_SIZE": size}


def test_each_instance_with_a_database_has_a_pool() -> None:
    config = {
        "api-1": instance("127.0.0.1:6432", "9"),
        "api-2": instance("127.0.0.1:5432", "7"),
        "edge-1": {"CACHE_DIR": "/x"},
    }
    found = pools_of(config, "127.0.0.1:6432")
    assert found == [Pool("api-1", "api", 9, True), Pool("api-2", "api", 7, False)]


def test_a_pool_whose_size_is_not_stated_is_an_error() -> None:
    with pytest.raises(KeyError, match="DATABASE_POOL_SIZE"):
        pools_of({"api-1": {"DATABASE_URL": "postgresql://api@127.0.0.1:1/app"}}, "127.0.0.1:6432")


def test_the_servers_reserve_is_not_for_the_services() -> None:
    assert Limits.read(POOLER, SERVER).server == 55


def test_an_older_server_reserves_for_superusers_alone() -> None:
    assert Limits.read(POOLER, {"max_connections": "60", "superuser_reserved_connections": "3"}).server == 57


def test_the_pooler_opens_what_its_database_may_have() -> None:
    assert Limits.read(POOLER, SERVER).opens(POOLS) == 30


def test_without_a_limit_of_the_database_the_pooler_opens_each_roles_pool_and_its_reserve() -> None:
    unlimited = {**POOLER, "max_db_connections": "0", "reserve_pool_size": "5"}
    assert Limits.read(unlimited, SERVER).opens(POOLS) == 50


def test_a_role_that_goes_past_the_pooler_has_no_pool_there() -> None:
    direct = [POOLS[0], Pool("worker-1", "worker", 4, False)]
    assert Limits.read({**POOLER, "max_db_connections": "0"}, SERVER).opens(direct) == 20
