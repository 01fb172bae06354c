"""Redis: the right server, for those who may, that keeps the queue."""

import secrets
import tomllib
from collections import Counter
from pathlib import Path

from seatrial import BLOCKER, MAJOR, MINOR, Invalid, Observe, check, require
from seatrial.cases import Cases
from seatrial.errors import HarnessError, Unanswered
from suites.infra import _redis_acl as acl
from suites.infra import _redis_keys as keyspace

SERVICES = ("api", "worker")
STREAM, GROUP, DEAD = "jobs:preview", "workers", "jobs:preview:dead"
FORBIDDEN = frozenset({"admin", "dangerous"})
PENDING_LIMIT = 1000
PERSISTENT, REBUILDABLE = "on", "rebuildable"
# The drill that empties Redis and has the queue rebuilt from the database.
REBUILT = "DR-RD-02"
EXPECTED = Path(__file__).parents[1] / "expected.toml"
STRAYS_NAMED = 20


@check("INF-RD-01", severity=BLOCKER, component="redis")
def test_the_endpoint_is_a_primary_of_the_declared_version(observe: Observe) -> None:
    """Redis answers, is at least the declared major version, and is a primary.

    Why it matters: a client that ends up on a replica reads old progress and cannot write: every upload is acknowledged
    by the database and never queued.

    How it is measured: INFO server and INFO replication over the profile's endpoint, or where the profile names Sentinels of
    the server that they call the primary. Valkey names the Redis version that it is compatible with.

    Not covered: that a client finds the new primary after a failover (DR-RD-01).
    """
    least = int(observe.target("redis_major"))
    version = str(observe.redis.info("server").get("redis_version", ""))
    replication = observe.redis.info("replication")
    seen = replication.get("role")
    observe.evidence("server", {"version": version, "role": seen, "replicas": replication.get("connected_slaves")})
    with observe.cases(at_least=2) as cases:
        with cases("version"):
            major = version.partition(".")[0]
            require(major.isdigit() and int(major) >= least, f"Redis {least} or newer", version or "no redis_version")
        with cases("role"):
            require(seen == "master", "role:master", f"INFO says role:{seen}, master {replication.get('master_host')}")


@check("INF-RD-02", severity=BLOCKER, component="redis")
def test_each_client_may_do_what_it_needs_and_nothing_else(observe: Observe) -> None:
    """Unauthenticated and wrong-password clients are refused, ACLs equal the declaration, and TLS is spoken.

    Why it matters: an open Redis is taken over within hours of being reachable; a service that may FLUSHALL or CONFIG SET
    turns its own weakness into the loss of the queue.

    How it is measured: connections without credentials, and with a random password for every user that exists, must be
    refused. ACL LIST is compared with suites/infra/redis_acl.toml: users, keys, channels, and the commands that the
    rules allow on this server (COMMAND INFO gives the categories). No service may reach an admin or dangerous command
    or every key, declared or not. Where the profile says TLS: the chain verifies, cleartext is refused, and no plain
    port is open (INFO server tells the plain port where there is one). Each replica and each Sentinel must refuse clients without
    credentials as well, over TLS that verifies, refuse cleartext, and have no plain port.

    Not covered: the rules of the users of replicas and Sentinels; whether the passwords are strong; sign-in with the services' own passwords.
    """
    place = observe.profile.redis
    if place is None:
        raise Invalid("the profile names no [redis]")
    users = {user.name: user for user in map(acl.parse, observe.redis.acl_list())}
    table = acl.command_table(observe.redis.read("COMMAND", "INFO"))
    if len(table) < 100:
        raise Invalid(f"COMMAND INFO lists {len(table)} commands only, so rules cannot be compared")
    others = {**place.replicas, **place.sentinels}
    wanted = acl.declared(replicated=bool(place.replicas))
    observe.evidence("users", {name: " ".join(user.commands) for name, user in users.items()})
    fewest = 2 * len(users) + len(wanted) + len(SERVICES) + len(others) + 1 + (2 * len(others) + 3 if place.tls else 0)
    with observe.cases(at_least=fewest) as cases:
        with cases("no credentials"):
            open_door = observe.redis.attempt()
            require(not open_door.ok, "clients without credentials refused", "PONG without any credential")
            require("auth" in (open_door.error or "").lower(), "a refusal for want of credentials", open_door.error)
        for name in others:
            with cases(f"no credentials at {name}"):
                _require_closed(observe, name)
        for name, user in users.items():
            with cases(f"{name} with a wrong password"):
                guess = observe.redis.attempt(name, secrets.token_hex(16))
                require(not guess.ok, "a wrong password refused", f"{name} signed in with a random password")
                told = guess.error or ""
                require("invalid username-password" in told, f"{name} refused for the password", told)
            with cases(f"{name} is declared"):
                declared = name in wanted or (name == "default" and not user.on)
                require(declared and not user.nopass, "declared users only, each with a password", f"{user}")
        for name, rules in wanted.items():
            with cases(f"rules of {name}"):
                require(name in users, f"a user {name}", f"users: {', '.join(users)}")
                _require_equal(users[name], rules, table)
        for name in SERVICES:
            with cases(f"{name} is least privileged"):
                _require_least(users.get(name), table)
        if place.tls:
            with cases("verified TLS"):
                shaken = observe.tls.handshake(place.host, place.port)
                observe.evidence("tls", {"protocol": shaken.protocol, "names": shaken.names})
                require(shaken.ok, f"a chain of the profile's CA for {place.host}", shaken.error)
            ports = {place.host: place.port} | {each: door.port for each, door in others.items()}
            for name, own in ports.items():
                with cases(f"cleartext at {name}"):
                    plain = observe.redis.attempt(tls=False, at=name)
                    said = (plain.error or "").lower()
                    seen = plain.error or "PONG in cleartext"
                    require(not plain.ok and "auth" not in said, "no cleartext answer", seen, name)
                with cases(f"no plain port of {name}"):
                    port = observe.redis.info("server", at=name)["tcp_port"]
                    seen = f"port {port} of {name} is open beside the TLS port"
                    require(port == own, "no plain TCP port", seen, name)


def _require_closed(observe: Observe, name: str) -> None:
    tried = observe.redis.attempt(at=name)
    refused = not tried.ok and "auth" in (tried.error or "").lower()
    seen = "PONG without any credential" if tried.ok else tried.error
    require(refused, f"{name} to refuse clients without credentials", seen, name)


def _require_equal(user: acl.User, rules: acl.Declared, table: acl.Commands) -> None:
    require(user.on and user.passwords == 1, f"{user.name} on, with one password", f"on={user.on}, {user.passwords}")
    require(user.keys == rules.keys, f"keys {sorted(rules.keys)}", f"keys {sorted(user.keys)}")
    require(user.channels == rules.channels, f"channels {sorted(rules.channels)}", f"channels {sorted(user.channels)}")
    require(not user.selectors, "no further rule sets", f"{user.selectors}")
    seen, meant = acl.allowed(user.commands, table), acl.allowed(rules.commands, table)
    more, less = sorted(seen - meant), sorted(meant - seen)
    require(not more, f"no command of {user.name} beyond the declaration", f"may also: {' '.join(more)}")
    require(not less, f"every declared command of {user.name}", f"may not: {' '.join(less)}")


def _require_least(user: acl.User | None, table: acl.Commands) -> None:
    if user is None:
        return  # said by the comparison with the declaration
    require("*" not in user.keys, "a service reaches its own keys only", f"keys {sorted(user.keys)}")
    strong = sorted(command for command in acl.allowed(user.commands, table) if table[command] & FORBIDDEN)
    require(not strong, "no admin or dangerous command", f"may: {' '.join(strong)}")


@check("INF-RD-03", severity=BLOCKER, component="redis")
def test_redis_never_evicts(observe: Observe) -> None:
    """Memory is bounded, and a full Redis refuses new writes rather than dropping queued work.

    Why it matters: under any evicting policy a full Redis silently drops the job stream or its group; without a bound the
    kernel kills the server instead.

    How it is measured: INFO memory of each server that the profile names tells its bound and its policy: a replica has its own, and
    is the primary after the next failover.

    Not covered: how near the bound is, which is an alert's affair.
    """
    told = {name: observe.redis.info("memory", at=name) for name in observe.redis.servers}
    found = {name: {each: info.get(each) for each in ("maxmemory", "maxmemory_policy")} for name, info in told.items()}
    observe.evidence("settings", found)
    with observe.cases(at_least=2 * len(found)) as cases:
        for name, settings in found.items():
            with cases(f"maxmemory of {name}"):
                bound = settings["maxmemory"]
                require(int(bound or 0) > 0, "maxmemory set", f"maxmemory {bound} (no bound)", name)
            with cases(f"policy of {name}"):
                policy = settings["maxmemory_policy"]
                require(policy == "noeviction", "maxmemory-policy noeviction", f"{policy} at {name}", name)


@check("INF-RD-04", severity=BLOCKER, component="redis")
def test_what_redis_took_survives_its_restart(observe: Observe) -> None:
    """Persistence is on and its last save and rewrite succeeded, or Redis is declared rebuildable and a drill proves that.

    Why it matters: without persistence every restart empties the queue; with one that has been failing for weeks nobody
    notices until then, or every write is refused at once (MISCONF).

    How it is measured: where targets.redis_persistence is "on", INFO persistence of each server that the profile names (a replica
    persists by its own settings, and is the primary after the next failover) must show the append-only file or snapshots to be on, the last write, rewrite and save without error, and no load under way; the append-only file must be
    forced to disk (appendfsync, by CONFIG GET; a managed server may not let anybody ask it for that, nor for its save points: then
    the append-only file must be on, or a snapshot have been taken since its start, and the evidence says so), and the user `default`, by whose rights a server reads it again, must be allowed everything:
    what it may not do is dropped from transactions without a word. Where it is "rebuildable", DR-RD-02 must be among the checks that must run, and not be
    declared inapplicable: its own outcome says whether the queue comes back.

    Not covered: that the files can be read again; whether the disk beneath keeps what it acknowledges.
    """
    declared = str(observe.target("redis_persistence"))
    if declared not in {PERSISTENT, REBUILDABLE}:
        raise Invalid(f'targets.redis_persistence is {declared!r}, neither "{PERSISTENT}" nor "{REBUILDABLE}"')
    if declared == REBUILDABLE:
        _require_rebuildable(observe)
        return
    servers = observe.redis.servers
    with observe.cases(at_least=6 * len(servers)) as cases:
        for name in servers:
            _judge_persistence(observe, cases, name)


def _judge_persistence(observe: Observe, cases: Cases, server: str) -> None:
    state = observe.redis.info("persistence", at=server)
    settings = _settings(observe, server)
    observe.evidence(f"persistence of {server}", state | (settings or {"settings": "not to be asked for"}))
    journal = state.get("aof_enabled") == 1
    snapshots = bool(settings["save"]) if settings else int(state.get("rdb_last_bgsave_time_sec", -1)) >= 0
    with cases(f"persistence of {server}"):
        seen = f"aof_enabled 0 and no save points at {server}"
        require(journal or snapshots, "persistence on: an append-only file or save points", seen, server)
    if settings:
        with cases(f"forced to disk by {server}"):
            forced = not journal or settings["appendfsync"] in {"always", "everysec"}
            require(forced, "appendfsync always or everysec", f"appendfsync {settings['appendfsync']}", server)
    with cases(f"read again whole by {server}"):
        users = map(acl.parse, observe.redis.acl_list(at=server))
        default = next((user for user in users if user.name == "default"), None)
        whole = default is None or (default.commands == ("+@all",) and "*" in default.keys and "*" in default.channels)
        require(not journal or whole, "a default user that may do everything, off as it is", f"{default}", server)
    for name, what in (
        ("aof_last_write_status", "the last write of the append-only file"),
        ("aof_last_bgrewrite_status", "the last rewrite of the append-only file"),
        ("rdb_last_bgsave_status", "the last save"),
    ):
        with cases(f"{what} of {server}"):
            require(state.get(name) == "ok", f"{what} succeeded", f"{name}:{state.get(name)}", server)
    with cases(f"loaded by {server}"):
        require(state.get("loading") == 0, "nothing being loaded", f"loading:{state.get('loading')}", server)


def _settings(observe: Observe, server: str) -> dict[str, str] | None:
    """Return how the server persists; None where it knows no CONFIG, or lets nobody use it."""
    try:
        return observe.redis.config("appendfsync", "save", at=server)
    except (HarnessError, Unanswered) as error:
        if not any(word in str(error) for word in ("unknown command", "NOPERM")):
            raise
        return None


def _require_rebuildable(observe: Observe) -> None:
    why_not = observe.profile.expect.not_applicable.get(REBUILT)
    with observe.cases(at_least=2) as cases:
        with cases("a drill that proves it"):
            known = REBUILT in tomllib.loads(EXPECTED.read_text())
            require(known, f"{REBUILT} among the checks that must run", f"no {REBUILT} in {EXPECTED.name}")
        with cases("the drill applies"):
            require(why_not is None, f"{REBUILT} applicable to this environment", f"not applicable: {why_not}")


@check("INF-RD-05", severity=MAJOR, component="redis")
def test_the_queue_is_whole_and_moving(observe: Observe) -> None:
    """The stream and its consumer group exist, nothing has been pending too long, and no job is dead-lettered.

    Why it matters: without its group the queue takes jobs that nobody reads; an entry that nobody has touched for long
    is a job that was lost with its worker; a dead letter is a video that somebody waits for.

    How it is measured: XINFO GROUPS; XPENDING for entries whose last delivery or renewal is older than targets.pending_s
    (a busy worker renews its entry); XLEN of the dead-letter stream.

    Not covered: entries that no worker has been given yet, which is a question of load; the rows in the database.
    """
    budget_s = float(observe.target("pending_s"))
    kind = observe.redis.read("TYPE", STREAM)
    groups = [row["name"] for row in observe.redis.read("XINFO", "GROUPS", STREAM)] if kind == "stream" else []
    stuck = observe.redis.pending(STREAM, GROUP, idle_s=budget_s, limit=PENDING_LIMIT) if GROUP in groups else []
    observe.evidence("queue", {"kind": kind, "groups": groups, "stuck": [entry.to_json() for entry in stuck[:20]]})
    with observe.cases(at_least=4) as cases:
        with cases("stream"):
            require(kind == "stream", f"a stream {STREAM}", f"{STREAM} is {kind}")
        with cases("group"):
            require(GROUP in groups, f"consumer group {GROUP} on {STREAM}", f"groups: {', '.join(groups) or 'none'}")
        with cases("pending entries"):
            oldest = max((entry.idle_s for entry in stuck), default=0.0)
            seen = f"{len(stuck)} pending for longer, the oldest {oldest:.0f} s"
            require(not stuck, f"no entry pending for more than {budget_s:g} s", seen)
        with cases("dead letters"):
            dead = observe.redis.read("XLEN", DEAD)
            require(dead == 0, f"an empty dead-letter stream {DEAD}", f"{dead} dead letters")


@check("INF-RD-06", severity=MINOR, component="redis")
def test_every_key_is_known_and_goes_when_it_is_due(observe: Observe) -> None:
    """Every key lies in a documented namespace, and has a time to live where one is due.

    Why it matters: with noeviction every key that nobody removes is memory that the queue lacks one day, and a key that
    nobody knows is another program's, somebody's experiment, or what an intruder left.

    How it is measured: SCAN over every key, compared with suites/infra/redis_keys.toml; PTTL of each that lies in a namespace
    with a time to live must be set and no longer than declared. A key that expires meanwhile counts as gone. An empty
    Redis is INVALID, since nothing was compared.

    Not covered: other databases than the profile's; what the keys hold; how much memory each takes.
    """
    namespaces = keyspace.declared()
    seen, strays, wrong = Counter[str](), list[str](), list[str]()
    for key in keyspace.keys(observe):
        namespace = keyspace.namespace_of(key, namespaces)
        if namespace is None:
            strays.append(key)
            continue
        seen[namespace.name] += 1
        if namespace.longest_ttl_s is not None:
            problem = keyspace.wrong_ttl(int(observe.redis.read("PTTL", key)), namespace)
            if problem:
                wrong.append(f"{key}: {problem}")
    if not seen and not strays:
        raise Invalid("Redis holds no key, so nothing was compared")
    observe.evidence("keys", {"by namespace": dict(seen), "stray": strays[:STRAYS_NAMED], "ttl": wrong[:STRAYS_NAMED]})
    with observe.cases(at_least=2) as cases:
        with cases("documented namespaces"):
            said = f"{len(strays)} stray keys: {', '.join(strays[:STRAYS_NAMED])}"
            require(not strays, "only keys of redis_keys.toml", said)
        with cases("time to live"):
            said = f"{len(wrong)} keys: {', '.join(wrong[:STRAYS_NAMED])}"
            require(not wrong, "a time to live where one is due, as declared at most", said)
