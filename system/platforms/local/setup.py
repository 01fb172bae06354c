"""Fetch the programs that no wheel holds, once, into the project's untracked `.cache/`."""

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from system.platforms.local import setup_debian, setup_monitoring, setup_node
from system.platforms.local.errors import SetupError
from system.platforms.local.layout import CACHE
from system.platforms.local.programs import DEBIAN_TREE, MONITORING_TREE, NODE_TREE, on_path

_ATTEMPTS = 3


def setup() -> None:
    """Bring the trees up to their lock files; does nothing when they are.

    Safe to run twice at once: the second run waits for the first and finds its work done. Only the monitoring may be
    missing in the end, which is said.
    """
    if is_done() and _is_watched():
        print(f"setup: already done ({CACHE})")
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("setup: another setup is running, waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        _bring_up_to(NODE_TREE, setup_node.LOCK, setup_node.fill)
        _bring_up_to(DEBIAN_TREE, setup_debian.LOCK, setup_debian.fill)
        if not _is_watched():
            try:
                _bring_up_to(MONITORING_TREE, setup_monitoring.LOCK, setup_monitoring.fill)
            except SetupError as error:
                print(f"setup: the system will run without Prometheus and Alertmanager: {error}")
    print(f"setup: done ({CACHE})")


def is_done() -> bool:
    """Say whether the trees that nothing runs without are at their lock files."""
    return _current(NODE_TREE, setup_node.LOCK) and _current(DEBIAN_TREE, setup_debian.LOCK)


def _is_watched() -> bool:
    return on_path() is not None or _current(MONITORING_TREE, setup_monitoring.LOCK)


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()[:12]


def _current(tree: Path, lock: Path) -> bool:
    return tree.is_symlink() and tree.resolve().name == f"{tree.name}-{_digest(lock)}" and tree.is_dir()


def _bring_up_to(tree: Path, lock: Path, fill: Callable[[Path], None]) -> None:
    """Fill a new directory beside the old one, prove it, and switch the link: a killed setup leaves no half tree."""
    if _current(tree, lock):
        return
    target = tree.with_name(f"{tree.name}-{_digest(lock)}")
    building = Path(tempfile.mkdtemp(prefix=f"{tree.name}.building-", dir=CACHE))
    building.chmod(0o755)
    try:
        _attempt(tree.name, building, fill)
        shutil.rmtree(target, ignore_errors=True)
        building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    link = tree.with_name(f"{tree.name}.link")
    link.unlink(missing_ok=True)
    link.symlink_to(target.name)
    link.replace(tree)


def _attempt(name: str, building: Path, fill: Callable[[Path], None]) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            fill(building)
        except subprocess.CalledProcessError as error:
            last = (error.stderr or error.stdout or "").strip().splitlines()[-1:] or ["it said nothing"]
            line = f"{name}: {Path(str(error.cmd[0])).name} ended with {error.returncode}: {last[0]}"
            if attempt == _ATTEMPTS:
                raise SetupError(f"{line} ({_ATTEMPTS} attempts)") from None
            print(f"setup: {line}; attempt {attempt + 1} of {_ATTEMPTS}")
        else:
            return
