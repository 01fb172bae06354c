"""A rotation that fails leaves everybody with a value that works."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest

from system.platforms.local import rotation
from system.platforms.local.rotation import Rotation
from system.platforms.local.secret_files import SecretFiles


def test_a_role_that_cannot_be_altered_is_known_by_its_old_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, altered, told = SecretFiles(tmp_path), list[str](), list[str]()
    old = files.make("postgres-api").read_text()

    async def set_password(_dsn: str, _role: str, password: str) -> None:
        assert files.read("postgres-api").splitlines() == [old, password]  # the services hold both
        altered.append(password)
        if len(altered) == 1:
            raise psycopg.OperationalError("the primary fails over")

    @asynccontextmanager
    async def passwords_change() -> Any:
        try:
            yield
        finally:
            told.append(files.read("postgres-api").splitlines()[-1])

    async def nothing(*_: object, **__: object) -> None:
        return

    instance = SimpleNamespace(
        secrets=files,
        keepers={"pgbouncer": SimpleNamespace(pid=1)},
        cluster=SimpleNamespace(admin_dsn=lambda _database: "", now=nothing, sessions=nothing),
        pooler=SimpleNamespace(passwords_change=passwords_change),
    )
    monkeypatch.setattr(rotation, "set_password", set_password)
    rotating = Rotation(cast("Any", instance))
    with pytest.raises(psycopg.OperationalError):
        asyncio.run(rotating.begin("postgres-api"))
    assert (told, files.read("postgres-api")) == ([old], old)

    asyncio.run(rotating.complete("postgres-api"))
    new = files.read("postgres-api")
    assert told == [old, new] != [old, old]
