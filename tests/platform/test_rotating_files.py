"""The files of a rotation, cut off after each of their changes."""

import asyncio
import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from system.platforms.local import rotation
from system.platforms.local.errors import BadRequest
from system.platforms.local.instance import Instance
from system.platforms.local.rotating_files import NAMES, PAIRS, RINGS, read_ring, settle
from system.platforms.local.rotation import Rotation
from system.platforms.local.secret_files import SecretFiles


class Cut(BaseException):
    """The platform was killed here."""


class Stores:
    """Stores that accept what they were told last; what is asked of real ones is in test_rotation.py."""

    def __init__(self) -> None:
        self.accepted: list[str] = []
        self.keepers = {"s3": SimpleNamespace(pid=None), "pgbouncer": SimpleNamespace(pid=1)}
        self.pooler = SimpleNamespace(passwords_change=contextlib.nullcontext)
        self.s3 = SimpleNamespace(write_keys=lambda _identity, accepted: self.take(accepted))
        self.cluster = SimpleNamespace(now=self.nothing, admin_dsn=str, sessions=self.nobody)
        self.redis = SimpleNamespace(
            newest_clients=self.nothing, set_passwords=self.set_passwords, sessions=self.nobody
        )

    def take(self, accepted: list[str]) -> None:
        self.accepted = accepted

    async def nothing(self) -> None: ...

    async def nobody(self, *_: object, end: bool) -> int:
        del end
        return 0

    async def set_passwords(self, _user: str, accepted: list[str]) -> None:
        self.take(accepted)

    async def set_password(self, _dsn: str, _role: str, password: str) -> None:
        self.take([password])


@pytest.fixture
def files(tmp_path: Path) -> SecretFiles:
    made = SecretFiles(tmp_path)
    made.make_all()
    return made


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> Stores:
    made = Stores()
    monkeypatch.setattr(rotation, "set_password", made.set_password)
    return made


def rotating(files: SecretFiles, stores: Stores) -> Rotation:
    return Rotation(cast("Instance", SimpleNamespace(secrets=files, **vars(stores))))


async def whole(rotation: Rotation, name: str) -> None:
    await rotation.begin(name)
    await rotation.complete(name)


def value(files: SecretFiles, name: str) -> str:
    """What a service reads: for a pair both of its files."""
    if name in PAIRS:
        return "\n".join(files.read(f"{name}.{part}") for part in ("access", "secret"))
    return files.read(name)


def cut_after(number: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Let `number` changes of files happen, then kill; the function returned tells how many there were."""
    done = 0

    def counted(change: Any) -> Any:
        def act(*args: Any, **options: Any) -> Any:
            nonlocal done
            if done == number:
                raise Cut
            done += 1
            return change(*args, **options)

        return act

    for owner, name in ((Path, "rename"), (Path, "unlink"), (Path, "mkdir"), (Path, "symlink_to"), (os, "link")):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    return lambda: done


@pytest.mark.parametrize("name", NAMES)
def test_a_rotation_ends_with_another_value_alone(files: SecretFiles, stores: Stores, name: str) -> None:
    old, rotation = value(files, name), rotating(files, stores)
    assert asyncio.run(rotation.begin(name))["rotating"]
    overlap = value(files, name)
    assert overlap != old
    if name in RINGS:
        ring = read_ring(files, name)
        assert (ring["active"], sorted(ring["keys"])) == ("k2", ["k1", "k2"])
    elif not name.startswith("postgres-"):
        assert sorted(stores.accepted) == sorted([overlap, old])
    assert not asyncio.run(rotation.complete(name))["rotating"]
    now = value(files, name)
    assert name in RINGS or now == overlap
    assert old.splitlines()[0] not in now
    if name in RINGS:
        assert list(json.loads(now)["keys"]) == ["k2"]
    else:
        assert stores.accepted == [now]
    assert old not in files.values() | {now}


@pytest.mark.parametrize("name", NAMES)
def test_a_rotation_that_was_killed_after_any_change_is_completed_by_up(
    files: SecretFiles, stores: Stores, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, cuts = value(files, name), 0
    while True:
        before = value(files, name)
        with monkeypatch.context() as patched:
            changes = cut_after(cuts, patched)
            rotation = rotating(files, stores)
            try:
                asyncio.run(whole(rotation, name))
            except Cut:
                cut = True
            else:
                cut = False
            assert changes() == cuts or not cut
        restarted = SecretFiles(files.path("."))
        restarted.make_all()
        settle(restarted)
        now = value(restarted, name)
        assert not rotating(restarted, stores).rotating(name)
        if name not in RINGS:
            assert restarted.accepted(name) == [now], "exactly one value is accepted after `up`"
        else:
            assert len(read_ring(restarted, name)["keys"]) == 1
        assert len(now.splitlines()) == (2 if name in PAIRS else 1)
        assert now == before or old not in now
        if not cut:
            break
        cuts += 1
    assert cuts >= 3
    assert value(files, name) != old


@pytest.mark.parametrize("name", NAMES)
def test_a_rotation_that_failed_half_way_is_completed_by_the_next_call(
    files: SecretFiles, stores: Stores, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cuts in range(4):
        with monkeypatch.context() as patched:
            cut_after(cuts, patched)
            rotation = rotating(files, stores)
            with pytest.raises(Cut):
                asyncio.run(whole(rotation, name))
        asyncio.run(rotation.complete(name))
        assert not rotation.rotating(name)
        if name not in RINGS and stores.accepted:
            assert stores.accepted == [value(files, name)]


def test_a_second_rotation_waits_for_the_first(files: SecretFiles, stores: Stores) -> None:
    rotation = rotating(files, stores)
    asyncio.run(rotation.begin("jwt"))
    with pytest.raises(BadRequest, match="complete it first"):
        asyncio.run(rotation.begin("jwt"))


def test_a_rotation_is_completed_by_whoever_began_it_or_without_a_name(files: SecretFiles, stores: Stores) -> None:
    rotation = rotating(files, stores)
    for begun, completed, ended in (("a", "a", True), ("a", None, True), ("a", "b", False), (None, "b", False)):
        asyncio.run(rotation.begin("jwt", begun))
        assert asyncio.run(rotation.complete("jwt", completed))["rotating"] != ended
        asyncio.run(rotation.complete("jwt"))


def test_an_unknown_secret_is_refused_with_those_there_are(files: SecretFiles, stores: Stores) -> None:
    with pytest.raises(BadRequest, match="links"):
        asyncio.run(rotating(files, stores).begin("account-1"))


def test_completing_what_has_not_begun_changes_nothing(files: SecretFiles, stores: Stores) -> None:
    before = {path: path.read_text() for path in files.files()}
    asyncio.run(rotating(files, stores).complete("redis-api"))
    assert {path: path.read_text() for path in files.files()} == before


def test_readers_of_a_pair_never_meet_a_file_that_is_not_there(files: SecretFiles, stores: Stores) -> None:
    rotation = rotating(files, stores)
    for _ in range(3):
        asyncio.run(rotation.begin("s3-api"))
        asyncio.run(rotation.complete("s3-api"))
    home = files.path("s3-api.d")
    assert [path.name for path in home.iterdir() if path.is_symlink()] == ["now"]
    assert len([path for path in home.iterdir() if not path.is_symlink()]) == 1
