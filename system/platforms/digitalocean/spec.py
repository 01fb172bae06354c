"""What is sent to App Platform: the repository's spec with a release's digests, and with secrets that it keeps already.

The file leaves room in three places: a digest of zeros, the variable RELEASE of "unreleased", and secrets of `EV[replace]`.
"""

import copy
import json
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from system.platforms.digitalocean.ending import WrongCallError

__all__ = ["Release", "Spec", "fill", "read", "read_secrets", "release_of"]

Spec = dict[str, Any]
Secrets = Mapping[str, Mapping[str, str]]
_DIGEST = re.compile(r"sha256:(?!0{64})[0-9a-f]{64}")
_OPEN_SECRET, _OPEN_RELEASE = "EV[replace]", "unreleased"


@dataclass(frozen=True)
class Release:
    """What a build gave.

    Attributes:
        id: what `/version` answers.
        images: repository -> digest, "sha256:...".
    """

    id: str
    images: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> "Release":
        """Read {"release": ..., "images": {...}}; raises WrongCallError."""
        try:
            data = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise WrongCallError(f"{path}: no release: {error}") from None
        if not isinstance(data, dict) or set(data) != {"release", "images"}:
            raise WrongCallError(f'{path}: expected {{"release": ID, "images": {{REPOSITORY: DIGEST}}}}')
        name, images = data["release"], data["images"]
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
            raise WrongCallError(f"{path}: {name!r} is no release id")
        wrong = [key for key, value in dict(images).items() if not _DIGEST.fullmatch(str(value))]
        if wrong or not images:
            raise WrongCallError(f"{path}: no digest (sha256:...) for {', '.join(wrong) or 'any repository'}")
        return cls(name, images)


def read(path: Path) -> Spec:
    """Read a spec; raises WrongCallError."""
    try:
        spec = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise WrongCallError(f"{path}: no spec: {' '.join(str(error).split())}") from None
    if not isinstance(spec, dict) or not isinstance(spec.get("name"), str):
        raise WrongCallError(f"{path}: a spec is a mapping with a name")
    return json.loads(json.dumps(spec))  # type: ignore[no-any-return]  # what YAML shares would be filled in twice


def read_secrets(name: str) -> Secrets:
    """Read {component: {KEY: value}} in YAML from a file that nobody else can read, or from stdin for "-"."""
    if name == "-":
        text = sys.stdin.read()
    else:
        path = Path(name)
        try:
            mode = path.stat().st_mode
            text = path.read_text()
        except OSError as error:
            raise WrongCallError(f"{path}: cannot read the secrets: {error.strerror}") from None
        if stat.S_IMODE(mode) & 0o077:
            raise WrongCallError(f"{path}: others can read it; chmod 600, or give it on stdin: --secrets -")
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError:
        raise WrongCallError("the secrets are no YAML") from None  # the parser's message would quote them
    if not isinstance(data, dict) or not all(isinstance(each, dict) for each in data.values()):
        raise WrongCallError("secrets are {component: {KEY: value}}")
    return {part: {key: str(value) for key, value in row.items()} for part, row in data.items()}


def fill(spec: Spec, release: Release, secrets: Secrets, live: Spec | None) -> Spec:
    """Return the spec to send.

    Args:
        secrets: component -> variable -> value; these go before what the app has.
        live: the app's spec of now, whose encrypted secrets are sent back; None when there is no app yet.

    Raises:
        WrongCallError: with everything that is missing, or given for nothing.
    """
    made = copy.deepcopy(spec)
    kept = {name: each.get("value", "") for name, each in _variables(live or {}) if each.get("type") == "SECRET"}
    given = {(part, key): value for part, row in secrets.items() for key, value in row.items()}
    problems, known = [], set[tuple[str, str]]()
    for component in _components(made):
        image = component.get("image") or {}
        if digest := release.images.get(str(image.get("repository"))):
            image["digest"] = digest
        else:
            problems.append(f"the release has no image {image.get('repository')} for {component['name']}")
    for name, env in _variables(made):
        if env.get("key") == "RELEASE" and env.get("value") == _OPEN_RELEASE:
            env["value"] = release.id
        if env.get("type") != "SECRET":
            continue
        known.add(name)
        if name in given:
            env["value"] = given[name]
        elif env.get("value") == _OPEN_SECRET and str(kept.get(name, "")).startswith("EV["):
            env["value"] = kept[name]
        elif env.get("value") == _OPEN_SECRET:
            problems.append(f"no value for the secret {'.'.join(name)} (--secrets)")
    problems += [f"{'.'.join(name)} is no secret of the spec" for name in given.keys() - known]
    if problems:
        raise WrongCallError("; ".join(problems))
    return made


def release_of(spec: Spec) -> str:
    """Name the release that a spec deploys."""
    found = {str(env.get("value")) for _, env in _variables(spec) if env.get("key") == "RELEASE"}
    return " and ".join(sorted(found)) or "(none)"


def _components(spec: Spec) -> Iterator[dict[str, Any]]:
    for kind in ("services", "workers", "jobs"):
        yield from spec.get(kind) or []


def _variables(spec: Spec) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    for component in _components(spec):
        for env in component.get("envs") or []:
            yield (component["name"], env["key"]), env
