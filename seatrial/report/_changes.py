"""What is different from the last verdict of the same environment."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from seatrial.outcome import Severity
from seatrial.verdict import Verdict

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Change:
    """One check whose outcome is not what it was; an empty side means that the check did not exist there."""

    id: str
    before: str
    after: str
    severity: str = ""

    @property
    def kind(self) -> str:
        """What happened to it: changed, appeared or vanished."""
        return "changed" if self.before and self.after else "appeared" if self.after else "vanished"


@dataclass(frozen=True)
class Changes:
    """The difference to one earlier verdict.

    Attributes:
        note: says that the scopes differ and that appearing and vanishing checks were therefore not compared.
    """

    verdict: str
    release: str
    started_at: str
    checks: tuple[Change, ...]
    note: str = ""


def history_file(out: Path, environment: str) -> Path:
    """Return where the last verdict of that environment is kept."""
    return out / "history" / f"{quote(environment, safe='')}.json"


def previous(out: Path, environment: str) -> dict[str, Any] | None:
    """Return the last verdict.json of that environment, None without one.

    A file that is no verdict is named in a warning and passed over: old news must not cost a new verdict.
    """
    path = history_file(out, environment)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        compare(None, data)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("%s is no verdict, so no changes are shown: %s: %s", path, type(error).__name__, error)
        return None
    return dict(data)


def compare(verdict: Verdict | None, earlier: dict[str, Any]) -> Changes:
    """Compare with an earlier verdict.json, check by check; None compares nothing and only reads the earlier one."""
    before = {result["id"]: (result["outcome"], result["severity"]) for result in earlier["results"]}
    after = {} if verdict is None else {r.id: (str(r.outcome), str(r.severity)) for r in verdict.results}
    same_scope = verdict is None or verdict.scope == earlier["scope"]
    ids = sorted(before.keys() | after.keys() if same_scope else before.keys() & after.keys())
    nothing = ("", "")
    checks = [
        Change(name, before.get(name, nothing)[0], after.get(name, nothing)[0], (after.get(name) or before[name])[1])
        for name in ids
        if before.get(name, nothing)[0] != after.get(name, nothing)[0]
    ]
    weight = [str(severity) for severity in Severity]
    checks.sort(key=lambda change: (weight.index(change.severity), change.id))
    note = "" if same_scope else f"The last verdict had the scope {earlier['scope']}: only checks in both are compared."
    return Changes(earlier["verdict"], earlier["release"], earlier["started_at"], tuple(checks), note)
