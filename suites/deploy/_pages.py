"""What must hold of every page that a browser shows: nothing goes wrong, and everybody can use it."""

from typing import Any

from seatrial import Exercise, Invalid, require
from seatrial.cases import Cases
from seatrial.probes.browser import PageSeen, Tab

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
FEWEST_RULES = 8


def require_quiet(seen: PageSeen, name: str) -> None:
    """Require that a page was loaded whole and that the browser has nothing to say against it."""
    require(seen.error is None, f"{name} in the browser", seen.error)
    require(seen.status in {200, None}, f"200 for {name}", seen.status)
    spoken = [said for said in seen.console if said.startswith(("error", "warning"))]
    for found, nothing in (
        (seen.violations, "nothing for the Content-Security-Policy to refuse"),
        (seen.failed, "no failed request"),
        (spoken, "no error in the console"),
        (seen.dialogs, "no dialog"),
    ):
        require(not found, f"{nothing} on {name}", list(found)[:5])


class Pages:
    """Looks at pages one after the other, and keeps what was measured of each."""

    def __init__(self, exercise: Exercise, cases: Cases, tab: Tab) -> None:
        self._exercise, self._cases, self._tab = exercise, cases, tab
        self.measured: list[dict[str, Any]] = []

    def look(self, seen: PageSeen, name: str) -> None:
        """Look at the page that is open, in light and in dark, and walk through it by the Tab key."""
        self._exercise.picture(name, self._tab.picture())
        with self._cases(f"{name}, quiet"):
            require_quiet(seen, name)
        row: dict[str, Any] = {"page": name}
        with self._cases(f"{name}, by the keyboard"):
            row["stops"] = self._walk(name)
        for dark in (False, True):
            scheme = "dark" if dark else "light"
            with self._cases(f"{name}, {scheme}"):
                self._tab.in_the_dark(dark=dark)
                row |= {f"{key}, {scheme}": value for key, value in self._audit(name, scheme).items()}
        self._tab.in_the_dark(dark=False)
        self.measured.append(row)

    def _walk(self, name: str) -> int:
        walk = self._tab.walk()
        if not walk.stops:
            raise Invalid(f"the focus rests nowhere on {name}, so that nothing is known of it")
        require(not walk.missed, f"every control of {name} reached by the Tab key", list(walk.missed))
        for what, bad in (
            ("in the window while it has the focus", [stop.name for stop in walk.stops if not stop.shown]),
            ("that shows its focus", [stop.name for stop in walk.stops if not stop.marked]),
        ):
            require(not bad, f"every control of {name} {what}", bad)
        return len(walk.stops)

    def _audit(self, name: str, scheme: str) -> dict[str, int]:
        audit = self._tab.audit(*RULES)
        require(not audit.violated, f"no rule of WCAG 2.2 broken on {name}, {scheme}", list(audit.violated)[:5])
        contrasts = audit.passed.get("color-contrast", 0)
        if not contrasts or len(audit.passed) < FEWEST_RULES:
            raise Invalid(f"axe-core applied {len(audit.passed)} rules to {name}, contrast to {contrasts} texts")
        return {"rules": len(audit.passed), "contrasts": contrasts}
