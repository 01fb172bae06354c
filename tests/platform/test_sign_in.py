"""Signing in while somebody sets another password, against the real server and with the rights that the API has there."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest

from system.api import sessions
from system.api.models import Credentials
from system.api.passwords import hash_password
from system.api.services import Services
from system.common.config import DatabaseSettings, KeyRing
from system.common.database import postgres_pool
from system.common.live import Live
from system.common.problem import Problem
from system.platforms.local.parts.services import database_variables
from tests.platform.bench import Running, connect
from tests.waiting import wait_for

MAKE = "insert into accounts (email, password_hash) values (%s, %s)"
SET = "update accounts set password_hash = %s where email = %s"
WAITS = "select 1 from pg_locks where not granted"


async def nothing(_question: object) -> None:
    """Stands in for a Redis that is away."""


def test_a_password_that_is_being_replaced_opens_no_session(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    layout, email = running.layout, f"{uuid4().hex}@example.test"
    url = database_variables(layout.addresses.endpoint("pgbouncer"), layout.root_certificate, "api")["DATABASE_URL"]
    password: Live[tuple[str, ...]] = Live(((layout.secrets / "postgres-api").read_text().strip(),))

    async def work() -> None:
        judged, replaced = asyncio.Event(), asyncio.Event()

        async def is_right(_stored: object, _password: object) -> bool:
            judged.set()
            return await replaced.wait()

        monkeypatch.setattr(sessions, "password_is_right", is_right)
        settings = cast(
            "Any", SimpleNamespace(api_origin="https://a.test", jwt_keys=Live(KeyRing("k", {"k": b"k" * 32})))
        )
        none, redis = cast("Any", None), cast("Any", SimpleNamespace(ask=nothing))
        async with postgres_pool(DatabaseSettings(url, password), name="test", max_size=1, wait_s=10.0) as pool:
            services = Services(settings, pool, none, redis, none, none, none, none)
            with connect(running, "api") as setter:
                setter.execute(MAKE, (email, hash_password("the old one")))
                setter.commit()
                entering = Credentials(email=email, password="the old one")
                signing_in = asyncio.create_task(sessions.sign_in(entering, "192.0.2.1", services))
                await judged.wait()
                setter.execute(SET, (hash_password("the new one"), email))
                replaced.set()
                await asyncio.to_thread(wait_for, lambda: signing_in.done() or setter.execute(WAITS).fetchone())
            with pytest.raises(Problem) as refused:
                await signing_in
            assert refused.value.status == 401

    asyncio.run(work())
