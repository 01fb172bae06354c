"""An environment as a process holds it, over a platform that keeps what was asked of it in memory."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seatrial.environment import Arming, Environment
from seatrial.profile import load
from seatrial.scope import close_clients
from tests.probes.fake_platform import FakePlatform, platform

__all__ = ["FakePlatform", "platform"]

Build = Callable[..., Environment]
PROFILE = """\
name = "here"
max_impact = "{max_impact}"

[urls]

[platform]
command = ["false"]
socket = "{socket}"
state = "."
"""
CREDENTIALS = """
[credentials.observe]
redis = { user = "observer", password = "file:redis-observer" }

[credentials.destroy]
redis = { user = "admin", password = "file:redis-admin" }
postgres = { user = "admin", password = "env:SAFETY_ADMIN" }
"""


@pytest.fixture
def build(tmp_path: Path, platform: tuple[FakePlatform, Path]) -> Iterator[Build]:
    """Open an environment; what it opened is closed with the test."""
    made: list[Environment] = []

    def open_(*arm: str, max_impact: str = "destroy", more: str = CREDENTIALS) -> Environment:
        file = tmp_path / "here.toml"
        file.write_text(PROFILE.format(max_impact=max_impact, socket=platform[1]) + more)
        for name in ("redis-observer", "redis-admin"):
            (tmp_path / name).write_text(f"value of {name}")
        profile = load(file)
        made.append(Environment(profile, Arming.parse(list(arm), profile)))
        return made[-1]

    yield open_
    for each in made:
        close_clients(each.clients)
