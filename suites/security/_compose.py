"""What a compose file lets a container do."""

import re
from collections.abc import Iterator
from typing import Any

from suites.security._dockerfile import is_root
from suites.security._secret_shapes import is_secret_name

_NAMESPACES = ("network_mode", "pid", "ipc", "userns_mode")
_NO_NEW = re.compile(r"^no-new-privileges([:=]true)?$")
_PINNED = re.compile(r"^[^\s$]+@sha256:[0-9a-f]{64}$")


def problems_of(service: dict[str, Any]) -> list[str]:
    """Name each way in which a service is less confined than it must be."""
    image, user = str(service.get("image", "none")), str(service.get("user", ""))
    added = _words(service, "cap_add")
    options = _words(service, "security_opt")
    judged = [
        ("build" in service or bool(_PINNED.match(image)), f"image {image} is not pinned by digest"),
        (service.get("read_only") is True, "read_only is not true: the root filesystem can be written"),
        ("ALL" in _words(service, "cap_drop"), "cap_drop does not name ALL"),
        (not added, f"cap_add gives back {', '.join(added)}"),
        (any(_NO_NEW.match(word) for word in options), "security_opt lacks no-new-privileges"),
        (not is_root(user), f"user {user or 'none'} is root, or left to the image"),
        (not service.get("privileged"), "privileged is true"),
        ("docker.sock" not in str(service.get("volumes", "")), "the container engine's socket is mounted"),
        (_is_watched(service), "no healthcheck"),
    ]
    problems = [problem for holds, problem in judged if not holds]
    problems += [f"{name} is host" for name in _NAMESPACES if service.get(name) == "host"]
    problems += [
        f"environment {name} holds a secret itself: mount it as a file"
        for name, value in _environment(service)
        if is_secret_name(name) and value
    ]
    return problems


def _is_watched(service: dict[str, Any]) -> bool:
    health = service.get("healthcheck") or {}
    runs_once = service.get("restart", "no") == "no"  # what ends has no health to ask for
    return bool(health) and (runs_once or not health.get("disable"))


def _words(service: dict[str, Any], key: str) -> list[str]:
    value = service.get(key) or []
    return [str(word) for word in value] if isinstance(value, list) else [str(value)]


def _environment(service: dict[str, Any]) -> Iterator[tuple[str, str]]:
    given = service.get("environment") or {}
    if isinstance(given, dict):
        yield from ((str(name), "" if value is None else str(value)) for name, value in given.items())
        return
    for line in given:
        name, _, value = str(line).partition("=")
        yield name, value
