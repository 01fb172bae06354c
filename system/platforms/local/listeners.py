"""Listening TCP sockets of this machine, as the kernel lists them, and the processes that hold them."""

import os
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

_LISTEN = "0A"


@dataclass(frozen=True)
class Listener:
    """One listening socket.

    Attributes:
        address: IPv4 or IPv6 address; `0.0.0.0` and `::` stand for all of them.
        port: TCP port.
        pid: a process that holds it, None when we may not see it.
    """

    address: str
    port: int
    pid: int | None

    def covers(self, address: str, port: int) -> bool:
        """Say whether a new listener on `address:port` would be refused because of this one."""
        return port == self.port and self.address in (address, "0.0.0.0", "::")  # noqa: S104 - compared, not bound


def listeners() -> list[Listener]:
    """List every listening TCP socket, by address and port."""
    found = []
    for file, family in (("/proc/net/tcp", socket.AF_INET), ("/proc/net/tcp6", socket.AF_INET6)):
        path = Path(file)
        if not path.exists():
            continue
        for line in path.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN:
                address, port = fields[1].split(":")
                found.append((_decode(address, family), int(port, 16), fields[9]))
    owners = _owners({inode for _, _, inode in found})
    unique = {Listener(address, port, owners.get(inode)) for address, port, inode in found}
    return sorted(unique, key=lambda each: (each.address, each.port))


def _decode(text: str, family: socket.AddressFamily) -> str:
    """Decode what the kernel prints: 32-bit words in the machine's byte order."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    return socket.inet_ntop(family, struct.pack(f"={len(words)}I", *words))


def _owners(inodes: set[str]) -> dict[str, int]:
    owners: dict[str, int] = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            descriptors = list(os.scandir(f"/proc/{entry.name}/fd"))
        except (PermissionError, FileNotFoundError, ProcessLookupError):
            continue
        for descriptor in descriptors:
            try:
                target = os.readlink(descriptor.path)  # noqa: PTH115 - a socket's link is no path
            except (FileNotFoundError, PermissionError, ProcessLookupError):
                continue
            if target.startswith("socket:[") and target[8:-1] in inodes:
                owners.setdefault(target[8:-1], int(entry.name))
    return owners
