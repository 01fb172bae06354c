"""What must hold before anything is started; each refusal is one line that says what to do."""

import os
import shutil
from pathlib import Path

from system.platforms.local.errors import PlatformError
from system.platforms.local.layout import Layout
from system.platforms.local.listeners import listeners
from system.platforms.local.parts.postgres import check_user_namespaces
from system.platforms.local.programs import Programs
from system.platforms.local.setup import is_done

LEAST_FREE_BYTES = 1 << 30


def check_state(layout: Layout) -> None:
    """Raise PlatformError unless the state directory can hold an instance; makes it."""
    if long := layout.too_long_sockets():
        raise PlatformError(f"the path {long[0]} is too long for a unix socket: use --state with a shorter directory")
    if layout.state.exists() and (owner := layout.state.stat().st_uid) != os.geteuid():
        raise PlatformError(f"the state directory {layout.state} belongs to uid {owner}, we are uid {os.geteuid()}")
    try:
        layout.make()
        probe = layout.state / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise PlatformError(f"the state directory {layout.state} is not writable: {error.strerror}") from None
    free = shutil.disk_usage(layout.state).free
    if free < LEAST_FREE_BYTES:
        least = LEAST_FREE_BYTES / (1 << 30)
        raise PlatformError(f"only {free / (1 << 30):.2f} GiB are free at {layout.state}, {least:g} GiB are needed")


def check_machine(layout: Layout) -> Programs:
    """Raise PlatformError unless programs, ports and privileges are there; give the programs."""
    if not is_done():
        raise PlatformError("the programs are not set up: run `python -m system.platforms.local setup` first")
    programs = Programs.find()
    for tool in ("setpriv", "unshare"):
        if not shutil.which(tool):
            raise PlatformError(f"{tool} is missing: install util-linux")
    check_user_namespaces()
    check_ports(layout)
    return programs


def check_ports(layout: Layout) -> None:
    """Raise PlatformError for the first port that another process listens on."""
    present = listeners()
    wanted = layout.addresses.declared()
    wanted["s3"] += layout.addresses.withheld()
    for part, endpoints in wanted.items():
        for endpoint in endpoints:
            for other in present:
                if other.covers(endpoint.address, endpoint.port):
                    raise PlatformError(
                        f"port {endpoint.port} for {part} is taken on {other.address} by {_owner(other.pid)}: "
                        "end that process or use --base-port"
                    )

    for path in layout.addresses.weed_sockets():
        if path.exists() and path.stat().st_uid != os.geteuid():
            raise PlatformError(
                f"{path} is left over from uid {path.stat().st_uid}, and SeaweedFS needs that name: "
                "remove it or use --base-port"
            )


def _owner(pid: int | None) -> str:
    if pid is None:
        return "a process that we may not see"
    try:
        return f"pid {pid} ({Path(f'/proc/{pid}/comm').read_text().strip()})"
    except OSError:
        return f"pid {pid}"
