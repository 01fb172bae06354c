"""What can break Redis' place, its door, its memory and the queue."""

from seatrial import Destroy, Observe, fault

STREAM, GROUP, DEAD = "jobs:preview", "workers", "jobs:preview:dead"
PLAIN_PORT_ABOVE = 5000
REPLICA = "redis-replica"


@fault("redis-replica", kind="configuration", caught_by={"INF-RD-01": "role:slave"})
class EndpointIsReplica:
    """The endpoint follows a replica, here one whose primary is gone.

    Sentinel and managed services promote by address; a client with a fixed one stays with the old server.
    Source: https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart the server as a replica of an address where nobody listens."""
        destroy.platform.restart("redis", {"replicaof": "127.0.0.1 1"})

    def in_effect(self, observe: Observe) -> bool:
        """Find the link to its primary down."""
        replication = observe.redis.info("replication")
        return replication.get("master_link_status") == "down"


@fault("redis-down", kind="process", caught_by={"INF-RD-01": "did not answer"})
class ServerDown:
    """Redis is gone, every server of it.

    Source: https://github.blog/news-insights/company-news/january-28th-incident-report (Redis clusters that did not come
    back from a power cut, and applications that could not start without them)
    """

    def strike(self, destroy: Destroy) -> None:
        """Stop them."""
        for part in destroy.platform.status().instances("redis"):
            destroy.platform.stop(part.name)

    def in_effect(self, observe: Observe) -> bool:
        """Find nobody listening at their addresses."""
        place = observe.profile.redis
        if place is None:
            return False
        doors = [(place.address or place.host, place.port)]
        doors += [(each.address or each.host, each.port) for each in place.replicas.values()]
        return {observe.tcp.connect(*door) for door in doors} == {"refused"}


@fault("redis-replica-gone", kind="process", caught_by={"INF-RD-07": "online and at most"}, takes_s=15.0)
class ReplicaGone:
    """The replica is gone, and nothing seems to be missing until it is needed.

    Source: https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/ (without a replica that it can reach, a Sentinel
    has nobody to promote)
    """

    def strike(self, destroy: Destroy) -> None:
        """Stop it."""
        destroy.platform.stop(REPLICA)

    def in_effect(self, observe: Observe) -> bool:
        """Find nobody listening at its address."""
        place = observe.profile.redis
        door = place.replicas.get(REPLICA) if place else None
        return door is not None and observe.tcp.connect(door.address or door.host, door.port) == "refused"


@fault("sentinel-alone-decides", kind="configuration", caught_by={"INF-RD-07": "a quorum from 2 to 2"})
class QuorumOfOne:
    """A Sentinel's quorum is 1: what it alone does not see is dead for it, and it asks for a failover at every hiccup.

    Source: https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/ (the quorum is the number of Sentinels that
    need to agree about the fact that the master is not reachable)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it so."""
        destroy.platform.restart("sentinel-3", {"quorum": "1"})

    def in_effect(self, observe: Observe) -> bool:
        """Ask it."""
        return observe.redis.sentinel("sentinel-3").quorum == 1


@fault("redis-nopass", kind="configuration", caught_by={"INF-RD-02": "PONG without any credential"})
class OpenDefaultUser:
    """The default user is on and needs no password, as Redis ships.

    Source: http://antirez.com/news/96 (how an open Redis gives away the machine)
    """

    def strike(self, destroy: Destroy) -> None:
        """Open it."""
        destroy.redis.acl_set("default", "on", "nopass", "~*", "&*", "+@all")

    def in_effect(self, observe: Observe) -> bool:
        """Sign in with a made-up password."""
        return observe.redis.attempt("default", "made-up").ok


@fault("sentinel-open", kind="configuration", caught_by={"INF-RD-02": "sentinel-2 to refuse clients"})
class OpenSentinel:
    """A Sentinel takes orders from anybody: whoever reaches it can make another server the primary.

    Source: https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/ (section "Sentinel and Redis Authentication")
    """

    SENTINEL = "sentinel-2"

    def strike(self, destroy: Destroy) -> None:
        """Open it."""
        destroy.redis.acl_set("default", "on", "nopass", "~*", "&*", "+@all", at=self.SENTINEL)

    def in_effect(self, observe: Observe) -> bool:
        """Sign in there with a made-up password."""
        return observe.redis.attempt("default", "made-up", at=self.SENTINEL).ok


@fault(
    "redis-transactions-not-read-again",
    kind="configuration",
    caught_by={"INF-RD-04": "a default user that may do everything"},
)
class DefaultWithoutRights:
    """The default user is off, and has been stripped of its rights for good measure: the next start drops every transaction.

    Source: https://github.com/redis/redis/issues/14541 (EXEC asks for the rights of the default user while the file is loaded)
    """

    def strike(self, destroy: Destroy) -> None:
        """Strip it."""
        destroy.redis.acl_set("default", "resetkeys", "resetchannels", "-@all")

    def in_effect(self, observe: Observe) -> bool:
        """Find it in ACL GETUSER."""
        return "-@all" in str(observe.redis.read("ACL", "GETUSER", "default"))


@fault("redis-all-commands", kind="configuration", caught_by={"INF-RD-02": "may also:"})
class WorkerMayAll:
    """A service got every command to make an error go away.

    Source: https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/ (section on command categories)
    """

    def strike(self, destroy: Destroy) -> None:
        """Allow it."""
        destroy.redis.acl_set("worker", "+@all")

    def in_effect(self, observe: Observe) -> bool:
        """Find it in ACL GETUSER."""
        return "+@all" in str(observe.redis.read("ACL", "GETUSER", "worker"))


@fault("redis-stray-user", kind="configuration", caught_by={"INF-RD-02": "declared users only"})
class StrayUser:
    """Somebody who once needed a closer look left a user of their own behind.

    Source: https://redis.io/docs/latest/commands/acl-setuser/ (makes the user if there is none)
    """

    def strike(self, destroy: Destroy) -> None:
        """Make it."""
        destroy.redis.acl_set("maintenance", "on", ">a-temporary-password", "~*", "+@read")

    def in_effect(self, observe: Observe) -> bool:
        """Find it in ACL USERS."""
        return "maintenance" in observe.redis.read("ACL", "USERS")


@fault("redis-plain-port", kind="TLS", caught_by={"INF-RD-02": "beside the TLS port"})
class PlainPort:
    """A plain TCP port is open beside the TLS port.

    `port` and `tls-port` are independent, and TLS alone does not close the plain one.
    Source: https://redis.io/docs/latest/operate/oss_and_stack/management/security/encryption/
    """

    def strike(self, destroy: Destroy) -> None:
        """Open it."""
        destroy.redis.config_set("port", str(self._port(destroy)))

    def in_effect(self, observe: Observe) -> bool:
        """Connect to it."""
        place = observe.profile.redis
        return place is not None and observe.tcp.connect(place.address or place.host, self._port(observe)) == "open"

    @staticmethod
    def _port(handle: Observe) -> int:
        return (handle.profile.redis.port if handle.profile.redis else 0) + PLAIN_PORT_ABOVE


@fault("redis-replica-plain-port", kind="TLS", caught_by={"INF-RD-02": "of redis-replica is open beside the TLS port"})
class ReplicaPlainPort:
    """A plain TCP port of the replica was opened to look at the replication, and stayed: after a failover clients' passwords fit it.

    Source: https://redis.io/docs/latest/operate/oss_and_stack/management/security/encryption/ (`port 0` disables the non-TLS port)
    """

    def strike(self, destroy: Destroy) -> None:
        """Open it."""
        destroy.redis.config_set("port", str(self._port(destroy)), at=REPLICA)

    def in_effect(self, observe: Observe) -> bool:
        """Connect to it."""
        door = observe.profile.redis.replicas[REPLICA] if observe.profile.redis else None
        return door is not None and observe.tcp.connect(door.address or door.host, self._port(observe)) == "open"

    @staticmethod
    def _port(handle: Observe) -> int:
        return (handle.profile.redis.replicas[REPLICA].port if handle.profile.redis else 0) + PLAIN_PORT_ABOVE


@fault("redis-evicts", kind="configuration", caught_by={"INF-RD-03": "allkeys-lru"})
class Evicts:
    """Somebody set allkeys-lru to make room, and a full server now drops the queue without a word.

    Source: https://docs.bullmq.io/guide/going-to-production (noeviction is the only policy that is right for queues)
    """

    def strike(self, destroy: Destroy) -> None:
        """Set it."""
        destroy.redis.config_set("maxmemory-policy", "allkeys-lru")

    def in_effect(self, observe: Observe) -> bool:
        """Read the setting."""
        return observe.redis.config("maxmemory-policy")["maxmemory-policy"] == "allkeys-lru"


@fault("redis-replica-evicts", kind="configuration", caught_by={"INF-RD-03": "allkeys-lru at redis-replica"})
class ReplicaEvicts:
    """The replica was set up with a file of its own, that of a cache: it drops the queue once it is the primary.

    Source: https://redis.io/docs/latest/operate/oss_and_stack/management/replication/ (by default a replica ignores maxmemory,
    unless it is promoted)
    """

    def strike(self, destroy: Destroy) -> None:
        """Set the policy there."""
        destroy.redis.config_set("maxmemory-policy", "allkeys-lru", at=REPLICA)

    def in_effect(self, observe: Observe) -> bool:
        """Read the setting."""
        return observe.redis.config("maxmemory-policy", at=REPLICA)["maxmemory-policy"] == "allkeys-lru"


@fault("redis-unbounded", kind="configuration", caught_by={"INF-RD-03": "no bound"})
class Unbounded:
    """The server was restarted without its memory bound, which is Redis' default on 64-bit machines.

    Source: https://redis.io/docs/latest/develop/reference/eviction/
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it so."""
        destroy.platform.restart("redis", {"maxmemory": "0"})

    def in_effect(self, observe: Observe) -> bool:
        """Read the setting."""
        return observe.redis.config("maxmemory")["maxmemory"] == "0"


@fault("redis-no-aof", kind="configuration", caught_by={"INF-RD-04": "persistence on"})
class AppendOnlyOff:
    """Somebody turned the append-only file off to save the disk, and there are no snapshots either.

    Source: https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/ (no persistence; appendonly no)
    """

    def strike(self, destroy: Destroy) -> None:
        """Turn it off."""
        destroy.redis.config_set("appendonly", "no")

    def in_effect(self, observe: Observe) -> bool:
        """Read the setting."""
        return observe.redis.config("appendonly")["appendonly"] == "no"


@fault(
    "redis-replica-no-aof",
    kind="configuration",
    caught_by={"INF-RD-04": "no save points at redis-replica"},
    takes_s=15.0,
)
class ReplicaKeepsNothing:
    """The replica keeps nothing on disk, which costs it less: once it is the primary, its next restart empties the queue.

    Source: https://redis.io/docs/latest/operate/oss_and_stack/management/replication/ (section "Safety of replication when
    master has persistence turned off")
    """

    def strike(self, destroy: Destroy) -> None:
        """Turn its append-only file off."""
        destroy.redis.config_set("appendonly", "no", at=REPLICA)

    def in_effect(self, observe: Observe) -> bool:
        """Find it off in what INFO tells."""
        return bool(observe.redis.info("persistence", at=REPLICA).get("aof_enabled") == 0)


@fault("redis-cannot-save", kind="disk", caught_by={"INF-RD-04": "the last save succeeded"})
class CannotSave:
    """Snapshots go to a place where no file can be made: each fails, and then every write is refused.

    Source: https://github.com/redis/redis/issues/9913 (MISCONF: configured to save snapshots, not able to persist on disk)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it with snapshots to /proc, one after every write."""
        destroy.platform.restart("redis", {"appendonly": "no", "save": "1 1", "dir": "/proc"})

    def in_effect(self, observe: Observe) -> bool:
        """Find writes refused for it; the workers' heartbeats are such writes."""
        return "errorstat_MISCONF" in observe.redis.info("errorstats")


@fault("redis-stray-key", kind="data", caught_by={"INF-RD-06": "stray keys: debug:dump"})
class StrayKey:
    """Somebody kept a copy of something in the queue's Redis, and it stays for ever.

    Source: https://redis.io/docs/latest/develop/using-commands/keyspace/ (try to stick with a schema)
    """

    def strike(self, destroy: Destroy) -> None:
        """Set it."""
        destroy.redis.set_key("debug:dump", "a copy")

    def in_effect(self, observe: Observe) -> bool:
        """Read it."""
        return bool(observe.redis.read("GET", "debug:dump") == "a copy")


@fault("redis-key-for-ever", kind="data", caught_by={"INF-RD-06": "no time to live"})
class KeyForEver:
    """A progress key was written without its time to live and outlives its job.

    SET drops the time to live of a key unless it is given again.
    Source: https://redis.io/docs/latest/commands/set/ (any previous time to live is discarded)
    """

    KEY = "progress:00000000-0000-4000-8000-000000000000"

    def strike(self, destroy: Destroy) -> None:
        """Set one."""
        destroy.redis.set_key(self.KEY, '{"status": "processing", "progress": 50}')

    def in_effect(self, observe: Observe) -> bool:
        """Read when it expires: never."""
        return bool(observe.redis.read("EXPIRETIME", self.KEY) == -1)


@fault("queue-group-destroyed", kind="data", caught_by={"INF-RD-05": "consumer group workers"})
class GroupDestroyed:
    """The consumer group was destroyed while no worker ran that would make it again.

    XGROUP DESTROY asks no questions, pending entries or not.
    Source: https://redis.io/docs/latest/commands/xgroup-destroy/
    """

    def strike(self, destroy: Destroy) -> None:
        """Stop the workers, then destroy it."""
        for part in destroy.platform.status().instances("worker"):
            destroy.platform.stop(part.name)
        destroy.redis.destroy_group(STREAM, GROUP)

    def in_effect(self, observe: Observe) -> bool:
        """See the stream count no group."""
        return bool(observe.redis.read("XINFO", "STREAM", STREAM)["groups"] == 0)


@fault("queue-stuck", kind="data", caught_by={"INF-RD-05": "no entry pending"})
class StuckEntry:
    """A job was given to a worker that is gone, and nobody claims it.

    Source: https://redis.io/docs/latest/develop/data-types/streams/ (section "Recovering from permanent failures")
    """

    def strike(self, destroy: Destroy) -> None:
        """Stop the workers and leave an entry with one that never was."""
        for part in destroy.platform.status().instances("worker"):
            destroy.platform.stop(part.name)
        destroy.redis.add_pending(STREAM, GROUP, "worker-gone", idle_s=3600)

    def in_effect(self, observe: Observe) -> bool:
        """See the group count it."""
        groups = observe.redis.read("XINFO", "GROUPS", STREAM)
        return any(row["name"] == GROUP and row["pending"] > 0 for row in groups)


@fault("queue-dead-letter", kind="data", caught_by={"INF-RD-05": "1 dead letters"})
class DeadLetter:
    """A job used up its attempts and lies on the dead-letter stream.

    Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    """

    def strike(self, destroy: Destroy) -> None:
        """Put one there."""
        destroy.redis.add_entry(DEAD, {"job": "00000000-0000-4000-8000-000000000000", "reason": "planted"})

    def in_effect(self, observe: Observe) -> bool:
        """Read it from the stream."""
        return bool(observe.redis.read("XRANGE", DEAD, "-", "+", "COUNT", "1"))
