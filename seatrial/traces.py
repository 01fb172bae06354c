"""`seatrial traces`: one trace as a tree, as the environment's collector of spans has it.

The collector answers GET /traces/TRACE_ID with {"spans": [...]}, each with the fields of `Span`; 404 where it has none.
"""

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import httpx2

from seatrial.errors import EnvironmentFault, UsageError
from seatrial.probes.text import describe
from seatrial.profile import Profile, find, load

__all__ = ["Span", "add_verb", "read", "tree"]

READ_TIMEOUT_S = 10.0
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Span:
    """What somebody waited for; ids are hexadecimal, `parent` is empty for none, times are in nanoseconds since 1970."""

    id: str
    parent: str
    service: str
    instance: str
    release: str
    name: str
    kind: str
    start_ns: int
    end_ns: int
    failed: bool
    attributes: Mapping[str, Any]

    @property
    def duration_s(self) -> float:
        """How long it lasted."""
        return (self.end_ns - self.start_ns) / 1e9


def read(answer: Any) -> list[Span]:
    """Read a collector's answer; raises EnvironmentFault where it is none."""
    try:
        return [Span(**{each.name: said[each.name] for each in fields(Span)}) for said in answer["spans"]]
    except (KeyError, TypeError) as error:
        raise EnvironmentFault(f"the collector of spans answers in another form: {describe(error)}") from None


def tree(spans: Sequence[Span]) -> list[str]:
    """Set spans out below their parents, each with when it began and how long it lasted; `!` stands before what failed."""
    ordered = sorted(spans, key=lambda each: each.start_ns)
    known = {each.id for each in ordered}
    below: dict[str, list[Span]] = {}
    for each in ordered:
        below.setdefault(each.parent if each.parent in known else "", []).append(each)
    lines: list[str] = []

    def add(each: Span, depth: int) -> None:
        began_ms = (each.start_ns - ordered[0].start_ns) / 1e6
        why = f" ({each.attributes['error.type']})" if "error.type" in each.attributes else ""
        mark = "!" if each.failed else " "
        where = f"{'  ' * depth}{each.instance or each.service}"
        lines.append(f"{began_ms:9.1f} {each.duration_s * 1e3:9.1f} ms {mark} {where}  {each.name}{why}")
        for child in below.get(each.id, ()):
            add(child, depth + 1)

    for root in below.get("", ()):
        add(root, 0)
    return lines


def add_verb(
    add: Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser],
    with_profile: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add the command."""
    command = add(
        "traces", _show, "show what a request waited for, as a tree: when each part began, and how long it lasted"
    )
    with_profile(command)
    command.add_argument("trace", metavar="TRACE_ID", help="as a line of a log has it: 32 hexadecimal digits")


def _show(options: argparse.Namespace) -> int:
    if not _ID.fullmatch(options.trace):
        raise UsageError(f"{options.trace!r} is no trace id, which has 32 hexadecimal digits")
    spans = _fetched(load(find(options.profile)), options.trace)
    if not spans:
        raise EnvironmentFault(f"the collector has no span of {options.trace}: it was not collected, or long ago")
    print("\n".join(tree(spans)))
    return 0


def _fetched(profile: Profile, trace: str) -> list[Span]:
    if profile.monitoring is None:
        raise UsageError(f"{profile.path}: the profile has no [monitoring], and so no collector of spans")
    place = profile.monitoring.traces
    try:
        with httpx2.Client(trust_env=False, timeout=READ_TIMEOUT_S) as client:
            answer = client.get(f"http://{place}/traces/{trace}")
        return [] if answer.status_code == httpx2.codes.NOT_FOUND else read(answer.raise_for_status().json())
    except (httpx2.HTTPError, ValueError) as error:
        raise EnvironmentFault(f"the collector of spans at {place}: {describe(error)}") from None
