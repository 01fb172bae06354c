"""`deploy`, `rollback`, `releases`, `scale`, `restart`: what runs here, changed by hand."""

import time
from typing import Any

from system.platforms.local.control_client import call
from system.platforms.local.errors import PlatformError
from system.platforms.local.layout import Layout
from system.platforms.local.status import table

_WITHIN_S = 240.0
_MIGRATED_WITHIN_S = _WITHIN_S + 800.0  # a base backup, and all that the runner may take


def deploy(layout: Layout) -> int:
    """Migrate, and roll the source tree out as a release; one of which either fails is rolled back, which is an error."""
    return _in_force(_ask(layout, "POST", "deploy", {"migrate": True}, _MIGRATED_WITHIN_S))


def rollback(layout: Layout, release: str | None) -> int:
    """Go back to a release, or to the one that the one in force was deployed over."""
    return _in_force(_ask(layout, "POST", "rollback", {"release": release or _before(layout)}))


def releases(layout: Layout) -> int:
    """Print what was deployed and rolled back, newest first."""
    rows = [("at", "by", "release", "before it", "outcome", "seconds", "reason")]
    for each in _ask(layout, "GET", "releases")["changes"]:
        seconds, before = f"{each['seconds']:.1f}", each["previous"] or "-"
        rows.append((each["at"], each["by"], each["release"], before, each["outcome"], seconds, each["reason"]))
    print("\n".join(table(rows)))
    return 0


def scale(layout: Layout, service: str, count: int) -> int:
    """Run so many instances of a service."""
    answer = _ask(layout, "POST", "scale", {"service": service, "count": count})
    print(f"{service}: {answer['count']} instances, before {answer['previous']}")
    return 0


def restart(layout: Layout, part: str) -> int:
    """Restart a part as shipped, without settings that it was given by hand; one that is not ready again is an error."""
    began = time.monotonic()
    answer = _ask(layout, "POST", "restart", {"part": part})
    if not answer["ready"]:
        raise PlatformError(f"{part} is not ready again, but {answer['state']}: {answer['reason']}")
    print(f"{part} is ready again after {time.monotonic() - began:.1f} s")
    return 0


def _before(layout: Layout) -> str:
    current = _ask(layout, "GET", "status")["release"]
    for each in _ask(layout, "GET", "releases")["changes"]:
        came = each["release"] == current and each["outcome"] == "in force" and each["by"] != "rollback"
        if came and each["previous"]:
            return str(each["previous"])
    raise PlatformError(f"no release is known to have been in force before {current}: name one (see `releases`)")


def _in_force(answer: dict[str, Any]) -> int:
    print(f"release {answer['release']} is in force after {answer['seconds']:.1f} s, before it {answer['previous']}")
    return 0


def _ask(
    layout: Layout, method: str, path: str, body: dict[str, Any] | None = None, within_s: float = _WITHIN_S
) -> dict[str, Any]:
    answer = call(layout.control_socket, method, f"/v1/{path}", body, timeout_s=within_s)
    if answer is None:
        raise PlatformError(f"down ({layout.state}): nothing to change")
    return answer
