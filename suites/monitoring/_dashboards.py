"""Dashboards as Grafana reads them: their panels, and what each one asks Prometheus."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial import Failure


@dataclass(frozen=True)
class Panel:
    """One panel and one of its queries."""

    dashboard: str
    title: str
    query: str


def panels(file: Path) -> list[Panel]:
    """Return the queries of a dashboard's panels; raises Failure where it is none that loads."""
    try:
        said = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise Failure("a dashboard that loads", f"{file.name}: {error}", "dashboards") from None
    if not isinstance(said, dict) or not said.get("uid") or not said.get("title"):
        raise Failure("a dashboard that loads", f"{file.name} has no uid or no title", "dashboards")
    found = list(_panels(file.name, said.get("panels", [])))
    if not found:
        raise Failure("a dashboard that loads", f"{file.name} has no panel", "dashboards")
    return found


def _panels(name: str, listed: Any) -> Iterator[Panel]:
    for each in listed:
        if each.get("type") == "row":
            yield from _panels(name, each.get("panels", []))
            continue
        queries = [target.get("expr", "") for target in each.get("targets", [])]
        if not each.get("title") or not queries or not all(queries):
            raise Failure("a dashboard that loads", f"{name}: a panel without title or expression", "dashboards")
        yield from (Panel(name, each["title"], query) for query in queries)
