"""Two app specs in the same words, so that order, defaults, encryption and what a release fills in make no difference."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from suites.deploy._app_spec import ENCRYPTED

__all__ = ["Place", "differences", "places"]

Place = tuple[str, ...]
_SECRET, _IMAGE, _RELEASE = "(encrypted)", "(a digest)", "(a release)"
_PROBE = {"initial_delay_seconds": 0, "period_seconds": 10, "timeout_seconds": 1, "success_threshold": 1}
# What App Platform takes for a field that is left out, and writes into the spec that it answers with.
# Source: digitalocean/openapi, specification/resources/apps/models; digitalocean/godo, apps.gen.go.
_DEFAULTS: dict[Place, Any] = {
    ("*", "*", "instance_count"): 1,
    ("*", "*", "http_port"): 8080,
    ("*", "*", "protocol"): "HTTP",
    ("*", "*", "kind"): "POST_DEPLOY",
    ("*", "*", "timeout"): 1800,
    ("*", "*", "envs", "*", "scope"): "RUN_AND_BUILD_TIME",
    ("*", "*", "envs", "*", "type"): "GENERAL",
    ("*", "*", "termination", "drain_seconds"): 15,
    ("*", "*", "termination", "grace_period_seconds"): 120,
    **{("*", "*", "health_check", key): value for key, value in {**_PROBE, "failure_threshold": 9}.items()},
    **{
        ("*", "*", "liveness_health_check", key): value
        for key, value in {**_PROBE, "initial_delay_seconds": 5, "failure_threshold": 18}.items()
    },
    ("alerts", "*", "disabled"): False,
    ("*", "*", "alerts", "*", "disabled"): False,
    ("domains", "*", "wildcard"): False,
    ("ingress", "rules", "*", "component", "preserve_path_prefix"): False,
    ("egress", "type"): "AUTOASSIGN",
    ("disable_edge_cache",): False,
    ("disable_email_obfuscation",): False,
    ("enhanced_threat_control_enabled",): False,
    # The stack of buildpacks: of no effect on an image that is built elsewhere.
    ("features", "buildpack-stack=ubuntu-22"): "buildpack-stack=ubuntu-22",
}
# What the vendor tells and nobody declares.
_TOLD: tuple[Place, ...] = (("vpc", "egress_ips"),)


def places(spec: Mapping[str, Any]) -> dict[Place, Any]:
    """Write a spec as one value for each place; things in a list are known by their own name, not by their turn."""
    found = {place: _plain(place, value) for place, value in _leaves((), spec)}
    for place in [each for each in found if each[-1] == "type" and found[each] == "SECRET"]:
        value = (*place[:-1], "value")
        found[value] = _SECRET if ENCRYPTED.match(str(found.get(value, ""))) else "(in the clear)"
    return {
        place: value
        for place, value in found.items()
        if not any(_fits(place, rule) and value == default for rule, default in _DEFAULTS.items())
        and not any(place[: len(told)] == told for told in _TOLD)
    }


def differences(declared: Mapping[Place, Any], live: Mapping[Place, Any]) -> list[str]:
    """Name every place where the live spec is not the declared one; a variable's live value is never told."""
    lines = []
    for place in sorted(declared.keys() | live.keys()):
        wanted, seen = declared.get(place), live.get(place)
        if place not in live:
            lines.append(f"missing: {'.'.join(place)} = {_told(place, wanted, live=False)}")
        elif place not in declared:
            lines.append(f"undeclared: {'.'.join(place)} = {_told(place, seen, live=True)}")
        elif not _same(wanted, seen):
            lines.append(
                f"changed: {'.'.join(place)} is {_told(place, seen, live=True)}, "
                f"declared {_told(place, wanted, live=False)}"
            )
    return lines


def _same(wanted: Any, seen: Any) -> bool:
    if wanted == _IMAGE:
        return bool(re.fullmatch(r"sha256:[0-9a-f]{64}", str(seen)))
    if wanted == _RELEASE:
        return isinstance(seen, str) and seen.strip() not in {"", _RELEASE}
    return bool(wanted == seen)


def _plain(place: Place, value: Any) -> Any:
    """Write a value so that the vendor's spelling and ours are the same, and what a release fills in stands out."""
    match place:
        case (*_, "image", "digest") if re.fullmatch("sha256:0{64}", str(value)):
            return _IMAGE
        case (*_, "envs", "RELEASE", "value") if value == "unreleased":
            return _RELEASE
        case (_, _, "timeout"):
            return sum(
                int(number) * {"h": 3600, "m": 60, "s": 1}[unit]
                for number, unit in re.findall(r"(\d+)([hms])", str(value))
            )
        case (*_, "run_command"):
            return " ".join(str(value).split())
    return value


def _leaves(place: Place, value: Any) -> Iterator[tuple[Place, Any]]:
    match value:
        case Mapping():
            for key, inner in value.items():
                yield from _leaves((*place, str(key)), inner)
        case list():
            for name, inner in zip(_names(value), value, strict=True):
                yield from _leaves((*place, name), inner)
        case None | "" if place[-1:] != ("value",):
            return
        case _:
            yield place, value


def _names(items: Iterable[Any]) -> list[str]:
    names = list[str]()
    for item in items:
        name = _name(item)
        names.append(name if name not in names else f"{name}#{len(names)}")
    return names


def _name(item: Any) -> str:
    if not isinstance(item, Mapping):
        return str(item)
    for key in ("name", "key", "domain", "rule"):
        if isinstance(item.get(key), str):
            return str(item[key])
    match item:
        case {"match": {"path": Mapping() as path, **rest}}:
            host = rest.get("authority")
            named = host.values() if isinstance(host, Mapping) else ()
            return "".join(str(part) for part in (*named, *path.values()))
    return json.dumps(item, sort_keys=True)


def _told(place: Place, value: Any, *, live: bool) -> str:
    if live and len(place) > 1 and place[-1] == "value" and "envs" in place and value != "(in the clear)":
        return "a value that is not told here"
    return str(value)


def _fits(place: Place, rule: Place) -> bool:
    return len(place) == len(rule) and all(wanted in {"*", part} for part, wanted in zip(place, rule, strict=True))
