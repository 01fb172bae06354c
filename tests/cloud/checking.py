"""A check that reads a cloud, run in this process, and the profile that it needs."""

from collections.abc import Callable

from seatrial.environment import Environment
from seatrial.errors import Failure, Invalid
from seatrial.impact import CaseFailures, Observe
from seatrial.profile import load
from seatrial.scope import close_clients
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
    """Run a check and return how it ended, and what it said."""
    observe = Observe(Environment(load(bench.folder / "here.toml")), "test")
    try:
        check(observe)
    except CaseFailures as failure:
        return "FAILED", " | ".join(f"{finding.case}: {finding.seen}" for finding in failure.findings)
    except Failure as failure:
        return "FAILED", str(failure.seen)
    except Invalid as invalid:
        return "INVALID", str(invalid)
    finally:
        close_clients(observe._environment.clients)
    return "PASSED", ""
