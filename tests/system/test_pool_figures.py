"""What a pool holds, and who waits, are read from the pool whenever somebody asks."""

from prometheus_client import REGISTRY

from system.common import metrics


def test_the_figures_follow_the_pool() -> None:
    stats = {"pool_size": 4}
    metrics.watch_pool(lambda: stats)
    assert REGISTRY.get_sample_value("database_pool_connections") == 4
    assert REGISTRY.get_sample_value("database_pool_waiting") == 0
    stats["requests_waiting"] = 7
    assert REGISTRY.get_sample_value("database_pool_waiting") == 7
