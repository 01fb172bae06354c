"""What faults on the monitoring's files share: an edit, and a restart with it."""

from typing import Any, ClassVar
from urllib.parse import quote

from seatrial import Destroy, Invalid, Observe
from seatrial.profile import MonitoringSection


class EditedFile:
    """Restart Prometheus or Alertmanager with one text replaced; in effect when it says itself that it has loaded that.

    `shows` is how the program itself words what was put there, which it may have written anew.
    """

    part: ClassVar[str]
    find: ClassVar[str]
    replace: ClassVar[str]
    shows: ClassVar[str] = ""

    def strike(self, destroy: Destroy) -> None:
        """Edit and restart."""
        destroy.platform.restart(self.part, {"patch": [{"find": self.find, "replace": self.replace}]})

    def in_effect(self, observe: Observe) -> bool:
        """Ask the program for what it has loaded."""
        return (self.shows or self.replace) in loaded(observe, self.part)


def loaded(observe: Observe, part: str) -> str:
    """Return what Prometheus (its rules' queries) or Alertmanager (its configuration) has loaded."""
    if part == "alertmanager":
        return str(_json(observe, _places(observe).alertmanager, "/api/v2/status")["config"]["original"])
    groups = _prometheus(observe, "/api/v1/rules")["groups"]
    return "\n".join(f"expr: {rule['query']}" for group in groups for rule in group["rules"])


def series(observe: Observe, query: str) -> list[Any]:
    """Return what Prometheus answers to a query."""
    return list(_prometheus(observe, f"/api/v1/query?query={quote(query)}")["result"])


def _prometheus(observe: Observe, path: str) -> Any:
    return _json(observe, _places(observe).prometheus, path)["data"]


def _places(observe: Observe) -> MonitoringSection:
    places = observe.profile.monitoring
    if places is None:
        raise Invalid("the profile has no [monitoring]")
    return places


def _json(observe: Observe, place: str, path: str) -> Any:
    answer = observe.http.get(path, via=place)
    if answer.status != 200:
        raise Invalid(f"{place} does not answer: {answer}")
    return answer.json()
