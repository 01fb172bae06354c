"""What faults of the pooler and of pools share: their own word about what they have loaded, and hold."""

from seatrial import Observe, require
from suites.monitoring._exposition import parse, total


def pooler_setting(observe: Observe, name: str) -> str:
    """Return a setting as PgBouncer tells it; empty for one that it does not have."""
    return next((str(row["value"]) for row in observe.pg.show("CONFIG") if row["key"] == name), "")


def pool_connections(observe: Observe, instance: str) -> float:
    """Return how many connections an instance of the API says that its pool holds."""
    answer = observe.http.get("/metrics", via=observe.profile.services["api"].instances[instance])
    require(answer.status == 200, "metrics", str(answer), instance)
    return total([parse(answer.text, instance)], "database_pool_connections")
