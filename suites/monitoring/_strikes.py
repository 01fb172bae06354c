"""How each alert is made to fire: the part that is struck, and what the alert must name."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from seatrial import Observe

# What is gone: instances and stores that the rest can do without for a while.
GONE = ("edge-2", "redis-replica", "backups", "postgres-standby")
# What has no room left: an edge serves on without its cache.
FULL, FILLING = "edge-1", "DiskFilling"
# What hangs: everybody waits for it.
HANGS = ("s3", "pgbouncer")
WORKER, TIER, CERTIFICATE = "worker-1", "api", "redis"
# alert -> the component that it must name; `{s3}` is the public host of the profile.
GONE_ALERTS: Mapping[str, str] = {
    "InstanceDown": "edge-2",
    "RedisDown": "redis-replica",
    "RedisReplicaMissing": "redis-replica",
    "BackupTooOld": "backups",
    "PostgresDown": "postgres-standby",
    "PostgresStandbyBehind": "postgres-standby",
    "CertificateExpiring": CERTIFICATE,
    FILLING: FULL,
    "DeadLetters": "worker",
    "EncoderFallback": WORKER,
    "QueueStuck": "worker",
}
HANGING_ALERTS: Mapping[str, str] = {
    "StorageDown": "s3",
    "PublicHostDown": "{s3}",
    "PoolerDown": "pgbouncer",
    "ArchiveBehind": "postgres",
    "DependencyLost": "api-1",
    "ErrorBudgetBurn": TIER,
    "LatencyBudgetBurn": TIER,
    "ErrorBudgetSlowBurn": TIER,
    "LatencyBudgetSlowBurn": TIER,
}
# It is about workers, and reads a figure that everybody has.
OF_SOME = frozenset({"EncoderFallback"})
# It is about something that has come, not about what is so, and ends by itself.
PASSING = frozenset({"DeadLetters"})
# They look back for so long, or what failed is tried again so late, that the next round need not wait for their end.
SLOW = frozenset({"ErrorBudgetSlowBurn", "LatencyBudgetSlowBurn", "ArchiveBehind"})


def named(observe: Observe, alerts: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return alert -> itself and the component, with the profile's hosts filled in."""
    hosts = {role: urlsplit(url).hostname or "" for role, url in observe.profile.urls.items()}
    return {name: (name, component.format(**hosts)) for name, component in alerts.items()}
