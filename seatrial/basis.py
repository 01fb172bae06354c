"""What a verdict rests on beside its results: the releases under trial, and the files that say what had to be so.

It is taken at the start of a trial and once more at the end. A release that came or went in between was not the one that was tried,
and no verdict is about it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seatrial import expected, waivers
from seatrial.environment import Environment
from seatrial.errors import Failure, Invalid, SeatrialError
from seatrial.impact import Observe
from seatrial.platform import PlatformClient
from seatrial.profile import Profile
from seatrial.scope import close_clients


@dataclass(frozen=True)
class Basis:
    """The releases, and the files.

    Attributes:
        releases: service, or repository of an image -> its release: "sha256:...", or an id.
        files: "profile", "suites", "expected.toml" and, if there are such, "waivers.toml" and "load" -> sha256, in hexadecimal.
        unknown: why nobody tells the releases; empty where somebody does.
        mixed: a service runs several at once, which is why none of them is told.
    """

    releases: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    unknown: str = ""
    mixed: bool = False

    @classmethod
    def of(cls, environment: Environment, suites: Path) -> "Basis":
        """Ask the environment, and read the files."""
        files = digests(environment.profile, suites)
        try:
            found = _releases(environment)
        except (SeatrialError, Failure) as error:
            return cls({}, files, " ".join(str(error).split()))
        if not found:
            return cls({}, files, "the profile has neither a platform, nor a cloud.app, nor an expect.release")
        for name, each in found.items():
            if len(each) > 1:
                return cls({}, files, f"{name} runs {' and '.join(sorted(each))} at once", mixed=True)
        return cls({name: release for name, (release,) in sorted(found.items())}, files)

    def until(self, later: "Basis") -> tuple["Basis", list[str]]:
        """Return what a verdict rests on, given what it is at the end, and what has changed on the way: problems of the run."""
        unknown = self.unknown or later.unknown
        changed = [
            f"{name} changed during the trial"
            for name in sorted({*self.files, *later.files})
            if self.files.get(name) != later.files.get(name)
        ]
        if self.mixed or later.mixed or bool(self.unknown) != bool(later.unknown):
            changed.append(f"the trial was not of one release from its start to its end: {unknown}")
        elif self.releases != later.releases:
            changed.append(
                f"the release changed during the trial: {_told(self)} at its start, {_told(later)} at its end"
            )
        return replace(self, unknown=unknown), changed


def places(profile: Profile, suites: Path) -> dict[str, Path]:
    """Return the files and folders that say what had to be so, by name."""
    lists = {name: suites / name for name in (expected.NAME, waivers.NAME)}
    return {"profile": profile.path, **lists, "suites": suites, "load": profile.tree / "load"}


def digests(profile: Profile, suites: Path) -> dict[str, str]:
    """Return the sha256 of the files that say what had to be so, by name; that of a folder is of all its files."""
    found = places(profile, suites)
    files = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items() if path.is_file()}
    return files | {name: summed(found[name]) for name in ("suites", "load") if found[name].is_dir()}


def summed(folder: Path) -> str:
    """Return the sha256 of all files of a folder with their names, but for hidden ones and what Python compiles of them."""
    whole = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder)
        if file.is_file() and not any(part.startswith((".", "__pycache__")) for part in name.parts):
            whole.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def _told(basis: Basis) -> str:
    return ", ".join(f"{name} {release}" for name, release in basis.releases.items())


def _releases(environment: Environment) -> dict[str, set[str]]:
    """Return what runs, by whoever runs it; where nobody can be asked, what the profile says."""
    profile, found = environment.profile, dict[str, set[str]]()
    if profile.platform is not None:
        status = PlatformClient(profile.platform.socket).status()
        for part in status.parts.values():
            if part.release and part.state != "stopped":
                found.setdefault(part.service, set()).add(part.release)
        return found or {profile.name: {status.release}}
    if profile.cloud is not None and profile.cloud.app is not None:
        return _deployed(environment)
    return {} if profile.expect.release == "platform" else {profile.name: {profile.expect.release}}


def _deployed(environment: Environment) -> dict[str, set[str]]:
    """Return the images of the app's active deployment."""
    found: dict[str, set[str]] = {}
    try:
        app = Observe(environment, "releases").cloud.app()
    finally:
        close_clients(environment.clients)
    for image in _images(app.get("active_deployment")):
        if not image.get("digest"):
            raise Invalid(f"the app runs {image['repository']} by a tag, and not by a digest")
        found.setdefault(str(image["repository"]), set()).add(str(image["digest"]))
    if not found:
        raise Invalid("the app has no active deployment of images")
    return found


def _images(node: Any) -> Iterator[dict[str, Any]]:
    for key, value in node.items() if isinstance(node, dict) else ():
        if key == "image" and isinstance(value, dict) and value.get("repository"):
            yield value
        else:
            yield from _images(value)
    for value in node if isinstance(node, list) else ():
        yield from _images(value)
