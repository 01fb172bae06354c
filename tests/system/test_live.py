"""A secret that is replaced while the service runs."""

import asyncio
import itertools
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from system.common.config import KeyRing, Reader
from system.common.database import replace_connections
from system.common.live import Live, follow


def replace(path: Path, text: str) -> None:
    half = path.with_suffix(".half")
    half.write_text(text)
    half.rename(path)


def ring(*kids: str) -> str:
    keys = ", ".join(f'"{kid}": "{kid[-1] * 64}"' for kid in kids)
    return f'{{"active": "{kids[-1]}", "keys": {{{keys}}}}}'


def test_a_value_without_a_file_stays() -> None:
    live = Live("x")
    assert live.now is live.now == "x"


def test_a_replaced_file_is_read_again_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "links"
    path.write_text(ring("k1"))
    live = Reader({"LINK_KEYS_FILE": str(path)}).keys("LINK_KEYS")
    first = live.now
    assert live.now is first
    replace(path, ring("k1", "k2"))
    assert live.now.active == "k2"
    assert set(live.now.keys) == {"k1", "k2"}


@pytest.mark.parametrize("text", ["", '{"active"', ring("k1").replace("1111", "", 10)])
def test_a_file_that_makes_no_sense_leaves_the_last_good_value_and_says_so_once(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "links"
    path.write_text(ring("k1"))
    live = Reader({"LINK_KEYS_FILE": str(path)}).keys("LINK_KEYS")
    good = live.now
    replace(path, text)
    assert live.now == live.now == good
    assert [record.message for record in caplog.records] == ["a secret cannot be read again"]
    assert "1111" not in caplog.text
    replace(path, ring("k2"))
    assert live.now.active == "k2"


def test_a_missing_file_leaves_the_last_good_value(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("one")
    live = Reader({"P_FILE": str(path)}).passwords("P")
    path.unlink()
    assert live.now == ("one",)


def test_two_passwords_are_two_lines(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("old\nnew\n")
    assert Reader({"P_FILE": str(path)}).passwords("P").now == ("old", "new")


def test_a_pair_is_never_read_half(tmp_path: Path) -> None:
    """A thread replaces the pair behind its link all the while; no reading may mix two of them."""

    def write(number: int) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "access").write_text(f"A{number}")
        (folder / "secret").write_text(f"S{number}")
        half = tmp_path / "half"
        half.symlink_to(str(number))
        half.rename(now)

    now = tmp_path / "now"
    write(0)
    live = Reader({"A_FILE": str(now / "access"), "S_FILE": str(now / "secret")}).key_pair("A", "S")
    stop = threading.Event()

    def swap() -> None:
        numbers = itertools.count(1)
        while not stop.is_set():
            write(next(numbers))

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        seen = {live.now for _ in range(3000)}
    finally:
        stop.set()
        swapping.join()
    assert len(seen) > 1
    assert {(access[1:], secret[1:]) for access, secret in seen if access[1:] != secret[1:]} == set()


def test_the_files_texts_are_parsed_together(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text(name)
    parsed: list[Sequence[str]] = []

    def parse(texts: Sequence[str]) -> str:
        parsed.append(texts)
        return "".join(texts)

    assert Live("", parse, [tmp_path / "a", tmp_path / "b"]).now == "ab"
    assert parsed == [["a", "b"]]


def test_whoever_follows_a_secret_is_told_of_a_change_until_it_is_heeded(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("one")
    live = Reader({"P_FILE": str(path)}).passwords("P")

    async def run() -> None:
        told, answers = asyncio.Event(), iter([OSError("one connection does not close"), None])

        async def renew() -> None:
            if error := next(answers):
                raise error
            told.set()

        task = asyncio.create_task(follow(live, renew))
        await asyncio.sleep(0)
        replace(path, "two")
        async with asyncio.timeout(10):
            await told.wait()
        task.cancel()

    asyncio.run(run())
    assert live.now == ("two",)


def test_a_ring_by_environment_is_a_ring_that_stays() -> None:
    assert isinstance(Reader({"K": ring("k1")}).keys("K").now, KeyRing)


class Pool:
    """Counts how often its connections were replaced."""

    drained = 0

    async def drain(self) -> None:
        self.drained += 1


@pytest.mark.parametrize(("passwords", "drained"), [(("old", "new"), 0), (("new",), 1)])
def test_connections_are_replaced_only_once_a_single_password_is_in_force(
    passwords: tuple[str, ...], drained: int
) -> None:
    pool = Pool()
    asyncio.run(replace_connections(cast("Any", pool), Live(passwords)))
    assert pool.drained == drained
