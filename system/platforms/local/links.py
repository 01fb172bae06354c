"""The link into a part, slowed down, lossy or cut, by what the kernel offers for the very sockets that the part serves with.

A relay on every link would cost each request, also while nothing is struck; one that is put in place for a strike has to break
the connections that should fall silent. So a strike borrows the part's sockets, as an ancestor of its processes may
(pidfd_getfd(2)), sets an option, and gives them back:

- latency: TCP_CORK. What is less than a segment is held back for 200 ms, the kernel's ceiling (tcp(7)), and comes unharmed. The
  ceiling is the connection's own retransmission timer: one that has become slow would be held back for longer, and is left alone.
- loss: a socket filter that drops one segment in twenty of what arrives, by the kernel's own dice. Whoever sent it sends it again once
  its timer has run out, as on any lossy way: 200 ms later, and twice as late each time that it is lost again (RFC 6298); the first
  one of a connection a second later.
- partition: a socket filter that drops whatever arrives, unacknowledged. Open connections fall silent, new ones come about
  no more, and nobody is told, as when a cable is cut.

Connections that are accepted later inherit all of it from the listener. All of it ends with the sockets: a part that starts has none.
"""

import asyncio
import ctypes
import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from system.platforms.local.addresses import Endpoint
from system.platforms.local.errors import PartFailed
from system.platforms.local.keeper import Keeper
from system.platforms.local.processes import descendants

OPEN, LATENCY, LOSS, PARTITION = MODES = ("open", "latency", "loss", "partition")
LOST_ONE_IN = 20

# Programs in Go listen with Multipath TCP where they may, whose sockets take no filter.
PLAIN_TCP = {"GODEBUG": "multipathtcp=0"}

_PIDFD_GETFD = 438  # on every architecture
_ATTACH_FILTER, _DETACH_FILTER = 26, 27
# Classic BPF (linux/filter.h): code, where to go if true, if false, constant.
_DROP, _KEEP = (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF)  # BPF_RET | BPF_K: so many bytes are kept
_DICE = (0x20, 0, 0, 0xFFFFF000 + 56)  # BPF_LD | BPF_W | BPF_ABS from SKF_AD_OFF + SKF_AD_RANDOM
_LUCKY = (0x35, 0, 1, 2**32 // LOST_ONE_IN)  # BPF_JMP | BPF_JGE | BPF_K
_FILTERS = {PARTITION: (_DROP,), LOSS: (_DICE, _LUCKY, _KEEP, _DROP)}
_TIMER_S = 0.3
_LOOKS, _ACCEPTED_S = 3, 0.05  # what had been connected and not accepted yet is found by a later look


async def set_link(keeper: Keeper, mode: str) -> int:
    """Put the link into a part into a mode, and give how many sockets that concerned; raises PartFailed."""
    name, pid = keeper.part.name, keeper.pid
    if pid is None:
        if mode == OPEN:
            return 0
        raise PartFailed(name, f"is {keeper.state}, there is no link into it")
    try:
        return await change(pid, keeper.part.endpoint, mode)
    except OSError as error:
        raise PartFailed(name, f"its sockets cannot be borrowed and set here: {error.strerror}") from None


async def change(root: int, endpoint: Endpoint, mode: str) -> int:
    """Set the mode on every socket of a process, or of one below it, whose own end is the endpoint."""
    changed: set[str] = set()
    for look in range(_LOOKS):
        if look:
            await asyncio.sleep(_ACCEPTED_S)
        for inode, borrowed in _borrow(root, _inodes(endpoint) - changed):
            with borrowed:
                _set(borrowed, mode)
            changed.add(inode)
    return len(changed)


def _set(borrowed: socket.socket, mode: str) -> None:
    slowed = mode == LATENCY and (_listens(borrowed) or _timer_s(borrowed) <= _TIMER_S)
    borrowed.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, int(slowed))
    if mode in _FILTERS:
        program = b"".join(struct.pack("HBBI", *each) for each in _FILTERS[mode])
        code = ctypes.create_string_buffer(program, len(program))
        given = struct.pack("HP", len(_FILTERS[mode]), ctypes.addressof(code))
        borrowed.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, given)  # in the place of one that it has
        return
    try:
        borrowed.setsockopt(socket.SOL_SOCKET, _DETACH_FILTER, 0)
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.EOPNOTSUPP}:  # it has none, or could have none
            raise


def _listens(borrowed: socket.socket) -> bool:
    return bool(borrowed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _timer_s(borrowed: socket.socket) -> float:
    """Give a connection's retransmission timer; the first member of tcp_info(7) behind eight bytes, in microseconds."""
    microseconds: int = struct.unpack_from("I", borrowed.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 12), 8)[0]
    return microseconds / 1e6


def _inodes(endpoint: Endpoint) -> set[str]:
    """List the sockets of this machine whose own end is the endpoint; the kernel prints addresses in its byte order."""
    address = int.from_bytes(socket.inet_aton(endpoint.address), sys.byteorder)
    own = f"{address:08X}:{endpoint.port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[9] for row in rows if row[1] == own and row[9] != "0"}


def _borrow(root: int, inodes: set[str]) -> Iterator[tuple[str, socket.socket]]:
    """Give each of the sockets once, from whichever process below `root` holds it."""
    wanted = set(inodes)
    for pid in (root, *(each.pid for each in descendants(root))):
        with suppress(FileNotFoundError, ProcessLookupError):
            holder = os.pidfd_open(pid)
            try:
                for link in Path(f"/proc/{pid}/fd").iterdir():
                    inode = _socket_inode(link)
                    if inode in wanted and (borrowed := _taken(holder, int(link.name))) is not None:
                        wanted.discard(inode)
                        yield inode, borrowed
            finally:
                os.close(holder)


def _socket_inode(link: Path) -> str:
    with suppress(FileNotFoundError):
        kind, _, rest = os.readlink(link).partition(":")  # noqa: PTH115 - a socket's link is no path
        return rest[1:-1] if kind == "socket" else ""
    return ""


def _taken(holder: int, number: int) -> socket.socket | None:
    """Take a copy of another process's descriptor; None when it has closed it meanwhile."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.syscall(ctypes.c_long(_PIDFD_GETFD), holder, number, 0)
    if descriptor >= 0:
        return socket.socket(fileno=descriptor)
    code = ctypes.get_errno()
    if code == errno.EBADF:
        return None
    raise OSError(code, os.strerror(code))
