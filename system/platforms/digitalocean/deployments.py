"""Deployments of one app: which there are, and waiting for one to end."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from system.platforms.digitalocean.api import Api
from system.platforms.digitalocean.ending import DeployError
from system.platforms.digitalocean.spec import Spec, release_of

__all__ = ["App", "Ended", "Patience", "find", "newest", "part", "told", "wait"]

CANCEL_S = 120.0
ENDS = ("ACTIVE", "SUPERSEDED", "ERROR", "CANCELED")


@dataclass(frozen=True)
class App:
    """An app as the vendor shows it."""

    shown: dict[str, Any]

    @property
    def id(self) -> str:
        """Return the vendor's id."""
        return str(self.shown["id"])

    @property
    def spec(self) -> Spec:
        """Return the spec of now."""
        return dict(self.shown["spec"])

    def deployment(self, which: str) -> dict[str, Any] | None:
        """Return the "active", "in_progress", "pending" or "pinned" deployment, if there is one."""
        found = self.shown.get(f"{which}_deployment")
        return found if isinstance(found, dict) and found.get("id") else None


@dataclass(frozen=True)
class Patience:
    """How long a deployment may take, and how often it is asked."""

    within_s: float
    every_s: float
    tell: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class Ended:
    """How a deployment ended.

    Attributes:
        phase: ACTIVE, ERROR, CANCELED or SUPERSEDED; another one when even cancelling had no effect.
        why: what the vendor says of steps that failed, or that it was given up.
    """

    phase: str
    why: str = ""

    @property
    def good(self) -> bool:
        """It serves."""
        return self.phase == "ACTIVE"


def find(api: Api, name: str) -> App | None:
    """Return the app of this name."""
    for shown in api.pages("apps.list", "apps"):
        if (shown.get("spec") or {}).get("name") == name:
            return App(part(api.read("apps.get", shown["id"]), "app"))
    return None


def newest(api: Api, app: str) -> list[dict[str, Any]]:
    """Return the app's deployments, newest first, as many as one page holds."""
    return list(api.read("apps.list_deployments", app, per_page=50).get("deployments") or [])


def wait(api: Api, app: str, deployment: str, patience: Patience) -> Ended:
    """Wait until a deployment has ended; one that does not in time is cancelled, so that it cannot become active later."""
    begun, last, given_up, within_s = patience.clock(), "", "", patience.within_s
    while True:
        now = part(api.read("apps.get_deployment", app, deployment), "deployment")
        phase, taken_s = str(now.get("phase")), patience.clock() - begun
        progress = now.get("progress") or {}
        line = f"{phase}, {progress.get('success_steps', 0)} of {progress.get('total_steps', 0)} steps"
        if line != last:
            patience.tell(f"  {taken_s:5.0f} s  {line}")
            last = line
        if phase in ENDS:
            return Ended(phase, "; ".join([*_failed(progress.get("steps") or []), *([given_up] if given_up else [])]))
        if taken_s > within_s and given_up:
            return Ended(phase, f"{given_up}, without effect")
        if taken_s > within_s:
            given_up, within_s = f"not ended within {within_s:g} s and cancelled", taken_s + CANCEL_S
            patience.tell(f"  {taken_s:5.0f} s  {given_up}")
            api.change("apps.cancel_deployment", app, deployment)
        else:
            api.pause(patience.every_s)


def told(deployment: dict[str, Any]) -> str:
    """Describe a deployment in one line."""
    return f"{deployment['id']} (release {release_of(deployment.get('spec') or {})}, {deployment.get('phase')}, of {deployment.get('created_at')})"


def _failed(steps: list[dict[str, Any]]) -> Iterator[str]:
    """Name the innermost steps that failed, with the vendor's reason."""
    for step in steps:
        inner = list(_failed(step.get("steps") or []))
        if inner:
            yield from inner
        elif step.get("status") == "ERROR":
            reason = step.get("reason") or {}
            where = step.get("component_name") or step.get("name")
            yield f"{where}: {reason.get('code', 'failed')}: {reason.get('message', '')}".rstrip(": ")


def part(data: dict[str, Any], key: str) -> dict[str, Any]:
    """Return an object of an answer; raises DeployError when it is not there."""
    if not isinstance(data.get(key), dict):
        raise DeployError(f"the vendor's answer holds no {key}")
    return dict(data[key])
