"""Prometheus and Alertmanager from Debian's packages, unpacked privately; without them the system runs unwatched."""

import subprocess
from pathlib import Path

from system.platforms.local import setup_debian
from system.platforms.local.errors import SetupError

LOCK = Path(__file__).with_name("monitoring.lock")
ALERTMANAGER = "usr/bin/prometheus-alertmanager"
# Debian's build reads its templates from a fixed place, and without them does not start: it is pointed at its own working
# directory, by a path of the same length, since nothing is installed and a mount of our own needs rights that not everybody has.
_PLACE = b"/usr/share/prometheus/alertmanager"
ASSETS = "alertmanager-assets"
_HERE = b"/proc/self/cwd/" + ASSETS.encode()


def fill(tree: Path) -> None:
    """Fetch and unpack both; raises CalledProcessError or SetupError."""
    print("setup: Debian packages of monitoring.lock (Prometheus, Alertmanager)")
    setup_debian.unpack(tree, LOCK)
    program = tree / ALERTMANAGER
    program.write_bytes(relocated(program.read_bytes()))
    for each in ("prometheus", "prometheus-alertmanager", "promtool", "amtool"):
        subprocess.run([tree / "usr/bin" / each, "--version"], check=True, capture_output=True, text=True)


def relocated(program: bytes) -> bytes:
    """Give Alertmanager with its templates below its working directory; raises SetupError where it does not look for them."""
    if _PLACE not in program:
        raise SetupError(f"Alertmanager does not look for its templates in {_PLACE.decode()}: it is another build")
    return program.replace(_PLACE, _HERE)
