"""Places: where services keep their working files, each a small file system of its own where one may be mounted.

They lie in memory, in a mount namespace of the supervisor and of all that it starts, and are gone with the last of these. A
place is filled by shrinking it to what it holds, which takes room from nobody else, and freed by growing it again: the
kernel then refuses the service's writes as it does on any full disk.
"""

import ctypes
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from system.platforms.local.addresses import SLOTS
from system.platforms.local.errors import BadRequest, PartFailed
from system.platforms.local.layout import Layout

SIZES = {"worker": 1 << 30, "edge": 1 << 29}  # twice the edge's cache
_NAMES = tuple(name for service in SIZES for name in SLOTS[service])
_TRIES = 20
_NEW_MOUNTS, _NEW_USER = 0x00020000, 0x10000000  # CLONE_NEWNS, CLONE_NEWUSER
_NO_SUID, _NO_DEVICES, _REMOUNT, _ALL_BELOW, _PRIVATE = 2, 4, 32, 16384, 1 << 18  # MS_*
_FLAGS = _NO_SUID | _NO_DEVICES

_libc = ctypes.CDLL(None, use_errno=True)


class Places:
    """The places of every instance that may run.

    Args:
        layout: says where they are.

    Attributes:
        refusal: why they are ordinary directories that cannot be filled; empty when they are file systems.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.refusal = "not mounted"

    def mount(self) -> None:
        """Mount them for this process and its children, which must not have a second thread yet; try it in a child before."""
        for name in _NAMES:
            self._layout.work(name).mkdir(parents=True, exist_ok=True)
        if not (refused := _refused(self._mount_all)):
            self._mount_all()
        self.refusal = os.strerror(refused) if refused else ""
        for name in _NAMES:
            self._layout.work(name).mkdir(exist_ok=True)

    @staticmethod
    def has(name: str) -> bool:
        """Say whether a part has a place of its own."""
        return name in _NAMES

    def look(self, name: str) -> dict[str, Any]:
        """Say how large a place is, what of it is free, and which files and directories are in it."""
        files, found = self._layout.work(name), os.statvfs(self._mounted(name))
        return {
            "part": name,
            "size_bytes": found.f_blocks * found.f_frsize,
            "free_bytes": found.f_bavail * found.f_frsize,
            "full": found.f_blocks * found.f_frsize < _size(name),
            "files": sorted(_below(files)),
        }

    def fill(self, name: str) -> None:
        """Leave no byte free; what the service removes of its own from then on is free again."""
        place = self._mounted(name)
        for _ in range(_TRIES):
            found = os.statvfs(place)
            held = (found.f_blocks - found.f_bfree) * found.f_frsize
            try:
                _mount(place, _REMOUNT | _FLAGS, f"size={held}")
            except OSError:  # it has written since we looked
                continue
            if os.statvfs(place).f_bavail == 0:
                return
        raise PartFailed(name, f"its place could not be filled in {_TRIES} tries")

    def free(self, name: str) -> None:
        """Give it its room back."""
        _mount(self._mounted(name), _REMOUNT | _FLAGS, f"size={_size(name)}")

    def _mounted(self, name: str) -> Path:
        if not self.has(name):
            raise BadRequest(f"{name} has no place of its own; {', '.join(_NAMES)} have", 404)
        return self._layout.work(name).parent

    def _mount_all(self) -> None:
        _enter_namespace()
        for name in _NAMES:
            place = self._mounted(name)
            _mount(place, _FLAGS, f"size={_size(name)},mode=0700")
            (place / "keel").write_bytes(b"\0")  # a size of nothing would mean no bound at all
            self._layout.work(name).mkdir()


def _below(directory: Path) -> Iterator[str]:
    for above, directories, files in os.walk(directory):  # which does not mind what vanishes meanwhile
        yield from (str((Path(above) / name).relative_to(directory)) for name in (*directories, *files))


def _size(name: str) -> int:
    return SIZES[name.rpartition("-")[0]]


def _refused(act: Callable[[], None]) -> int:
    """Try in a child what would change this process; gives the error's number, 0 when it went well."""
    child = os.fork()
    if child == 0:
        code = 255
        try:
            act()
            code = 0
        except OSError as error:
            code = error.errno or code
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _enter_namespace() -> None:
    """Have mounts of our own; who is not root needs a user namespace for that, in which nobody else changes."""
    user, group = os.geteuid(), os.getegid()
    _check(_libc.unshare(_NEW_MOUNTS if user == 0 else _NEW_MOUNTS | _NEW_USER), "unshare")
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _check(_libc.mount(b"none", b"/", None, _ALL_BELOW | _PRIVATE, None), "mount")


def _mount(place: Path, flags: int, data: str) -> None:
    _check(_libc.mount(b"seatrial", os.fsencode(place), b"tmpfs", flags, data.encode()), str(place))


def _check(code: int, what: str) -> None:
    if code != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
