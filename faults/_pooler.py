"""What faults of the pooler share: its own word about what it has loaded."""

from seatrial import Observe


def pooler_setting(observe: Observe, name: str) -> str:
    """Return a setting as PgBouncer tells it; empty for one that it does not have."""
    return next((str(row["value"]) for row in observe.pg.show("CONFIG") if row["key"] == name), "")
