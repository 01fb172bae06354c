"""Read migration files: `<version>_<name>.sql` with headers, `-- migrate:up` and `-- migrate:down`."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Migration", "MigrationError", "Section", "load_migrations", "parse_migration", "split_statements"]

FOLDER = Path(__file__).parent
PHASES = ("expand", "backfill", "contract")

_NAME = re.compile(r"([0-9]{14})_([a-z0-9_]+)\.sql")
_HEADER = re.compile(r"^-- ([a-z_]+): (.+)$", re.MULTILINE)
_MARK = re.compile(r"^-- migrate:(up|down)((?: [a-z]+:[a-z]+)*)[ \t]*$", re.MULTILINE)
_DURATION = re.compile(r"[1-9][0-9]*(ms|s|min)")
_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*) | (?P<block>/\*) | (?P<quoted>'(?:[^']|'')*') | (?P<ident>"(?:[^"]|"")*")
      | (?P<dollar>\$(?:[A-Za-z_][A-Za-z_0-9]*)?\$) | (?P<end>;)""",
    re.VERBOSE,
)


class MigrationError(Exception):
    """Say in one line why the migrations cannot be read, verified or applied."""


@dataclass(frozen=True)
class Section:
    """Hold the SQL of one direction, and whether it runs in one transaction."""

    sql: str
    transaction: bool


@dataclass(frozen=True)
class Migration:
    """Hold one file."""

    version: str
    name: str
    phase: str
    lock_timeout: str
    statement_timeout: str
    sha256: str
    up: Section
    down: Section


def load_migrations(folder: Path = FOLDER) -> tuple[Migration, ...]:
    """Read every file of the folder in the order of their versions; raise MigrationError for a malformed one."""
    migrations = [parse_migration(path.name, path.read_bytes()) for path in sorted(folder.glob("*.sql"))]
    versions = [migration.version for migration in migrations]
    for version in versions:
        if versions.count(version) > 1:
            raise MigrationError(f"two files have the version {version}")
    return tuple(migrations)


def parse_migration(filename: str, content: bytes) -> Migration:
    """Read one file."""
    name = _NAME.fullmatch(filename)
    if not name:
        raise MigrationError(f"{filename}: expected <14 digits>_<lower_case_name>.sql")
    text = content.decode()
    marks = list(_MARK.finditer(text))
    if [mark[1] for mark in marks] != ["up", "down"]:
        raise MigrationError(f"{filename}: expected one '-- migrate:up' and then one '-- migrate:down'")
    up, down = marks
    headers = dict(_HEADER.findall(text[: up.start()]))
    phase, lock_timeout = headers.get("phase", ""), headers.get("lock_timeout", "")
    statement_timeout = headers.get("statement_timeout", "5s")
    if phase not in PHASES:
        raise MigrationError(f"{filename}: expected the header '-- phase: {'|'.join(PHASES)}'")
    for header, value in (("lock_timeout", lock_timeout), ("statement_timeout", statement_timeout)):
        if not _DURATION.fullmatch(value):
            raise MigrationError(f"{filename}: expected a header like '-- {header}: 500ms'")
    if phase == "backfill" and "transaction:false" not in up[2].split():
        raise MigrationError(
            f"{filename}: a backfill commits each batch, so it needs '-- migrate:up transaction:false'"
        )
    return Migration(
        version=name[1],
        name=name[2],
        phase=phase,
        lock_timeout=lock_timeout,
        statement_timeout=statement_timeout,
        sha256=hashlib.sha256(content).hexdigest(),
        up=_section(filename, up, text[up.end() : down.start()]),
        down=_section(filename, down, text[down.end() :]),
    )


def _section(filename: str, mark: re.Match[str], sql: str) -> Section:
    options = mark[2].split()
    if options not in ([], ["transaction:false"], ["transaction:true"]):
        raise MigrationError(f"{filename}: unknown option in {mark[0]!r}")
    return Section(sql.strip(), transaction="transaction:false" not in options)


def split_statements(sql: str) -> Iterator[str]:
    """Split at the semicolons which are outside of quotes, dollar quotes and comments; drop empty statements."""
    start = position = 0
    bare = False
    while token := _TOKEN.search(sql, position):
        bare = bare or bool(sql[position : token.start()].strip())
        position = token.end()
        if token["end"]:
            if bare:
                yield sql[start : token.start()].strip()
            start, bare = position, False
        elif token["block"]:
            position = _after(sql, "*/", position)
        elif not token["comment"]:
            bare = True
            if token["dollar"]:
                position = _after(sql, token["dollar"], position)
    if bare or sql[position:].strip():
        yield sql[start:].strip()


def _after(sql: str, mark: str, position: int) -> int:
    end = sql.find(mark, position)
    if end < 0:
        raise MigrationError(f"{mark} is missing after: {sql[position : position + 40]!r}")
    return end + len(mark)
