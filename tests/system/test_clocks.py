"""Whose clock says what time it is."""

import re
from pathlib import Path

OWN_CLOCK = re.compile(r"time\.time\(\)|datetime\.(utc)?now\(")
# Tokens and links are read with a tolerance, and a signature of an upload is dated by who signs it.
FORGIVEN = {"playback.py", "sessions.py", "tokens.py", "uploads.py"}


def test_only_what_is_forgiven_is_dated_by_the_clock_of_an_instance() -> None:
    own = {path.name for path in Path("system/api").glob("*.py") if OWN_CLOCK.search(path.read_text())}
    assert own == FORGIVEN
