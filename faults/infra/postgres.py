"""What can break PostgreSQL's place, its door and its durability."""

from typing import ClassVar

from seatrial import Destroy, Observe, fault

# The loopback's clients arrive from 127.0.0.1, and from the private network elsewhere.
CLEARTEXT_HBA = "host all all 0.0.0.0/0 scram-sha-256\n"
ADMIN_HBA = "host all admin 127.0.0.1/32 scram-sha-256\n"
TRUST_HBA = "hostssl all migrator 127.0.0.1/32 trust\n"
MD5_HBA = "hostssl all all 127.0.0.1/32 md5\n"
WORLD_HBA = "hostssl all all 0.0.0.0/0 scram-sha-256\n"
SAMENET_HBA = "hostssl all observer samenet scram-sha-256\n"


class WithLine:
    """Restart the server with a line in front; in effect when it reads the line, and has loaded its lines since."""

    line: ClassVar[str]

    def strike(self, destroy: Destroy) -> None:
        """Restart it."""
        self._before = destroy.pg.rows("select now() as at")[0]["at"]
        destroy.platform.restart("postgres", {"hba": self.line})

    def in_effect(self, observe: Observe) -> bool:
        """Look for that method for that network among the lines that the server reads."""
        *_, network, method = self.line.split()
        found = "select 1 from pg_hba_file_rules where auth_method = %s and address = %s and pg_conf_load_time() > %s"
        return bool(observe.pg.rows(found, (method, network.partition("/")[0], self._before)))


@fault("pg-read-only", kind="configuration", caught_by={"INF-PG-01": "read-only"})
class ReadOnlyServer:
    """The server turns every new transaction read-only.

    Managed PostgreSQL does so by itself when its disk fills: Aiven sets default_transaction_read_only, reads go on.
    Source: https://help.aiven.io/en/articles/2990664-postgresql-disk-full-prevention
    """

    def strike(self, destroy: Destroy) -> None:
        """Set it for the whole server."""
        destroy.pg.set_system("default_transaction_read_only", "on")

    def in_effect(self, observe: Observe) -> bool:
        """Ask a session under way what its transactions are."""
        return bool(observe.pg.rows("show transaction_read_only")[0]["transaction_read_only"] == "on")


@fault("pg-role-read-only", kind="configuration", caught_by={"INF-PG-01": "read-only: on (set for role api)"})
class ReadOnlyRole:
    """One service's role was made read-only for a maintenance, and nobody took it back.

    Source: https://www.postgresql.org/docs/16/sql-alterrole.html (role defaults override the server's settings)
    """

    def strike(self, destroy: Destroy) -> None:
        """Give the role its own default."""
        destroy.pg.set_role("api", "default_transaction_read_only", "on")

    def in_effect(self, observe: Observe) -> bool:
        """Find it in the role's entry of pg_roles."""
        row = observe.pg.rows("select rolconfig from pg_roles where rolname = 'api'")[0]
        return "default_transaction_read_only=on" in (row["rolconfig"] or [])


@fault("pg-grant-lost", kind="configuration", caught_by={"INF-PG-01": "the privilege is missing"})
class GrantLost:
    """A clean-up of privileges took INSERT on assets away from the API.

    Source: https://www.postgresql.org/docs/16/sql-revoke.html (also revokes what is granted on single columns)
    """

    def strike(self, destroy: Destroy) -> None:
        """Revoke it."""
        destroy.pg.revoke("INSERT", "assets", "api")

    def in_effect(self, observe: Observe) -> bool:
        """Miss the "a" (append) for the role in the table's access list."""
        row = observe.pg.rows("select relacl::text as acl from pg_class where oid = 'assets'::regclass")[0]
        return "a" not in str(row["acl"]).partition("api=")[2].partition("/")[0]


@fault("pg-down", kind="process", caught_by={"INF-PG-01": "did not answer", "INF-PG-02": "refused"})
class ServerDown:
    """The server is gone and nothing takes its place.

    Source: https://github.blog/2023-10-11-github-availability-report-september-2023/ (a primary lost, no failover)
    """

    def strike(self, destroy: Destroy) -> None:
        """Keep the failover manager from acting, which somebody forgot to take back after a maintenance, and stop it."""
        destroy.platform.maintenance()
        destroy.platform.stop("postgres")

    def in_effect(self, observe: Observe) -> bool:
        """Find nobody listening at its address."""
        place = observe.profile.postgres
        return place is not None and observe.tcp.connect(place.address or place.host, place.port) == "refused"


@fault("pg-cleartext", kind="configuration", caught_by={"INF-PG-02": "cleartext refused"})
class CleartextAllowed:
    """A host line was added in front of the hostssl lines, so that TLS is optional.

    "host" matches connections with and without TLS.
    Source: https://www.postgresql.org/docs/16/auth-pg-hba-conf.html
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart the server with the line."""
        destroy.platform.restart("postgres", {"hba": CLEARTEXT_HBA})

    def in_effect(self, observe: Observe) -> bool:
        """Sign in as the observing role without TLS."""
        answer = observe.pg.attempt(sslmode="disable")
        return answer.ok and not answer.tls


@fault("pg-cleartext-for-admin", kind="configuration", caught_by={"INF-PG-02": "admin in cleartext at postgres"})
class CleartextForAdmin:
    """A host line was added for the administrator alone, whose old client spoke no TLS: the strongest password goes over the wire.

    Source: https://www.postgresql.org/docs/16/auth-pg-hba-conf.html (host matches connections with and without TLS)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart the server with the line."""
        destroy.platform.restart("postgres", {"hba": ADMIN_HBA})

    def in_effect(self, observe: Observe) -> bool:
        """Be asked for the password in cleartext: without the line there is none for such a connection."""
        answer = observe.pg.attempt(user="admin", sslmode="disable")
        return "no password supplied" in (answer.error or "")


@fault("pg-other-name", kind="TLS", caught_by={"INF-PG-02": "certificate for the host name"})
class CertificateForAnotherName:
    """The server presents a good certificate of the right authority, for another name.

    Clients that check the chain but not the name accept it: CVE-2018-10936 (pgjdbc before 42.2.5).
    Source: https://nvd.nist.gov/vuln/detail/CVE-2018-10936
    """

    def strike(self, destroy: Destroy) -> None:
        """Issue and load it."""
        destroy.platform.certificate("postgres", names=["elsewhere.seatrial.internal"])

    def in_effect(self, observe: Observe) -> bool:
        """Find another host in the leaf, taken without verifying."""
        place = observe.profile.postgres
        if place is None:
            return False
        shaken = observe.tls.handshake(place.host, place.port, starttls="postgres", verify=False)
        return "elsewhere.seatrial.internal" in shaken.names


@fault("pg-self-signed", kind="TLS", caught_by={"INF-PG-02": "a chain of the profile's CA"})
class SelfSignedCertificate:
    """The server was rebuilt and made itself a certificate of its own.

    Debian's package does so on installation ("snakeoil"), and clients with sslmode=require do not notice.
    Source: https://www.postgresql.org/docs/16/libpq-ssl.html (table of what each sslmode protects against)
    """

    def strike(self, destroy: Destroy) -> None:
        """Issue and load it."""
        destroy.platform.certificate("postgres", self_signed=True)

    def in_effect(self, observe: Observe) -> bool:
        """Find the leaf to be its own issuer."""
        place = observe.profile.postgres
        if place is None:
            return False
        leaf = observe.tls.handshake(place.host, place.port, starttls="postgres", verify=False).leaf
        return leaf is not None and leaf.issuer == leaf.subject


@fault("pg-superuser", kind="configuration", caught_by={"INF-PG-03": "api is SUPERUSER"})
class ServiceIsSuperuser:
    """The API's role was made a superuser to get past a missing privilege.

    A superuser runs programs on the server: COPY ... TO PROGRAM.
    Source: https://www.postgresql.org/docs/16/role-attributes.html (superuser status bypasses all permission checks)
    """

    def strike(self, destroy: Destroy) -> None:
        """Make it one."""
        destroy.pg.alter_role("api", "SUPERUSER")

    def in_effect(self, observe: Observe) -> bool:
        """Find that it may read the password verifiers."""
        rows = observe.pg.rows("select has_table_privilege('api', 'pg_catalog.pg_authid', 'SELECT') as may")
        return bool(rows[0]["may"])


@fault("pg-create-role", kind="configuration", caught_by={"INF-PG-03": "worker is CREATEROLE, CREATEDB"})
class ServiceMakesRoles:
    """The worker's role may make roles and databases, left over from an installer that signed in as it.

    Source: https://www.postgresql.org/docs/16/role-attributes.html (role creation)
    """

    def strike(self, destroy: Destroy) -> None:
        """Give it both."""
        destroy.pg.alter_role("worker", "CREATEROLE CREATEDB")

    def in_effect(self, observe: Observe) -> bool:
        """Find it in the older view of roles."""
        rows = observe.pg.rows("select usecreatedb from pg_user where usename = 'worker'")
        return bool(rows and rows[0]["usecreatedb"])


@fault("pg-trust", kind="configuration", caught_by={"INF-PG-03": "the server asks migrator for SCRAM on the wire"})
class TrustLine:
    """A trust line stands in front of the others, as images make one for whoever sets no password.

    Source: https://hub.docker.com/_/postgres (POSTGRES_HOST_AUTH_METHOD=trust: anyone can connect without a password)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart the server with the line."""
        destroy.platform.restart("postgres", {"hba": TRUST_HBA})

    def in_effect(self, observe: Observe) -> bool:
        """Sign in as the migrating role without a password, with no method demanded."""
        return observe.pg.attempt(user="migrator").ok


@fault("pg-md5-line", kind="configuration", caught_by={"INF-PG-03": "no network line with trust, md5"})
class Md5Line(WithLine):
    """A line from an old server says md5: the next password that is set the old way goes over the wire as a hash.

    Source: https://www.postgresql.org/docs/16/auth-password.html (md5: no protection if the hash is stolen)
    """

    line = MD5_HBA


@fault("pg-open-to-the-world", kind="network", caught_by={"INF-PG-08": "only addresses in trusted networks"})
class OpenToTheWorld(WithLine):
    """A line lets every address try, added for somebody who works from elsewhere.

    Source: https://www.postgresql.org/docs/16/auth-pg-hba-conf.html (0.0.0.0/0 represents all IPv4 addresses)
    """

    line = WORLD_HBA


@fault("pg-samenet", kind="configuration", caught_by={"INF-PG-08": "samenet"})
class WholeSubnet(WithLine):
    """A line is for whatever network the server happens to stand in, which after a move is another one.

    Source: https://www.postgresql.org/docs/16/auth-pg-hba-conf.html (samenet: any subnet that the server is connected to)
    """

    line = SAMENET_HBA


@fault("pg-fsync-off", kind="configuration", caught_by={"INF-PG-05": "fsync is off"})
class FsyncOff:
    """Somebody made a bulk load faster and left fsync off: the next power cut can ruin the whole cluster.

    Source: https://www.postgresql.org/docs/16/runtime-config-wal.html#GUC-FSYNC
    """

    def strike(self, destroy: Destroy) -> None:
        """Set it and reload."""
        destroy.pg.set_system("fsync", "off")

    def in_effect(self, observe: Observe) -> bool:
        """Ask a session under way."""
        return bool(observe.pg.rows("show fsync")[0]["fsync"] == "off")


@fault("pg-async-commit", kind="configuration", caught_by={"INF-PG-05": "off (set for role api)"})
class AsynchronousCommit:
    """The API's commits are acknowledged before they are on disk; the last of them vanish with a crash.

    Source: https://www.postgresql.org/docs/16/wal-async-commit.html
    """

    def strike(self, destroy: Destroy) -> None:
        """Set the role's default."""
        destroy.pg.set_role("api", "synchronous_commit", "off")

    def in_effect(self, observe: Observe) -> bool:
        """Find it in the role's entry of pg_roles."""
        row = observe.pg.rows("select rolconfig from pg_roles where rolname = 'api'")[0]
        return "synchronous_commit=off" in (row["rolconfig"] or [])


@fault("pg-no-timeout", kind="configuration", caught_by={"INF-PG-05": "statement_timeout"})
class NoStatementTimeout:
    """The worker's statements may run for ever, and hold their locks as long.

    Source: https://www.postgresql.org/docs/16/runtime-config-client.html#GUC-STATEMENT-TIMEOUT (0 disables it)
    """

    def strike(self, destroy: Destroy) -> None:
        """Take the role's limit away."""
        destroy.pg.set_role("worker", "statement_timeout", "0")

    def in_effect(self, observe: Observe) -> bool:
        """Find it in the role's entry of pg_roles."""
        row = observe.pg.rows("select rolconfig from pg_roles where rolname = 'worker'")[0]
        return "statement_timeout=0" in (row["rolconfig"] or [])
