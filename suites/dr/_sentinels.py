"""What Sentinels wrote down of a failover: how long each of its stages took, by their own clocks."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

__all__ = ["split"]

_LINE = re.compile(r"(\d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2}\.\d{3}) [#*] (\+[a-z-]+) (\S+)")
# What a stage ends with, and whether the first Sentinel or the last one that says so counts.
_STAGES = (
    ("detected", "+sdown", "master", min),
    ("agreed", "+odown", "master", min),
    ("decided", "+elected-leader", "master", min),
    ("promoted", "+promoted-slave", "slave", min),
    ("known to all", "+switch-master", "", max),
)


def split(logs: Mapping[str, Iterable[str]], struck: datetime) -> dict[str, float]:
    """Return the seconds from the strike to each stage that the logs tell of, by stage.

    Args:
        logs: name of a Sentinel -> its log's lines, whose clock is UTC.
        struck: when the strike was.
    """
    found: dict[str, float] = {}
    for stage, event, kind, pick in _STAGES:
        times = [_first(lines, event, kind, struck) for lines in logs.values()]
        if told := [each for each in times if each is not None]:
            found[stage] = round(pick(told), 2)
    return found


def _first(lines: Iterable[str], event: str, kind: str, struck: datetime) -> float | None:
    for line in lines:
        match = _LINE.search(line)
        if match and match[2] == event and (not kind or match[3] == kind):
            after_s = (datetime.strptime(match[1], "%d %b %Y %H:%M:%S.%f").replace(tzinfo=UTC) - struck).total_seconds()
            if after_s >= 0:
                return after_s
    return None
