"""Images: what is built and run is known to the byte, and can do no more than it must."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pathspec
import yaml

from seatrial import MAJOR, Failure, Invalid, Observe, check, require
from suites.security import _compose, _dockerfile
from suites.security._dockerfile import Stage
from suites.security._secret_shapes import is_secret_file, secrets_in

LINT_CONFIGURATION = Path(__file__).with_name("hadolint.yaml")
LARGEST_SCANNED_BYTES = 4 * 1024 * 1024
KNOWN_BAD = "FROM debian\nRUN cd /tmp && apt-get install curl\n"


@check("SEC-IMG-01", severity=MAJOR, component="images")
def test_images_are_pinned_confined_and_free_of_secrets(observe: Observe) -> None:
    """Images are pinned by digest, run as somebody else than root on a read-only root, hold no secret, and lint clean.

    Why it matters: a tag is moved by whoever holds its account, so that the same build runs other code tomorrow. A secret
    in a layer stays in the image's history when a later layer deletes it, and everyone who may pull may read it. Root in
    a container that can be written is the shortest way from a flaw in a parser to the host.

    How it is measured: from the files that targets.dockerfiles and targets.compose_files name in the profile's tree. Of
    each Dockerfile: every foreign base has a digest; every target ends as a user other than root, inherited ones included;
    no ENV, ARG or LABEL has a secret's name, no instruction holds a secret's shape, no COPY takes a secret's file; ADD
    fetches nothing without a checksum; every service of the profile has a target; hadolint, with suites/security/
    hadolint.yaml, finds nothing, and does find what is wrong in a file that is known to be bad. Of its build context: an
    ignore file stands beside it, and no file that COPY would take has a secret's name or content. Of each service in a compose
    file: digest or build, read_only, every capability dropped, no-new-privileges, a user, a health check, no host
    namespace, no secret in its environment.

    Not covered: what is in the registry or runs (the digest of a running image is its platform's to report), known flaws
    in the packages inside, heredocs in RUN, a secret of no known shape.
    """
    dockerfiles, composes = _named(observe, "dockerfiles"), _named(observe, "compose_files")
    seen: dict[str, Any] = {}
    with observe.cases(at_least=8 * len(dockerfiles) + len(composes)) as cases:
        for name in dockerfiles:
            stages: list[Stage] = []
            with cases(f"{name}: is there"):
                text = _read(observe, name)
                stages = _dockerfile.stages_of(text)
            if not stages:
                continue
            targets = [stage.name for stage in _dockerfile.targets_of(stages)]
            seen[name] = {"targets": targets, "bases": sorted({stage.base for stage in stages})}
            for what, problems in _judged(observe, name, text, stages):
                with cases(f"{name}: {what}"):
                    require(not problems, what, "; ".join(problems), name)
        for name in composes:
            services: dict[str, dict[str, Any]] = {}
            with cases(f"{name}: is there"):
                services = _services(_read(observe, name))
                require(services, "services", "none", name)
            for service, given in services.items():
                with cases(f"{name}: {service}"):
                    problems = _compose.problems_of(given)
                    require(not problems, f"service {service} pinned and confined", "; ".join(problems), name)
            seen[name] = sorted(services)
    observe.evidence("images", seen)


def _named(observe: Observe, target: str) -> list[str]:
    names = observe.target(target)
    if not isinstance(names, list) or not names:
        raise Invalid(f"targets.{target} names no file")
    return names


def _read(observe: Observe, name: str) -> str:
    try:
        return (observe.tree / name).read_text()
    except OSError as error:
        raise Failure(f"the file {name} in the tree", error.strerror, name) from None


def _judged(observe: Observe, name: str, text: str, stages: list[Stage]) -> Iterator[tuple[str, list[str]]]:
    targets = {stage.name for stage in _dockerfile.targets_of(stages)}
    yield "every foreign image pinned by digest", list(_dockerfile.unpinned(stages))
    yield "no target runs as root", list(_dockerfile.root_targets(stages))
    yield "no secret in a layer or the history", list(_dockerfile.secrets_in_layers(stages))
    yield "nothing fetched without a checksum", list(_dockerfile.fetched(stages))
    missing = sorted(set(observe.profile.services) - targets)
    yield "a target for every service", [f"no target for {', '.join(missing)}"] if missing else []
    yield "no secret in the build context", _context_problems(observe.tree, name, stages)
    yield "hadolint finds nothing", _lint(text)


def _services(text: str) -> dict[str, dict[str, Any]]:
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Failure("a compose file", f"not YAML: {' '.join(str(error).split())}") from None
    services = data.get("services") if isinstance(data, dict) else None
    if not isinstance(services, dict) or not all(isinstance(given, dict) for given in services.values()):
        raise Failure("a compose file with services", "no mapping of services")
    return services


def _context_problems(tree: Path, name: str, stages: list[Stage]) -> list[str]:
    """Look at what COPY would take from the tree, which is the build context, past the ignore file."""
    ignore = next((tree / each for each in (f"{name}.dockerignore", ".dockerignore") if (tree / each).is_file()), None)
    if ignore is None:
        return ["no .dockerignore: everything beside the source is sent to the builder"]
    lines = [line.strip() for line in ignore.read_text().splitlines() if line.strip() and not line.startswith("#")]
    # As in git's files, but each pattern starts at the context's root, and the last that matches decides.
    rooted = [f"!/{line[1:].lstrip('/')}" if line.startswith("!") else f"/{line.lstrip('/')}" for line in lines]
    ignored = pathspec.PathSpec.from_lines("gitignore", rooted)
    problems = []
    for source in sorted(_dockerfile.copied(stages)):
        start = tree / source
        for path in sorted(start.rglob("*") if start.is_dir() else tree.glob(source)):
            inside = path.relative_to(tree).as_posix()
            if not path.is_file() or ignored.match_file(inside):
                continue
            if is_secret_file(inside):
                problems.append(f"COPY {source} takes {inside}")
            elif path.stat().st_size <= LARGEST_SCANNED_BYTES:
                problems += [f"{inside} holds {kind}" for kind in secrets_in(path.read_text(errors="replace"))]
    return problems


def _lint(text: str) -> list[str]:
    if not _hadolint(KNOWN_BAD):
        raise Invalid("hadolint finds nothing in a Dockerfile that is known to be bad, so its silence says nothing")
    return _hadolint(text)


def _hadolint(text: str) -> list[str]:
    program = Path(sys.executable).with_name("hadolint")
    if not program.is_file():
        raise Invalid(f"hadolint is missing: run make setup ({program})")
    command = [str(program), "--config", str(LINT_CONFIGURATION), "--format", "json", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=30, check=False)
    try:
        rows = json.loads(done.stdout)
        return [f"line {row['line']}: {row['code']} {row['message']}" for row in rows]
    except (ValueError, KeyError, TypeError):
        raise Invalid(f"hadolint ended with {done.returncode}: {done.stderr.strip()[:300]}") from None
