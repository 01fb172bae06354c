"""What is kept outside of the region: the plan that a rebuild goes by, with every secret, encrypted by SOPS to an age key.

The plan is one file. Names stand in it in the clear, values do not. It is written anew whenever a secret is made or replaced.
On this machine the age key lies beside it, as it would with whoever is on call and in no region.

Run as a module it keeps the plan, or prints what it names as one line of JSON: see `keeping`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage

from system.platforms.local.errors import PlatformError
from system.platforms.local.layout import Layout
from system.platforms.local.parts.s3_identities import BUCKETS
from system.platforms.local.secret_files import SecretFiles

_ROOT = ("ca/root.crt", "ca/root.key")  # clients trust the root: a new one would shut all of them out
_FILES, _LINKS, _BUCKETS = (
    "files",
    "links_unencrypted",
    "buckets_unencrypted",
)  # SOPS leaves names with this ending alone
_WITHIN_S = 30.0


@dataclass(frozen=True)
class Plan:
    """What a rebuild needs beside the repository and what the store holds.

    Attributes:
        files: path below the state directory -> what it says.
        links: path below the state directory -> what it leads to.
        buckets: what must be in the store.
    """

    files: dict[str, str]
    links: dict[str, str]
    buckets: tuple[str, ...]

    @classmethod
    def of(cls, layout: Layout) -> "Plan":
        """Read what is to be kept of an instance."""
        files = {name: (layout.state / name).read_text() for name in _ROOT}
        links = {}
        for folder, folders, names in os.walk(layout.secrets, followlinks=False):
            for path in (Path(folder, name) for name in (*folders, *names)):
                name = str(path.relative_to(layout.state))
                if path.is_symlink():
                    links[name] = str(path.readlink())
                elif path.is_file():
                    files[name] = path.read_text()
        return cls(files, links, BUCKETS)

    def without(self, names: Collection[str]) -> "Plan":
        """Leave out secrets and buckets, by their names."""
        left_out = {f"secrets/{name}" for name in names}
        return Plan(
            {name: value for name, value in self.files.items() if name not in left_out},
            {name: value for name, value in self.links.items() if name not in left_out},
            tuple(each for each in self.buckets if each not in names),
        )

    def unpack(self, layout: Layout) -> None:
        """Write the secrets into an empty state directory, readable by their owner alone."""
        for name, value in self.files.items():
            path = layout.state / name
            for folder in reversed(Path(name).parents):
                (layout.state / folder).mkdir(mode=0o700, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(value)
        for name, target in self.links.items():
            (layout.state / name).symlink_to(target)

    def missing(self, layout: Layout) -> list[str]:
        """Name what the plan lacks, once it is unpacked."""
        root = [f"secret {name}" for name in _ROOT if not (layout.state / name).exists()]
        secrets = [f"secret {name}" for name in SecretFiles(layout.secrets).missing()]
        return [*root, *secrets, *(f"bucket {name}" for name in BUCKETS if name not in self.buckets)]


def keep(layout: Layout, without: Collection[str] = ()) -> None:
    """Write the plan anew; raises PlatformError when it cannot be encrypted, and then it is as it was."""
    plan = Plan.of(layout).without(without)
    text = json.dumps({_FILES: plan.files, _LINKS: plan.links, _BUCKETS: plan.buckets})
    formats = ["--input-type=json", "--output-type=json", f"--filename-override={layout.plan.name}"]
    sealed = _sops(layout, ["encrypt", f"--age={_recipient(layout)}", *formats], text)
    if not _seals(sealed, plan):
        raise PlatformError(
            f"{layout.plan}: sops encrypt gave something else than the plan, encrypted: it stays as it was"
        )
    half = layout.plan.with_suffix(".half")
    half.write_text(sealed)
    half.rename(layout.plan)


def read(layout: Layout) -> Plan:
    """Decrypt the plan, which proves that nobody has changed it by hand; raises PlatformError when it is not to be had."""
    for path, what in (
        (layout.plan, "the plan of what a rebuild needs"),
        (layout.age_key, "the age key that opens it"),
    ):
        if not path.exists():
            raise PlatformError(f"{what} is missing: {path}")
    found: dict[str, Any] = json.loads(
        _sops(layout, ["decrypt", "--input-type=json", "--output-type=json", str(layout.plan)])
    )
    return Plan(found[_FILES], found[_LINKS], tuple(found[_BUCKETS]))


def report(layout: Layout) -> dict[str, Any]:
    """Say what the plan names, which takes no key, and whether it says what is in force now."""
    sealed = json.loads(layout.plan.read_text())
    names = sorted(each.removeprefix("secrets/") for each in (*sealed[_FILES], *sealed[_LINKS]))
    plan, now = read(layout), Plan.of(layout)
    current = (plan.files, plan.links) == (now.files, now.links)
    return {"secrets": names, "buckets": list(sealed[_BUCKETS]), "current": current}


def main(arguments: list[str]) -> None:
    """Keep the plan, or report; ends with one line and exit code 1 when that cannot be done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--base-port", type=int, required=True)
    parser.add_argument("act", choices=("keep", "report"))
    parser.add_argument("without", nargs="*", help="secrets and buckets that are left out of what is kept")
    options = parser.parse_args(arguments)
    layout = Layout.of(options.state, options.base_port)
    try:
        if options.act == "keep":
            keep(layout, options.without)
        else:
            print(json.dumps(report(layout)))
    except PlatformError as error:
        sys.exit(str(error))


def _seals(sealed: str, plan: Plan) -> bool:
    """Say whether a text has every name of the plan, and of its values none in the clear."""
    try:
        found = json.loads(sealed)
        files = found[_FILES]
        same = (files.keys(), found[_LINKS], tuple(found[_BUCKETS])) == (plan.files.keys(), plan.links, plan.buckets)
        return same and bool(found["sops"]["mac"]) and all(value.startswith("ENC[") for value in files.values())
    except (ValueError, LookupError, TypeError, AttributeError):
        return False


def _recipient(layout: Layout) -> str:
    layout.kept.mkdir(mode=0o700, exist_ok=True)
    if not layout.age_key.exists():
        with os.fdopen(os.open(layout.age_key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{pyrage.x25519.Identity.generate()}\n")
    return str(pyrage.x25519.Identity.from_str(layout.age_key.read_text().strip()).to_public())


def _sops(layout: Layout, arguments: list[str], given: str = "") -> str:
    places = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    program = shutil.which("sops", path=places)
    if program is None:
        raise PlatformError("sops is missing: install what requirements.lock names")
    environment = {"PATH": os.defpath, "HOME": str(layout.kept), "SOPS_AGE_KEY_FILE": str(layout.age_key)}
    command = [program, *arguments]
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, check=False, timeout=_WITHIN_S, env=environment
        )
    except subprocess.TimeoutExpired:
        raise PlatformError(f"{layout.plan}: sops {arguments[0]} took more than {_WITHIN_S:g} s") from None
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[:300] or "no reason given"
        raise PlatformError(f"{layout.plan}: sops {arguments[0]} failed: {said}")
    return done.stdout


if __name__ == "__main__":
    main(sys.argv[1:])
