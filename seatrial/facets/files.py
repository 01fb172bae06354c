"""The files that hold secrets on this machine: who may read them. What they say is no business of a check."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from seatrial.errors import HarnessError, Invalid
from seatrial.inverses import inverse
from seatrial.scope import Scope


@dataclass(frozen=True)
class Rights:
    """Who may do what with a file or a folder.

    Attributes:
        mode: the permission bits, 0o600.
        owner: a user id.
    """

    path: Path
    is_folder: bool
    mode: int
    owner: int


class ObserveFiles:
    """Reads rights only; a file that cannot be looked at raises OSError."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    @property
    def owner(self) -> int:
        """The user whose files they must be: the platform's, or this process's own where there is no platform."""
        state = self._scope.profile.state
        return state.stat().st_uid if state else os.getuid()

    def secrets(self) -> tuple[Rights, ...]:
        """Return the rights of the files that the profile's references name, of their folders, and of all below those.

        Links are followed to the file that they lead to, and their own rights, which mean nothing, are left out.
        """
        files = self._scope.profile.secret_files
        named = [place for each in files for place in (each.parent.resolve() / each.name, each.resolve())]
        found = {path for path in named if not path.is_symlink()}
        for folder in {path.parent for path in named}:
            found |= {folder, *_below(folder)}
        return tuple(_rights(path) for path in sorted(found))


class DestroyFiles(ObserveFiles):
    """Loosens rights and takes files away, inside of the environment's state folder alone."""

    def chmod(self, path: Path, mode: int) -> None:
        """Give a file or a folder other permission bits; the inverse gives back those of now."""
        place = _inside(self._scope, path)
        before = stat.S_IMODE(place.stat().st_mode)
        self._scope.undo("files.chmod", {"path": str(place), "mode": before})
        self._scope.meter.add(writes=1)
        place.chmod(mode)

    def hide(self, path: Path) -> None:
        """Take a file away, to the name beside it that ends in ".hidden"; the inverse brings it back."""
        place = _inside(self._scope, path)
        self._scope.undo("files.show", {"path": str(place)})
        self._scope.meter.add(writes=1)
        place.rename(_hidden(place))


def _below(folder: Path) -> Iterator[Path]:
    def unreadable(error: OSError) -> NoReturn:
        raise error

    for parent, folders, names in os.walk(folder, onerror=unreadable):
        yield from (path for name in (*folders, *names) if not (path := Path(parent, name)).is_symlink())


def _rights(path: Path) -> Rights:
    status = path.stat()
    return Rights(path, stat.S_ISDIR(status.st_mode), stat.S_IMODE(status.st_mode), status.st_uid)


def _inside(scope: Scope, path: Path) -> Path:
    state = scope.profile.state
    if state is None:
        raise Invalid("the profile names no [platform], so there is no state folder whose files may be touched")
    place = path.resolve()
    if not place.is_relative_to(state.resolve()):
        raise HarnessError(f"{path} is outside of the state folder")
    return place


def _hidden(place: Path) -> Path:
    return place.with_name(f"{place.name}.hidden")


@inverse("files.show")
def _show(scope: Scope, *, path: str) -> None:
    place = _inside(scope, Path(path))
    if place.exists():  # it was made anew meanwhile
        _hidden(place).unlink(missing_ok=True)
    elif _hidden(place).exists():
        _hidden(place).rename(place)


@inverse("files.chmod")
def _chmod(scope: Scope, *, path: str, mode: int) -> None:
    place = _inside(scope, Path(path))
    if place.exists():  # a secret that was replaced meanwhile was made with its proper rights
        place.chmod(mode)
