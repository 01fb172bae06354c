"""PostgreSQL: the right server, over TLS only, for those who may, that keeps what it has acknowledged."""

import re
from ipaddress import ip_network

import psycopg

from seatrial import BLOCKER, Invalid, Observe, check, require
from seatrial.facets.postgres import ObservePg
from seatrial.probes.postgres import PgAnswer
from suites.infra import _hba as hba
from suites.infra._role_settings import RoleSettings, is_on, milliseconds

SERVICE_ROLES = ("api", "worker")
PRIMARY = "postgres"
ALL_ROLES = (*SERVICE_ROLES, "migrator", "observer")
# One privilege per service without which it cannot work (the grants stand in the migrations).
NEEDED = (("api", "assets", "INSERT"), ("api", "jobs", "INSERT"), ("worker", "jobs", "UPDATE"))
DURABLE = {
    "fsync": {"on"},
    "full_page_writes": {"on"},
    "data_checksums": {"on"},
    "wal_level": {"replica", "logical"},
}
COMMITS = {"on", "remote_apply"}
TIMEOUTS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
LONGEST_TIMEOUT_S = 60
UTC = {"utc", "etc/utc"}
# What servers and poolers say at the door to a client without TLS: PostgreSQL before and since 12, PgBouncer, Pgpool.
NO_CLEARTEXT = re.compile(r"no encryption|ssl off|(ssl|tls) (is )?required|requires? (ssl|tls)", re.IGNORECASE)

SCRAM = {"require_auth": "scram-sha-256"}
# What libpq says when the server asked for a password, by SCRAM where that was demanded, and there was none to answer with.
ASKED_FOR_PASSWORD = re.compile(r"no password supplied", re.IGNORECASE)
LIBPQ_WITH_REQUIRE_AUTH = 160_000
STRONG = {
    "rolsuper": "SUPERUSER",
    "rolcreaterole": "CREATEROLE",
    "rolcreatedb": "CREATEDB",
    "rolreplication": "REPLICATION",
    "rolbypassrls": "BYPASSRLS",
}
# Predefined roles that lead to the server's files and programs, and so to everything.
STRONG_GROUPS = ("pg_execute_server_program", "pg_read_server_files", "pg_write_server_files")
MEMBERSHIPS = """
select r.rolname as role, g.rolname as through from pg_roles r join pg_roles g on r.oid <> g.oid
where r.rolname = any(%(roles)s) and not r.rolsuper and pg_has_role(r.oid, g.oid, 'MEMBER')
and (g.rolsuper or g.rolcreaterole or g.rolcreatedb or g.rolreplication or g.rolbypassrls or g.rolname = any(%(groups)s))
"""
OWN_SCHEMA = "public"
OWNED = """
select r.rolname as role, o.type, coalesce(o.schema, '') as schema, o.identity
from pg_shdepend d join pg_roles r on r.oid = d.refobjid and d.refclassid = 'pg_authid'::regclass
join pg_database b on b.datname = current_database() and d.dbid in (0, b.oid)
cross join lateral pg_identify_object(d.classid, d.objid, d.objsubid) o
where d.deptype = 'o' and r.rolname = any(%(roles)s)
order by r.rolname, o.identity
"""


@check("INF-PG-01", severity=BLOCKER, component="postgres")
def test_the_endpoint_is_a_primary_that_takes_the_services_writes(observe: Observe) -> None:
    """The primary answers, is not in recovery, takes writes of the services' roles, and is the declared major version.

    Why it matters: after a failover an endpoint can follow a standby, and managed servers turn read-only when their disk
    fills: reading goes on, every upload and sign-in fails.

    How it is measured: pg_is_in_recovery() and the version are asked over the profile's endpoint. Whether a service may
    write is computed from the catalogue: the value of default_transaction_read_only that a new session of its role
    gets, and one privilege that it cannot work without.

    Not covered: a write itself, which observing may not do; sign-in with the services' own passwords.
    """
    major = int(observe.target("postgres_major"))
    server = observe.pg.rows(
        "select pg_is_in_recovery() as in_recovery, current_setting('server_version_num')::int as version, "
        "current_database() as database"
    )[0]
    settings = RoleSettings.read(observe, SERVICE_ROLES, ("default_transaction_read_only",))
    observe.evidence("server", server)
    with observe.cases(at_least=2 + len(SERVICE_ROLES) + len(NEEDED)) as cases:
        with cases("not in recovery"):
            require(server["in_recovery"] is False, "a primary, not in recovery", "pg_is_in_recovery() is true")
        with cases("major version"):
            seen = server["version"] // 10_000
            require(seen == major, f"PostgreSQL {major}", f"PostgreSQL {seen} ({server['version']})")
        for role in SERVICE_ROLES:
            with cases(f"{role} may write"):
                value = settings.of(role, "default_transaction_read_only")
                require(not is_on(value.value), f"new sessions of {role} are not read-only", f"read-only: {value}")
        for role, table, privilege in NEEDED:
            with cases(f"{role} holds {privilege} on {table}"):
                held = observe.pg.rows(
                    "select has_table_privilege(%(role)s, %(table)s, %(privilege)s) "
                    "or has_any_column_privilege(%(role)s, %(table)s, %(privilege)s) as held",
                    {"role": role, "table": table, "privilege": privilege},
                )[0]["held"]
                require(held, f"{role} may {privilege} {table}", "the privilege is missing")


@check("INF-PG-02", severity=BLOCKER, component="postgres")
def test_only_verified_tls_is_spoken(observe: Observe) -> None:
    """Cleartext is refused, the certificate chain verifies against the profile's CA, and the host name matches.

    Why it matters: passwords and rows cross a network that others share, and TLS without a verified name hands both to
    whoever answers first.

    How it is measured: at the primary and at each standby of the profile, each of which reads a file of its own of who may
    enter, a session with verify-full must run over TLS by the server's own word (pg_stat_ssl). Each role that may sign in asks
    for a session in cleartext without sending a password: the server must refuse at the door, before it asks for one. A
    handshake with the primary verifies chain and name; a name that no certificate carries must be refused, which shows that
    this client verifies at all. The same is asked of the pooler, where the profile names one, as each service's role: cleartext
    must be refused at the door, and a password be asked for over verified TLS. No session under way may be in cleartext; to a role that may not see others' sessions, none is,
    so that nothing is concluded then.

    Not covered: protocol versions and ciphers; that each service verifies as strictly.
    """
    place = observe.profile.postgres
    if place is None:
        raise Invalid("the profile names no [postgres]")
    servers, roles = _servers(observe), set(ALL_ROLES)
    fewest = 4 + len(servers) * (2 + len(ALL_ROLES)) + (2 * len(SERVICE_ROLES) if place.pooler else 0)
    with observe.cases(at_least=fewest) as cases:
        with cases("a name that no certificate has"):
            other = observe.pg.attempt(host="not-this-server.invalid")
            if other.ok:
                raise Invalid("this client accepted a certificate for another host name, so it verifies nothing")
        with cases("roles that may sign in"):
            roles.update(_logins(observe))
        for name, server in servers.items():
            with cases(f"a verified session at {name}"):
                answer = server.attempt()
                require(answer.ok and answer.tls, "a session over verified TLS", answer.error or "no TLS", name)
                own = server.rows("select ssl, version, cipher from pg_stat_ssl where pid = pg_backend_pid()")[0]
                observe.evidence(f"session at {name}", own)
                require(own["ssl"], "the server sees TLS in this session", f"pg_stat_ssl says {own}", name)
            for role in sorted(roles):
                with cases(f"{role} in cleartext at {name}"):
                    _require_no_cleartext(server.attempt(user=role, sslmode="disable"), name)
            with cases(f"sessions under way at {name}"):
                _require_none_in_cleartext(server, name)
        with cases("the chain verifies"):
            shaken = observe.tls.handshake(place.host, place.port, starttls="postgres")
            observe.evidence("tls", {"protocol": shaken.protocol, "cipher": shaken.cipher, "names": shaken.names})
            require(shaken.ok, f"a chain of the profile's CA for {place.host}", shaken.error)
        with cases("the host name matches"):
            require(place.host in shaken.names, f"a certificate for the host name {place.host}", f"{shaken.names}")
        for role in SERVICE_ROLES if place.pooler else ():
            with cases(f"{role} in cleartext at the pooler"):
                _require_no_cleartext(observe.pg.attempt(user=role, sslmode="disable", pooled=True), "pooler")
            with cases(f"{role} over verified TLS at the pooler"):
                answer = observe.pg.attempt(user=role, pooled=True)
                seen = "signed in without a password" if answer.ok else answer.error or ""
                require(ASKED_FOR_PASSWORD.search(seen), "a password asked for over verified TLS", seen, "pooler")


def _servers(observe: Observe) -> dict[str, ObservePg]:
    """Return the primary and each declared standby by name: who may enter stands in a file of each one's own."""
    place = observe.profile.postgres
    return {PRIMARY: observe.pg} | {name: observe.pg.standby(name) for name in (place.standbys if place else ())}


def _logins(observe: Observe) -> list[str]:
    return [row["rolname"] for row in observe.pg.rows("select rolname from pg_roles where rolcanlogin order by 1")]


def _require_no_cleartext(plain: PgAnswer, where: str) -> None:
    seen = "signed in" if plain.ok else plain.error or ""
    require(NO_CLEARTEXT.search(seen), "cleartext refused before any password is asked for", seen, where)


def _require_none_in_cleartext(server: ObservePg, where: str) -> None:
    if not server.rows("select pg_has_role(current_user, 'pg_read_all_stats', 'usage') as shown")[0]["shown"]:
        raise Invalid("the observing role is shown nobody else's sessions: it needs pg_read_all_stats")
    bare = server.rows(
        "select a.usename, a.application_name, host(a.client_addr) as address from pg_stat_ssl s "
        "join pg_stat_activity a using (pid) where not s.ssl and a.client_addr is not null"
    )
    require(not bare, "every session over TLS", f"in cleartext: {bare}", where)


@check("INF-PG-03", severity=BLOCKER, component="postgres")
def test_roles_prove_themselves_by_scram_and_hold_no_power_over_the_server(observe: Observe) -> None:
    """Every role is asked for SCRAM, no network line takes less, and application roles have no power over the server.

    Why it matters: a trust line lets in whoever reaches the port, md5 gives a listener what it can crack or replay, and a
    service whose role is a superuser turns one injected statement into a shell on the database's machine.

    How it is measured: at the primary and at each standby of the profile, with libpq's require_auth each role that may sign in
    asks for a session without sending a password: the server must ask for SCRAM; the observing role's own session must come
    about by it. Where the observing role may read pg_hba_file_rules, no line for network clients may have a weak method (trust,
    md5, password, ident) or be unreadable. pg_roles gives the attributes of the application roles, pg_has_role what they could become by SET ROLE,
    pg_shdepend what the services' roles own.

    Not covered: how strong the passwords are; roles that may not sign in; other databases of the cluster; what the
    migrating role owns, since owning is its work.
    """
    if psycopg.pq.version() < LIBPQ_WITH_REQUIRE_AUTH:
        raise Invalid(f"libpq {psycopg.pq.version()} has no require_auth, which came with 16")
    servers, logins = _servers(observe), _logins(observe)
    roles = {"roles": list(ALL_ROLES), "groups": list(STRONG_GROUPS)}
    attributes = {
        row["rolname"]: row
        for row in observe.pg.rows(
            "select rolname, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls from pg_roles "
            "where rolname = any(%(roles)s)",
            roles,
        )
    }
    memberships = observe.pg.rows(MEMBERSHIPS, roles)
    owned = observe.pg.rows(OWNED, {"roles": list(SERVICE_ROLES)})
    observe.evidence("roles", {"sign in": logins, "memberships": memberships, "owned by services": owned})
    hidden = []
    fewest = len(servers) * (2 + len(ALL_ROLES)) + 2 * len(ALL_ROLES) + len(SERVICE_ROLES)
    with observe.cases(at_least=fewest) as cases:
        for name, server in servers.items():
            with cases(f"a session by SCRAM at {name}"):
                own = server.attempt(options=SCRAM)
                require(own.ok, "the server asks for SCRAM on the wire", own.error, name)
            for role in sorted({*ALL_ROLES, *logins}):
                with cases(f"{role} is asked for SCRAM at {name}"):
                    answer = server.attempt(user=role, options=SCRAM)
                    seen = "signed in without a password" if answer.ok else answer.error or ""
                    require(
                        ASKED_FOR_PASSWORD.search(seen), f"the server asks {role} for SCRAM on the wire", seen, name
                    )
            with cases(f"lines for network clients of {name}"):
                if not hba.readable(server):
                    hidden.append(name)
                else:
                    weak = [str(rule) for rule in _network_rules(server) if rule.error or rule.method in hba.WEAK]
                    require(not weak, "no network line with trust, md5, password or ident", "; ".join(weak), name)
        for role in ALL_ROLES:
            with cases(f"{role} has no power over the server"):
                require(role in attributes, f"a role {role}", "no such role")
                held = [word for column, word in STRONG.items() if attributes[role][column]]
                require(not held, f"{role} without any of {', '.join(STRONG.values())}", f"{role} is {', '.join(held)}")
            with cases(f"{role} cannot become stronger"):
                through = [row["through"] for row in memberships if row["role"] == role]
                require(not through, f"{role} in no role with power over the server", f"member of {through}")
        for role in SERVICE_ROLES:
            with cases(f"{role} owns nothing outside {OWN_SCHEMA}"):
                strange = [f"{row['type']} {row['identity']}" for row in owned if row["role"] == role]
                inside = {f"{row['type']} {row['identity']}" for row in owned if row["schema"] == OWN_SCHEMA}
                outside = [each for each in strange if each not in inside]
                require(not outside, f"{role} owns nothing outside schema {OWN_SCHEMA}", f"owns {', '.join(outside)}")
    observe.evidence("lines for network clients not shown by", hidden)


def _network_rules(pg: ObservePg) -> list[hba.Rule]:
    found = [rule for rule in hba.rules(pg) if rule.kind != hba.LOCAL]
    if not found:
        raise Invalid("pg_hba_file_rules has no line for network clients, yet this session came over the network")
    return found


@check("INF-PG-05", severity=BLOCKER, component="postgres")
def test_what_is_acknowledged_is_durable(observe: Observe) -> None:
    """Durability settings hold, the services' roles have time-outs, and the database is UTC and UTF8.

    Why it matters: with fsync or synchronous_commit off a power cut loses acknowledged uploads or the whole cluster;
    without time-outs one forgotten transaction blocks a migration and with it every service.

    How it is measured: pg_settings of the primary and of each standby of the profile, for an acknowledged commit lies with both and
    a failover keeps the standby's; pg_db_role_setting for what a new session of each service's role gets, pg_database for the
    encoding. A setting that waits for a restart to become another one fails, too.

    Not covered: whether the disk beneath keeps what it acknowledges; a session that changes its own settings.
    """
    names = (*DURABLE, "synchronous_commit", "TimeZone", *TIMEOUTS)
    settings = RoleSettings.read(observe, SERVICE_ROLES, names)
    found = {
        server: pg.rows(
            "select name, setting, pending_restart from pg_settings where name = any(%(names)s)", {"names": list(names)}
        )
        for server, pg in _servers(observe).items()
    }
    encoding = observe.pg.rows(
        "select pg_encoding_to_char(encoding) as encoding from pg_database where datname = current_database()"
    )[0]["encoding"]
    durable = {
        server: {row["name"]: row["setting"] for row in rows if row["name"] in DURABLE}
        for server, rows in found.items()
    }
    observe.evidence("settings", durable | {"encoding": encoding})
    fewest = len(found) * (len(DURABLE) + 1) + 1 + len(SERVICE_ROLES) * (2 + len(TIMEOUTS))
    with observe.cases(at_least=fewest) as cases:
        for server, rows in found.items():
            for name, allowed in DURABLE.items():
                with cases(f"{name} of {server}"):
                    value = durable[server].get(name)
                    seen = f"{name} is {value} at {server}"
                    require(value in allowed, f"{name} {' or '.join(sorted(allowed))}", seen, server)
            with cases(f"nothing waits for a restart of {server}"):
                waiting = [row["name"] for row in rows if row["pending_restart"]]
                said = f"waiting: {', '.join(waiting)}"
                require(not waiting, "no durability setting waits for a restart", said, server)
        with cases("encoding"):
            require(encoding == "UTF8", "database encoding UTF8", encoding)
        for role in SERVICE_ROLES:
            with cases(f"synchronous_commit of {role}"):
                commit = settings.of(role, "synchronous_commit")
                require(commit.value in COMMITS, f"synchronous_commit {' or '.join(sorted(COMMITS))}", str(commit))
            with cases(f"time zone of {role}"):
                zone = settings.of(role, "TimeZone")
                require(zone.value.lower() in UTC, "time zone UTC", str(zone))
            for name in TIMEOUTS:
                with cases(f"{name} of {role}"):
                    limit = settings.of(role, name)
                    in_bounds = 0 < milliseconds(limit.value) <= LONGEST_TIMEOUT_S * 1000
                    require(in_bounds, f"{name} of more than 0 and at most {LONGEST_TIMEOUT_S} s", str(limit))


@check("INF-PG-08", severity=BLOCKER, component="postgres")
def test_only_trusted_networks_may_connect(observe: Observe) -> None:
    """Every line by which the server lets network clients in is for a network that the profile trusts.

    Why it matters: a database that the whole world may try is guessed at from the hour it is found, and its next
    vulnerability before sign-in is everybody's; the firewall in front is one mistake away from not being there.

    How it is measured: the primary and each standby of the profile read their own lines (pg_hba_file_rules, by a role that may see them). Each that
    admits anybody must name addresses inside targets.postgres_trusted_networks; a word (`all`, `samenet`), a host name and a
    line that the server cannot read count as not trusted. This session's own address must lie in a trusted network, which
    shows that the list is about this network at all.

    Not covered: a file that was changed since the server last read its own (pg_hba_file_rules shows the file); firewalls
    and a provider's list of trusted sources (INF-NET-03); that a trusted network is itself private.
    """
    trusted = [ip_network(str(each)) for each in observe.target("postgres_trusted_networks")]
    if not trusted:
        raise Invalid("targets.postgres_trusted_networks is empty, so nobody could be let in")
    names = ", ".join(map(str, trusted))
    found = {name: _rules_here(server, trusted) for name, server in _servers(observe).items()}
    observe.evidence("rules", {name: [str(rule) for rule in rules] for name, rules in found.items()})
    with observe.cases(at_least=sum(1 + len(rules) for rules in found.values())) as cases:
        for name, rules in found.items():
            with cases(f"somebody is let in at {name}"):
                admitted = any(rule.admits for rule in rules)
                require(admitted, "a line that admits a trusted network", "none admits anybody", name)
            for rule in rules:
                with cases(f"{name}, {rule}"):
                    require(not rule.error, "a line that the server can read", rule.error, name)
                    trusted_only = not rule.admits or rule.within(trusted)
                    require(trusted_only, f"only addresses in trusted networks ({names})", str(rule), name)


def _rules_here(server: ObservePg, trusted: list[hba.Network]) -> list[hba.Rule]:
    """Return a server's lines; raises Invalid where this session came from no trusted network: they are about another one."""
    own = server.rows("select host(inet_client_addr()) as address")[0]["address"]
    if own is not None and not any(hba.covers(network, own) for network in trusted):
        raise Invalid(f"this session came from {own}, which targets.postgres_trusted_networks does not name")
    return _network_rules(server)
