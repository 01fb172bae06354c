"""What the monitoring says: which rules there are, which alerts fire, and what has reached people."""

import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from seatrial import Failure, Invalid, Observe, eventually, traces
from seatrial.profile import MonitoringSection
from seatrial.traces import Span

WATCHED = ("prometheus", "alertmanager", "pager")
WATCHDOG = "Watchdog"
EVERY_S = 0.25
EVALUATED_WITHIN_S = 10.0
_COMPARISON = re.compile(r" (==|!=|<=|>=|<|>) ")


@dataclass(frozen=True)
class Rule:
    """One alert as Prometheus has it loaded; `health` is ok, unknown or err."""

    name: str
    query: str
    health: str
    severity: str
    runbook: str


@dataclass(frozen=True)
class Message:
    """Something that reached people; `at` is the receiver's clock, `link` what it leads to.

    Attributes:
        channel: slack, mail, or dead-man.
        title: subject or headline; it begins with FIRING or RESOLVED.
    """

    at: float
    channel: str
    title: str
    text: str
    link: str


def place(observe: Observe) -> MonitoringSection:
    """Return where the monitoring answers."""
    found = observe.profile.monitoring
    if found is None:
        raise Invalid("the profile has no [monitoring]")
    return found


def rules(observe: Observe) -> list[Rule]:
    """Return the alerts that are loaded, of which several may have one name; those of a Prometheus that has just started are evaluated first."""
    try:
        return eventually(lambda: _evaluated(observe), within_s=EVALUATED_WITHIN_S, what="every alert evaluated once")
    except Failure:
        return _loaded(observe)


def recorded(observe: Observe) -> list[tuple[str, str]]:
    """Return name and query of every figure that Prometheus records for the alerts."""
    groups = _data(observe, "/api/v1/rules?type=record")["groups"]
    return [(each["name"], each["query"]) for group in groups for each in group["rules"]]


def _evaluated(observe: Observe) -> list[Rule]:
    """Return the alerts once each has been evaluated, and none before."""
    now = _loaded(observe)
    return [] if any(rule.health == "unknown" for rule in now) else now


def _loaded(observe: Observe) -> list[Rule]:
    groups = _data(observe, "/api/v1/rules?type=alert")["groups"]
    return [
        Rule(
            each["name"],
            each["query"],
            each["health"],
            each["labels"].get("severity", ""),
            each["annotations"].get("runbook", ""),
        )
        for group in groups
        for each in group["rules"]
    ]


def unfiltered(query: str) -> str:
    """Return an alert's query about all that it looks at: its comparisons answer 0 or 1, and leave nothing out."""
    return _COMPARISON.sub(r" \1 bool ", query)


def firing(observe: Observe) -> set[tuple[str, str]]:
    """Return name and component of every alert that fires now, but for the one that always does."""
    return {
        (each["labels"]["alertname"], each["labels"].get("component", ""))
        for each in _data(observe, "/api/v1/alerts")["alerts"]
        if each["state"] == "firing" and each["labels"]["alertname"] != WATCHDOG
    }


def asked(observe: Observe, query: str) -> list[dict[str, Any]]:
    """Return the series that a query selects now, each with metric and value."""
    return list(_data(observe, f"/api/v1/query?query={quote(query)}")["result"])


def samples(observe: Observe, query: str) -> dict[str, float]:
    """Return the present values that a query selects, by component."""
    return {each["metric"].get("component", ""): float(each["value"][1]) for each in asked(observe, query)}


def received(observe: Observe) -> list[Message]:
    """Return everything that has reached people, oldest first."""
    return [_message(each) for each in _received(observe)["messages"]]


def silent_s(observe: Observe) -> float:
    """Return for how long the pager has heard no heartbeat."""
    return float(_received(observe)["silent_s"])


def errors(observe: Observe) -> list[dict[str, Any]]:
    """Return the last errors that were reported to the collector, oldest first, as they came."""
    return list(_asked_pager(observe, "/errors"))


def trace(observe: Observe, trace_id: str) -> list[Span]:
    """Return the spans that the collector has of a trace, none where it knows none."""
    answer = observe.http.get(f"/traces/{trace_id}", via=place(observe).traces)
    if answer.status not in {200, 404}:
        raise Invalid(f"the collector of spans does not say what it has: {answer}")
    return traces.read(answer.json())


class Watch:
    """Asks all the while which alerts fire, from `with` until its end; times are in seconds on the monotonic clock.

    Attributes:
        began_s: name and component -> when it was first seen to fire.
        ended_s: name and component -> when it was first seen not to fire any more.
    """

    def __init__(self, observe: Observe) -> None:
        self._observe = observe
        self.began_s: dict[tuple[str, str], float] = {}
        self.ended_s: dict[tuple[str, str], float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._error: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        if kind is None and self._error is not None:
            raise self._error

    def fires(self, alert: tuple[str, str]) -> bool:
        """Say whether the alert has begun and not ended."""
        return alert in self.began_s and alert not in self.ended_s

    def _look(self) -> None:
        try:
            while not self._over.wait(EVERY_S):
                now = firing(self._observe)
                at_s = time.monotonic()
                for each in now:
                    self.began_s.setdefault(each, at_s)
                    self.ended_s.pop(each, None)
                for each in self.began_s.keys() - now:
                    self.ended_s.setdefault(each, at_s)
        except Exception as error:  # noqa: BLE001 - raised in the check's own thread, at the end
            self._error = error


def _data(observe: Observe, path: str) -> Any:
    answer = observe.http.get(path, via=place(observe).prometheus)
    if answer.status != 200:
        raise Failure("an answer from Prometheus", str(answer), "prometheus")
    return answer.json()["data"]


def _received(observe: Observe) -> Any:
    return _asked_pager(observe, "/received")


def _asked_pager(observe: Observe, path: str) -> Any:
    answer = observe.http.get(path, via=place(observe).pager)
    if answer.status != 200:
        raise Invalid(f"the pager does not say what it received: {answer}")
    return answer.json()


def _message(said: Mapping[str, Any]) -> Message:
    at, channel = float(said["at"]), str(said["channel"])
    if channel == "slack":
        attachments: Sequence[Mapping[str, str]] = said["body"].get("attachments") or [{}]
        first = attachments[0]
        return Message(at, channel, first.get("title", ""), first.get("text", ""), first.get("title_link", ""))
    if channel == "mail":
        text = str(said["text"])
        link = text.partition("Runbook: ")[2].split()[:1]
        return Message(at, channel, str(said["subject"]), text, link[0] if link else "")
    return Message(at, channel, f"{said['status']}".upper(), str(said["text"]), "")
