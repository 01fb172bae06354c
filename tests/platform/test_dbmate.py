"""dbmate as an independent oracle: it reads the same files, and makes the same schema of them, and takes it back."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from suites.migrations import _schema as schema
from system.migrations import load_migrations, split_statements
from system.migrations.files import FOLDER
from system.platforms.local.programs import NODE_TREE
from tests.platform.bench import Running
from tests.platform.scratch import ScratchDatabase, scratch

DBMATE = NODE_TREE / "node_modules/@dbmate/linux-x64/bin/dbmate"
# Each of the two keeps its books in its own way.
BOOKKEEPING = "public.schema_migrations"


@pytest.fixture
def server(running: Running) -> Iterator[ScratchDatabase]:
    with scratch(running) as database:
        yield database


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of the repository, those that run outside of a transaction with one statement each.

    dbmate sends a file as one query, and in one of several statements PostgreSQL refuses CONCURRENTLY.
    """
    for migration in load_migrations():
        name = f"{migration.version}_{migration.name}.sql"
        if migration.up.transaction:
            (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
            continue
        ups, downs = list(split_statements(migration.up.sql)), list(split_statements(migration.down.sql))
        assert len(ups) == len(downs), f"{name}: the way down has another number of statements than the way up"
        for number, (up, down) in enumerate(zip(ups, reversed(downs), strict=True)):
            text = f"-- migrate:up transaction:false\n{up};\n\n-- migrate:down transaction:false\n{down};\n"
            (tmp_path / f"{int(migration.version) + number}_{migration.name}.sql").write_text(text)
    return tmp_path


def dbmate(server: ScratchDatabase, folder: Path, command: str) -> str:
    where = psycopg.conninfo.conninfo_to_dict(server.dsn("migrator"))
    host = f"{where['host']}:{where['port']}/{where['dbname']}"
    url = f"postgres://{where['user']}:{quote(str(where['password']), safe='')}@{host}?sslmode=require"
    done = subprocess.run(
        [DBMATE, f"--migrations-dir={folder}", "--no-dump-schema", command],
        env={"DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def without_books(server: ScratchDatabase) -> dict[str, Any]:
    made = schema.read(server.rows)
    made["relations"].pop(BOOKKEEPING, None)
    return made


def test_dbmate_makes_the_same_schema_and_takes_it_back(server: ScratchDatabase, folder: Path) -> None:
    files = len(list(folder.iterdir()))
    empty = without_books(server)
    assert len(re.findall("^Applied: ", dbmate(server, folder, "up"), re.MULTILINE)) == files
    ours = schema.committed()
    ours["relations"].pop(BOOKKEEPING)
    assert schema.difference(ours, without_books(server)) == []
    for _ in range(files):
        dbmate(server, folder, "rollback")
    assert schema.difference(empty, without_books(server)) == []
