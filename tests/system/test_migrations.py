"""Migration files: what is read, what is refused, and where statements end. (The runner is proven by suites/migrations.)"""

import hashlib

import pytest

from system.migrations.files import MigrationError, load_migrations, parse_migration, split_statements

NAME = "20260101000000_things.sql"
GOOD = """-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
create table things (id bigint);

-- migrate:down
drop table things;
"""


def test_every_file_of_the_repository_is_well_formed_and_reversible() -> None:
    migrations = load_migrations()
    assert len(migrations) >= 3
    assert [migration.version for migration in migrations if not list(split_statements(migration.down.sql))] == []


def test_reads_headers_sections_and_checksum() -> None:
    migration = parse_migration(NAME, GOOD.encode())
    assert (migration.version, migration.name, migration.phase) == ("20260101000000", "things", "expand")
    assert (migration.lock_timeout, migration.statement_timeout) == ("500ms", "5s")
    assert migration.up.sql == "create table things (id bigint);"
    assert migration.up.transaction
    assert migration.sha256 == hashlib.sha256(GOOD.encode()).hexdigest()


def test_a_section_can_do_without_a_transaction() -> None:
    migration = parse_migration(NAME, GOOD.replace("migrate:up", "migrate:up transaction:false").encode())
    assert (migration.up.transaction, migration.down.transaction) == (False, True)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("1_things.sql", GOOD, "14 digits"),
        (NAME, GOOD.replace("-- migrate:down", ""), "migrate:down"),
        (NAME, GOOD.replace("-- phase: expand\n", ""), "phase"),
        (NAME, GOOD.replace("expand", "later"), "phase"),
        (NAME, GOOD.replace("500ms", "0"), "lock_timeout"),
        (NAME, GOOD.replace("migrate:up", "migrate:up fast:true"), "unknown option"),
    ],
)
def test_refuses_a_malformed_file(name: str, text: str, said: str) -> None:
    with pytest.raises(MigrationError, match=said):
        parse_migration(name, text.encode())


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 1; select 2", ["select 1", "select 2"]),
        ("select ';'; select 'it''s;'", ["select ';'", "select 'it''s;'"]),
        ('select 1 as "a;b"; ;', ['select 1 as "a;b"']),
        ("-- one; two\nselect 1;", ["-- one; two\nselect 1"]),
        ("/* a; b */ select 1; -- end;", ["/* a; b */ select 1"]),
        ("do $$ begin; end $$; select 1", ["do $$ begin; end $$", "select 1"]),
        ("do $a$ $$;$$ ; $a$; x", ["do $a$ $$;$$ ; $a$", "x"]),
        ("", []),
    ],
)
def test_splits_statements_where_they_end(sql: str, expected: list[str]) -> None:
    assert list(split_statements(sql)) == expected


def test_refuses_a_dollar_quote_that_never_ends() -> None:
    with pytest.raises(MigrationError, match=r"\$\$ is missing"):
        list(split_statements("do $$ begin"))
