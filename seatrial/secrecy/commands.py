"""`seatrial secrets`: make secrets, replace them, and see that every one is where the profile says; no value is ever shown."""

import argparse
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyrage

from seatrial import hosting
from seatrial.errors import EnvironmentFault, UsageError
from seatrial.lock import held
from seatrial.platform import PlatformClient
from seatrial.profile import Profile
from seatrial.secrecy.references import Reference
from seatrial.secrecy.sops import SopsFile

SUMMARY = "make, replace and verify the secrets that a profile refers to; none is ever shown"
RANDOM_BYTES = 32
_PRIVATE = 0o600


def add_verbs(command: argparse.ArgumentParser, with_profile: Callable[[argparse.ArgumentParser], None]) -> None:
    """Add generate, rotate and verify to the command line."""
    verbs = command.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=type(command))

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=text, description=text)

    make = verb("generate", "random values for names of the SOPS file that have none")
    make.add_argument(
        "names", nargs="*", metavar="NAME", help="default: the accounts' passwords and the key of verdicts"
    )
    make.add_argument(
        "--recipient", action="append", default=[], metavar="AGE", help="for a new file (default: .sops.yaml)"
    )
    make.add_argument("--key", type=Path, metavar="FILE", help="make an age key instead, outside of the tree")
    make.set_defaults(
        verb=lambda profile, given: (
            generate_key(profile, given.key) if given.key else generate(profile, given.names, given.recipient)
        )
    )
    replace = verb("rotate", "new values; without names a new data key for every SOPS file")
    replace.add_argument("names", nargs="*", metavar="NAME", help="default: none, a new data key for every SOPS file")
    replace.add_argument("--retire", action="store_true", help="end the overlap of a running platform's secret")
    replace.set_defaults(verb=lambda profile, given: rotate(profile, given.names, retire=given.retire))
    look = verb("verify", "find every secret, with private keys where they may be")
    look.set_defaults(verb=lambda profile, _: verify(profile))
    for each in (make, replace, look):
        with_profile(each)


def generate(profile: Profile, names: Sequence[str], recipients: Sequence[str]) -> int:
    """Put a random value behind each name that has none; without names behind all that are ours to choose."""
    wanted = names or [each.key for each in _sops_references(profile) if str(each) in _chosen_here(profile)]
    if not wanted:
        raise UsageError(f"{profile.path}: no value of our choice is in a SOPS file: say which names to generate")
    for name in wanted:
        file = _own_file_of(profile, name)
        if name in file.names():
            print(f"kept      {name} in {file.path}: it has a value (`seatrial secrets rotate` makes a new one)")
            continue
        if file.path.exists():
            file.put(name, _random())
        else:
            file.create({name: _random()}, recipients)
        print(f"generated {name} in {file.path}")
    return 0


def generate_key(profile: Profile, path: Path) -> int:
    """Make an age key of a person or a machine: the private half into a file, the public half onto the screen."""
    place = path.expanduser().resolve()
    if place.is_relative_to(profile.tree.resolve()):
        raise UsageError(f"{place} is in the source tree, where no private key may ever be: choose another place")
    identity = pyrage.x25519.Identity.generate()
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE), "w") as file:
            file.write(f"{identity}\n")
    except FileExistsError:
        raise UsageError(
            f"{place} exists: a key is never written over, for it may be the last that opens a file"
        ) from None
    print(f"private key in {place}\npublic key  {identity.to_public()}")
    return 0


def rotate(profile: Profile, names: Sequence[str], *, retire: bool) -> int:
    """Replace secrets: in SOPS files by a new random value, of a running platform with an overlap that `retire` ends.

    Without names every SOPS file of the profile gets a new data key, and keeps its values.
    """
    files = _files(profile)
    if retire and files:
        raise UsageError(f"{profile.path} names SOPS files, whose values have no overlap that --retire could end")
    if not names:
        if not files:
            raise UsageError(f"{profile.path} names no SOPS file: say which secret of its platform to rotate")
        for file in files:
            file.rekey()
            print(f"rekeyed   {file.path}")
    for name in names:
        if files:
            _replace(_own_file_of(profile, name), name)
        else:
            _rotate_running(profile, name, retire=retire)
    return 0


def verify(profile: Profile) -> int:
    """See that every reference of the profile leads to a value, that each SOPS file is genuine, and that keys are private."""
    problems = [*_key_problems(profile)]
    for file in _files(profile):
        names = {each.key for each in _sops_references(profile) if _path(profile, each) == file.path}
        try:
            values = file.read()
        except EnvironmentFault as error:
            problems.append(str(error))
            continue
        problems += [f"{file.path}: no value for {name}" for name in sorted(names) if not values.get(name)]
        print(f"genuine   {file.path}: {len(values)} values, {len(file.recipients())} recipients")
    for reference in profile.every_reference:
        if reference.kind == "file":
            problems += _file_problems(_path(profile, reference))
        elif reference.kind == "env" and not os.environ.get(reference.place):
            problems.append(f"{reference}: the variable is not set")
    for problem in problems:
        print(f"problem   {problem}")
    references = len(profile.every_reference)
    print(f"{profile.path}: {references} references, {len(problems) or 'no'} problem{'s' * (len(problems) != 1)}")
    return 1 if problems else 0


def _replace(file: SopsFile, name: str) -> None:
    if name not in file.names():
        raise UsageError(f"{file.path} has no {name} to rotate: `seatrial secrets generate {name}` makes one")
    file.put(name, _random())
    print(f"rotated   {name} in {file.path}")


def _rotate_running(profile: Profile, name: str, *, retire: bool) -> None:
    if profile.platform is None:
        raise UsageError(f"{profile.path} names neither a SOPS file nor a platform: nothing here can be rotated")
    hosting.require_up(profile)
    client = PlatformClient(profile.platform.socket)
    try:
        with held(profile.platform.state, profile.name, alone=True):  # a trial may rotate, and tries what is valid
            now = client.rotate(name, "complete" if retire else "begin")
    finally:
        client.close()
    state = "in overlap: the old value is valid until `--retire`" if now.rotating else "the old value is refused"
    print(f"rotated   {name} in {now.seconds:.1f} s; {state}")


def _random() -> str:
    return secrets.token_urlsafe(RANDOM_BYTES)


def _sops_references(profile: Profile) -> list[Reference]:
    return [each for each in profile.every_reference if each.kind == "sops"]


def _chosen_here(profile: Profile) -> set[str]:
    """Return the references whose values are ours to choose: passwords of accounts, and the key that signs verdicts."""
    return {account.password for account in profile.accounts} | ({profile.verdict.key} if profile.verdict else set())


def _path(profile: Profile, reference: Reference) -> Path:
    return (profile.path.parent / reference.place).resolve()


def _files(profile: Profile) -> list[SopsFile]:
    return [SopsFile(path) for path in dict.fromkeys(_path(profile, each) for each in _sops_references(profile))]


def _own_file_of(profile: Profile, name: str) -> SopsFile:
    """Return the file of a name whose value is ours to choose; raises UsageError for one that another service issues.

    Ours are the passwords of accounts, the key that signs verdicts, and what a deployment keeps beside them without the profile's knowing of it.
    """
    named = [each for each in _sops_references(profile) if each.key == name]
    issued = [each for each in named if str(each) not in _chosen_here(profile)]
    if issued:
        path = _path(profile, issued[0])
        raise UsageError(f"{name} is issued by its service: get it there, and put it in with `sops edit {path}`")
    files = [SopsFile(path) for path in dict.fromkeys(_path(profile, each) for each in named)] or _files(profile)
    if len(files) != 1:
        raise UsageError(f"{profile.path} names {len(files)} SOPS files, and does not say in which {name} belongs")
    return files[0]


def _key_problems(profile: Profile) -> Iterator[str]:
    """Look at the file of the private key that SOPS uses, which may lie anywhere but in the tree."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    path = Path(os.environ.get("SOPS_AGE_KEY_FILE") or home / "sops" / "age" / "keys.txt")
    if path.exists():
        yield from _file_problems(path)
        if path.resolve().is_relative_to(profile.tree.resolve()):
            yield f"{path} is in the source tree, where no private key may ever be"


def _file_problems(path: Path) -> Iterator[str]:
    if not path.exists() or not path.stat().st_size:
        yield f"{path} is {'empty' if path.exists() else 'missing'}"
    elif (mode := stat.S_IMODE(path.stat().st_mode)) & ~_PRIVATE:
        yield f"{path} has mode {mode:04o}, expected {_PRIVATE:04o} at most"
