"""Every unsafe migration of the published set is refused, by the linter or by the lock clock; every safe twin passes both."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from suites.migrations import _lint as lint
from suites.migrations import _lock_clock as lock_clock
from suites.migrations import _rows as rows
from suites.migrations import _volume as volume
from system.migrations import load_migrations
from system.migrations.files import Migration, parse_migration
from tests.platform.bench import Running
from tests.platform.scratch import ScratchDatabase, scratch

FOLDER = Path("suites/migrations/unsafe")
UNSAFE = sorted(path.name.removesuffix(".unsafe.sql") for path in FOLDER.glob("*.unsafe.sql"))
REFUSED = re.compile(r"^-- refused by: (lint|clock) (.+)$", re.MULTILINE)
HEADERS = ("outage", "source", "refused by")
STALL_S, BLOCKED = 0.75, 60
COUNTS = {"accounts": 2000, "sessions": 20000, "refresh_tokens": 2000, "assets": 50000, "idempotency_keys": 2000}
COUNTS |= {"jobs": 20000, "outbox": 2000, "idempotent_answers": 2000}
FIRST_VERSION = 20990101000000


def text(name: str) -> str:
    return (FOLDER / f"{name}.unsafe.sql").read_text()


def refused_by(name: str) -> tuple[str, str]:
    found = REFUSED.search(text(name))
    assert found is not None, f"{name}.unsafe.sql does not say who refuses it"
    return found[1], found[2]


def twins(name: str) -> list[Path]:
    return sorted(FOLDER.glob(f"{name}.safe*.sql"))


def rules(path: Path) -> list[str]:
    return [rule for _, rule, _ in lint.findings(lint.script(path.read_text()), 16)]


def test_every_unsafe_migration_says_its_outage_and_has_a_twin() -> None:
    lacking = [name for name in UNSAFE if any(f"-- {header}: " not in text(name) for header in HEADERS)]
    alone = [name for name in UNSAFE if not twins(name)]
    strange = {path.name for path in FOLDER.glob("*.sql")} - {f"{name}.unsafe.sql" for name in UNSAFE}
    strange -= {twin.name for name in UNSAFE for twin in twins(name)}
    assert (lacking, alone, strange) == ([], [], set())
    assert len(UNSAFE) >= 20


@pytest.mark.parametrize("name", [name for name in UNSAFE if refused_by(name)[0] == "lint"])
def test_the_linter_refuses_it(name: str) -> None:
    assert refused_by(name)[1] in rules(FOLDER / f"{name}.unsafe.sql")


def test_the_linter_passes_the_safe_twins() -> None:
    assert {path.name: rules(path) for name in UNSAFE for path in twins(name) if rules(path)} == {}


class Trial:
    """A filled scratch server at head, and a lock clock."""

    def __init__(self, server: ScratchDatabase, clock: lock_clock.LockClock) -> None:
        self._server, self._clock = server, clock
        self._versions = map(str, itertools.count(FIRST_VERSION))

    def findings(self, files: list[Path]) -> list[str]:
        """Apply revisions one after the other and take them back; gives what the clock found."""
        known: list[Migration] = list(load_migrations())
        found: list[str] = []
        try:
            for path in files:
                version = next(self._versions)
                known.append(parse_migration(f"{version}_trial.sql", path.read_bytes()))
                columns = {
                    name.removeprefix("public."): names for name, names in rows.tables(self._server.rows).items()
                }
                seen = self._clock.read(lambda: self._up(known), version, columns)
                found += lock_clock.findings(seen, stall_s=STALL_S, blocked=BLOCKED)
        finally:
            with self._server.runner(known) as runner:
                runner.down(len(runner.applied()) - len(load_migrations()))
        return found

    def _up(self, known: list[Migration]) -> None:
        with self._server.runner(known) as runner:
            runner.up()


@pytest.fixture(scope="module")
def trial(instance: Running) -> Iterator[Trial]:
    with scratch(instance) as server:
        with server.runner(load_migrations()) as runner:
            runner.up()
        server.rows(volume.filling(COUNTS))
        with lock_clock.LockClock(server, 40.0, report_s=0.2) as clock:
            yield Trial(server, clock)


@pytest.mark.parametrize("name", [name for name in UNSAFE if refused_by(name)[0] == "clock"])
def test_the_clock_refuses_it(trial: Trial, name: str) -> None:
    assert refused_by(name)[1] in "; ".join(trial.findings([FOLDER / f"{name}.unsafe.sql"]))


def test_the_clock_passes_the_safe_twins(trial: Trial) -> None:
    assert {name: found for name in UNSAFE if (found := trial.findings(twins(name)))} == {}
