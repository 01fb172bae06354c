"""`up`: check, start the guardian, follow the progress."""

import json
import os
import signal
import subprocess
import sys
import time
from types import FrameType
from typing import Any

from system.platforms.local import lock, region
from system.platforms.local.control_client import call
from system.platforms.local.errors import PlatformError
from system.platforms.local.layout import PROJECT, Layout
from system.platforms.local.preflight import check_machine, check_state

_LOG_LIMIT_BYTES = 10 << 20
_TAIL_LINES = 15


class _Interrupted(Exception):  # noqa: N818 - the name of the event
    pass


def up(layout: Layout, *, foreground: bool, lifeline: int | None, rebuild: bool = False, watched: bool = True) -> int:
    """Start the instance of a state directory.

    Args:
        layout: directories and addresses.
        rebuild: the directory is empty but for the store's data and what is kept; everything else is made of these.
        foreground: stay; everything ends with this process, however it ends.
        watched: start what watches the system, too.
        lifeline: descriptor whose closing at the other end ends everything.

    Returns:
        0 when everything is ready, or was; 1 when a part failed; 130 when interrupted. Nothing is left running then.
    """
    started = time.monotonic()
    if lifeline is not None:
        _check_descriptor(lifeline)
    check_state(layout)
    held = lock.take(layout.lock_file)
    if held is None:
        if rebuild:
            raise PlatformError(f"an instance in {layout.state} runs: only what is gone can be rebuilt")
        return _already(layout)
    layout.guardian_pid.unlink(missing_ok=True)  # of one that was killed: its number may be a stranger's by now
    check_machine(layout)
    if rebuild:
        region.begin(layout)
    else:
        region.settle(layout)
    _rotate_logs(layout)
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, _interrupt)
    reading, writing = os.pipe()
    lifelines = [lifeline] if lifeline is not None else []
    own_end: int | None = None
    if foreground:
        other, own_end = os.pipe()
        lifelines.append(other)
    try:
        flags = [name for name, wanted in (("--stay", foreground), ("--unwatched", not watched)) if wanted]
        guardian = _start_guardian(layout, started, held=held, progress=writing, lifelines=lifelines, flags=flags)
        for descriptor in {writing, held, *lifelines}:
            os.close(descriptor)
        try:
            return _follow(layout, guardian, reading, foreground=foreground, kept=lifeline is None)
        except _Interrupted:
            print("\nup: interrupted, stopping everything", file=sys.stderr)
            guardian.send_signal(signal.SIGTERM)
            guardian.wait()
            return 130
    finally:
        os.close(reading)
        if own_end is not None:
            os.close(own_end)


def _already(layout: Layout) -> int:
    answer = call(layout.control_socket, "GET", "/v1/status")
    if answer is None:
        raise PlatformError(f"an instance in {layout.state} is starting or ending: try again, or `down` it")
    ports = {part["name"]: part["port"] for part in answer["parts"]}
    if ports["ingress"] != layout.addresses.endpoint("https").port:
        raise PlatformError(
            f"an instance in {layout.state} runs on other ports (ingress {ports['ingress']}): `down` it first"
        )
    if not answer["ready"]:
        raise PlatformError(f"an instance in {layout.state} runs but is not ready: see `status`, or `down` it")
    print(f"up: already up, release {answer['release']} ({layout.state})")
    return 0


def _start_guardian(
    layout: Layout, started: float, *, held: int, progress: int, lifelines: list[int], flags: list[str]
) -> "subprocess.Popen[bytes]":
    supervisor = [
        f"--state={layout.state}",
        f"--base-port={layout.addresses.base_port}",
        f"--started={started}",
        f"--lock={held}",
        f"--progress={progress}",
        *flags,
    ]
    command = [
        sys.executable,
        "-m",
        "system.platforms.local.guardian",
        f"--pid-file={layout.guardian_pid}",
        *(f"--leaves={path}" for path in (layout.control_socket, *layout.addresses.weed_sockets())),
        f"--pass={held}",
        f"--pass={progress}",
        *(f"--lifeline={each}" for each in lifelines),
        "--",
        *supervisor,
    ]
    with layout.platform_log.open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(held, progress, *lifelines),
            start_new_session=True,
        )


def _follow(layout: Layout, guardian: "subprocess.Popen[bytes]", reading: int, *, foreground: bool, kept: bool) -> int:
    ready = False
    with os.fdopen(os.dup(reading)) as lines:
        for line in lines:
            event = json.loads(line)
            _show(event)
            if "failed" in event:
                guardian.wait()
                return 1
            if "ready" in event:
                ready = True
                if kept:  # what a gate that was killed had made is somebody's now, and the next one's to empty no more
                    layout.gate_marker.unlink(missing_ok=True)
                if not foreground:
                    return 0
    code = guardian.wait()
    if ready:
        return code
    tail = layout.platform_log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
    print(
        "\n".join([*tail, f"up: the supervisor has ended unexpectedly; its log is {layout.platform_log}"]),
        file=sys.stderr,
    )
    return 1


def _show(event: dict[str, Any]) -> None:
    match event:
        case {"part": part, "state": state, "seconds": seconds}:
            print(f"{part:<12} {state:<8} {seconds:6.1f} s", flush=True)
        case {"ready": True, "seconds": seconds}:
            print(f"up: everything is ready after {seconds:.1f} s", flush=True)
        case {"failed": part, "reason": reason, "log": log, "lines": tail}:
            text = [
                *(f"    {line}" for line in tail),
                f"up: {part} failed: {reason}",
                f"up: everything was stopped; log {log}",
            ]
            print("\n".join(text), file=sys.stderr)
        case {"line": line}:
            print(line, flush=True)


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    raise _Interrupted


def _check_descriptor(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        raise PlatformError(f"--lifeline {descriptor}: there is no such open descriptor") from None


def _rotate_logs(layout: Layout) -> None:
    """Keep one older file of each log that has grown large."""
    for path in layout.logs.glob("*.log"):
        if path.stat().st_size > _LOG_LIMIT_BYTES:
            path.replace(path.with_suffix(".log.1"))
