"""Roles and database of a PostgreSQL server; run at every `up`, so that it repairs what was changed by hand."""

import psycopg
from psycopg import sql

from system.platforms.local.parts.postgres import REPLICATOR
from system.platforms.local.secret_files import SecretFiles

DATABASE = "seatrial"
# Settings per role; times bound what one client may hold up.
_ROLES: dict[str, dict[str, str]] = {
    REPLICATOR: {},
    "backup": {},  # a backup takes as long as it takes
    "migrator": {"statement_timeout": "5min", "lock_timeout": "2s", "idle_in_transaction_session_timeout": "60s"},
    "api": {"statement_timeout": "5s", "lock_timeout": "2s", "idle_in_transaction_session_timeout": "10s"},
    "worker": {"statement_timeout": "15s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "30s"},
    "observer": {
        "statement_timeout": "10s",
        "lock_timeout": "1s",
        "idle_in_transaction_session_timeout": "30s",
    },
}
_BACKUP_GROUPS = ("pg_checkpoint", "pg_read_all_settings", "pg_read_all_stats")
_BACKUP_FUNCTIONS = (
    "pg_backup_start(text, boolean)",
    "pg_backup_stop(boolean)",
    "pg_create_restore_point(text)",
    "pg_switch_wal()",
)
_OBSERVER_GROUPS = ("pg_monitor", "pg_read_all_settings")


async def bootstrap(dsn: str, target: str, secrets: SecretFiles) -> None:
    """Make the roles, the database and its grants.

    Args:
        dsn: the superuser's connection to the database `postgres`.
        target: the superuser's connection to the database `seatrial`.
        secrets: holds the roles' passwords.
    """
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        known = {row[0] for row in await (await connection.execute("SELECT rolname FROM pg_roles")).fetchall()}
        for role, settings in _ROLES.items():
            await _role(connection, role, settings, secrets.read(f"postgres-{role}"), known=role in known)
        for group in _OBSERVER_GROUPS:
            await connection.execute(sql.SQL("GRANT {} TO observer").format(sql.Identifier(group)))
        for group in _BACKUP_GROUPS:
            await connection.execute(sql.SQL("GRANT {} TO backup").format(sql.Identifier(group)))
        for function in _BACKUP_FUNCTIONS:
            await connection.execute(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO backup").format(sql.SQL(function)))
        databases = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if await databases.fetchone() is None:
            await connection.execute(sql.SQL("CREATE DATABASE {} OWNER migrator").format(sql.Identifier(DATABASE)))
    async with await psycopg.AsyncConnection.connect(target, autocommit=True) as connection:
        database = sql.Identifier(DATABASE)
        await connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        await connection.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO api, worker, observer").format(database),
        )
        await connection.execute("ALTER SCHEMA public OWNER TO migrator")
        await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        # Who may connect from where: the view asks for the function with the reader's own rights, so both are needed.
        await connection.execute("GRANT SELECT ON pg_catalog.pg_hba_file_rules TO observer")
        await connection.execute("GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules() TO observer")


async def set_password(dsn: str, role: str, password: str) -> None:
    """Give a role another password; sessions that are open stay."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        verifier = _verifier(connection, role, password)
        await connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier))
        )


def _verifier(connection: psycopg.AsyncConnection[tuple[object, ...]], role: str, password: str) -> str:
    # Hashed here: a clear password in a statement could end up in the server's log.
    return connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()


async def _role(
    connection: psycopg.AsyncConnection[tuple[object, ...]],
    role: str,
    settings: dict[str, str],
    password: str,
    *,
    known: bool,
) -> None:
    verifier = _verifier(connection, role, password)
    name = sql.Identifier(role)
    verb = sql.SQL("ALTER" if known else "CREATE")
    replication = sql.SQL("REPLICATION" if role == REPLICATOR else "NOREPLICATION")
    await connection.execute(
        sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE {} NOBYPASSRLS PASSWORD {}").format(
            verb, name, replication, sql.Literal(verifier)
        )
    )
    await connection.execute(sql.SQL("ALTER ROLE {} RESET ALL").format(name))
    for setting, value in settings.items():
        await connection.execute(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(name, sql.Identifier(setting), sql.Literal(value))
        )
