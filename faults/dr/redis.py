"""What keeps Redis from failing over, its clients from following, a lost server from coming back, or a stolen password from dying."""

from seatrial import Destroy, Observe, fault

REPLICA = "redis-replica"
OUTVOTED = ("sentinel-2", "sentinel-3")
FOLLOWERS = ("api", "worker")


@fault(
    "sentinels-outvoted",
    kind="process",
    caught_by={"DR-RD-01": "not reached: first acknowledged write", "INF-RD-07": "sentinel-2"},
)
class SentinelsOutvoted:
    """Two of three Sentinels are gone, unnoticed: the one that is left sees the primary's death and may do nothing.

    Source: https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/ (a failover needs the authorization of the
    majority of the Sentinel processes, whatever the quorum)
    """

    def strike(self, destroy: Destroy) -> None:
        """Stop them."""
        for name in OUTVOTED:
            destroy.platform.stop(name)

    def in_effect(self, observe: Observe) -> bool:
        """Find nobody listening at their addresses."""
        doors = observe.profile.redis.sentinels if observe.profile.redis else {}
        places = [(doors[name].address or doors[name].host, doors[name].port) for name in OUTVOTED if name in doors]
        return len(places) == len(OUTVOTED) and all(observe.tcp.connect(*place) == "refused" for place in places)


@fault(
    "redis-replica-passive",
    kind="configuration",
    caught_by={
        "DR-RD-01": "not reached: first acknowledged write",
        "INF-RD-07": "a replica that sentinel-1 may promote",
    },
    takes_s=30.0,
)
class ReplicaPassive:
    """The only replica has priority 0, once set for one that took backups: no Sentinel will ever make it the primary.

    Source: https://redis.io/docs/latest/operate/oss_and_stack/management/replication/ and redis.conf, replica-priority (a
    replica with priority of 0 will never be selected by Redis Sentinel for promotion)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it so."""
        destroy.platform.restart(REPLICA, {"replica-priority": "0"})

    def in_effect(self, observe: Observe) -> bool:
        """Read the priority from the replica; every Sentinel, which asks it every ten seconds, must have heard of it by then."""
        place = observe.profile.redis
        passive = observe.redis.config("replica-priority", at=REPLICA)["replica-priority"] == "0"
        return passive and not any(observe.redis.sentinel(name).fit for name in (place.sentinels if place else ()))


@fault(
    "redis-clients-pinned",
    kind="configuration",
    caught_by={"DR-RD-01": "not reached: first acknowledged write"},
    takes_s=20.0,
)
class ClientsPinned:
    """The services know one address of Redis and no Sentinel: the servers fail over, and nobody follows.

    Source: https://redis.io/docs/latest/develop/reference/sentinel-clients/ (a client must ask the Sentinels, and again each time
    it reconnects)
    """

    def strike(self, destroy: Destroy) -> None:
        """Roll out a configuration without them."""
        settings = {service: {"REDIS_SENTINELS": None} for service in FOLLOWERS}
        destroy.platform.deploy(settings=settings, at_once=True)

    def in_effect(self, observe: Observe) -> bool:
        """Find the address and no Sentinel in the environment of every instance's process."""
        parts = {each.name for service in FOLLOWERS for each in observe.platform.status().instances(service)}
        scan = observe.platform.scan(canaries=["REDIS_URL=", "REDIS_SENTINELS="])
        told = {(each.name, each.place.split(" ")[0]) for each in scan.canaries if each.kind == "environment"}
        return bool(parts) and all(
            ("REDIS_URL=", name) in told and ("REDIS_SENTINELS=", name) not in told for name in parts
        )


@fault(
    "redis-replication-refused",
    kind="configuration",
    caught_by={"DR-RD-01": "rejoined as a replica"},
    takes_s=20.0,
)
class ReplicationRefused:
    """The primary was never told how to sign in to another one: that shows only when it returns as a replica.

    Source: https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/ (section "Sentinel and Redis Authentication":
    masterauth must be set on every server, since each may be the replica one day)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart the primary with another user's name to sign in with."""
        destroy.platform.restart("redis", {"masteruser": "nobody"})

    def in_effect(self, observe: Observe) -> bool:
        """Read the setting from the server."""
        return observe.redis.config("masteruser")["masteruser"] == "nobody"


@fault(
    "replica-takes-no-new-password",
    kind="configuration",
    caught_by={"DR-KEY-01": "'redis-api': ['redis-replica']"},
    takes_s=15.0,
)
class ReplicaTakesNoNewPassword:
    """The replica's commands were renamed to harden it, and another one answers to ACL: no rotation reaches it, and none fails.

    Source: https://redis.io/docs/latest/operate/oss_and_stack/management/security/ (section "Disallowing specific commands")
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it with EXISTS under the name of ACL."""
        destroy.platform.restart(REPLICA, {"rename-command ACL": "", "rename-command EXISTS": "ACL"})

    def in_effect(self, observe: Observe) -> bool:
        """Ask it who is asking, and be told how many such keys there are."""
        return bool(observe.redis.read("ACL", "WHOAMI", at=REPLICA) == 0)
