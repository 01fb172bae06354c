"""A check that reads a cloud, run in this process, and the profile that it needs."""

from collections.abc import Callable

from seatrial.impact import Observe
from tests import checking
from tests.harness.bench import Bench

READER = '\n[credentials.observe]\ncloud = { user = "token", password = "file:reader" }\n'
WRITER = '[credentials.destroy]\ncloud = { user = "writing-token", password = "file:writer" }\n'


def declare(bench: Bench, *parts: str) -> None:
    """Add to the bench's profile, and write the tokens that it names."""
    for token in ("reader", "writer"):
        (bench.folder / token).write_text(token)
    file = bench.folder / "here.toml"
    file.write_text(file.read_text() + "".join(parts))


def outcome(bench: Bench, check: Callable[[Observe], None]) -> tuple[str, str]:
    """Run a check on the bench's profile and return how it ended, and what it said."""
    return checking.outcome(bench.folder / "here.toml", check)
