"""Run services of compose.yaml under bare podman, where there is neither compose nor a network plug-in: a rehearsal.

Every container gets a network namespace of its own on a bridge that leads nowhere, finds the others by the names that compose would
give them, and runs with the user, mounts, variables, command and limits that stand in compose.yaml. They start in the order of
`depends_on`, and each health check is asked until it passes. Needs root, podman and `ip`.

    python -m system.platforms.compose.rehearsal --release r1 --secrets DIR --configs DIR [--image SERVICE=IMAGE]... SERVICE...

It prints the services' addresses, holds until it is interrupted, and then removes everything that it made.
"""

import argparse
import contextlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = ["Rehearsal", "health_command", "in_order", "run_command"]

FILE = Path(__file__).with_name("compose.yaml")
BRIDGE, NETWORK = "seatrial0", "10.77.0"
HEALTHY_S = 120.0


def in_order(services: Mapping[str, Any], wanted: list[str]) -> list[str]:
    """Sort the wanted services so that each comes after those it depends on; what is not wanted is left out."""
    done: list[str] = []

    def add(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValueError(f"{' -> '.join((*above, name))}: they wait for each other")
        for other in services[name].get("depends_on", {}):
            if other in wanted:
                add(other, (*above, name))
        if name not in done:
            done.append(name)

    for name in wanted:
        add(name, ())
    return done


def health_command(service: Mapping[str, Any]) -> list[str]:
    """Give the command of a service's health check, to be run inside; none for one that has none."""
    match service.get("healthcheck", {}).get("test", []):
        case ["CMD", *command]:
            return [str(word) for word in command]
        case ["CMD-SHELL", command]:
            return ["sh", "-c", str(command)]
        case _:
            return []


@dataclass(frozen=True)
class Rehearsal:
    """What is run, and with what.

    Attributes:
        document: compose.yaml, parsed.
        values: what stands for `${NAME:?}` in it.
        images: other images than the file's, by service.
    """

    document: Mapping[str, Any]
    values: Mapping[str, str]
    images: Mapping[str, str]

    def resolve(self, text: str) -> str:
        """Fill in the variables."""
        for name, value in self.values.items():
            text = text.replace(f"${{{name}:?}}", value)
        return text

    def source(self, kind: str, name: str) -> Path:
        """Find the file behind a secret or a configuration."""
        return (FILE.parent / self.resolve(self.document[kind][name]["file"])).resolve()


def run_command(rehearsal: Rehearsal, name: str, addresses: Mapping[str, str], namespace: str) -> list[str]:
    """Give podman's arguments for one service."""
    service = rehearsal.document["services"][name]
    command = ["run", "--detach", "--name", f"seatrial-{name}", "--network", f"ns:{namespace}", "--hostname", name]
    command += [word for other, address in addresses.items() for word in ("--add-host", f"{other}:{address}")]
    command += ["--user", str(service["user"])] if "user" in service else []
    command += ["--read-only", "--read-only-tmpfs=false"] if service.get("read_only") else []
    command += [word for each in service.get("cap_drop", []) for word in ("--cap-drop", each.lower())]
    command += [word for each in service.get("security_opt", []) for word in ("--security-opt", each)]
    command += [word for each in service.get("tmpfs", []) for word in ("--tmpfs", _tmpfs(each))]
    command += [word for each in service.get("volumes", []) for word in ("--volume", f"seatrial-{each}:U")]
    for kind in ("secrets", "configs"):
        for each in service.get(kind, []):
            mount = each if isinstance(each, dict) else {"source": each, "target": each}
            target = mount["target"] if kind == "configs" else f"/run/secrets/{mount['target']}"
            command += ["--volume", f"{rehearsal.source(kind, mount['source'])}:{target}:ro"]
    for key, value in service.get("environment", {}).items():
        command += ["--env", f"{key}={rehearsal.resolve(str(value))}"]
    words = [str(word) for word in service.get("command", [])]
    if entrypoint := service.get("entrypoint"):
        command += ["--entrypoint", str(entrypoint[0])]
        words = [*map(str, entrypoint[1:]), *words]
    return [*command, rehearsal.images.get(name) or rehearsal.resolve(service["image"]), *words]


def _tmpfs(mount: str) -> str:
    """Spell an owner as podman does: it knows the container's user only."""
    return re.sub(r"\buid=\d+", "U", mount)


@contextlib.contextmanager
def network(names: list[str]) -> Iterator[dict[str, str]]:
    """Make the bridge and a namespace for each name; give the addresses."""
    addresses = {name: f"{NETWORK}.{10 + number}" for number, name in enumerate(names)}
    _run("ip", "link", "add", BRIDGE, "type", "bridge")
    try:
        _run("ip", "address", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
        _run("ip", "link", "set", BRIDGE, "up")
        for number, (name, address) in enumerate(addresses.items()):
            space, outside = f"seatrial-{name}", f"seatrial-v{number}"
            _run("ip", "netns", "add", space)
            _run("ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", space)
            _run("ip", "link", "set", outside, "master", BRIDGE, "up")
            for words in (f"address add {address}/24 dev eth0", "link set eth0 up", "link set lo up"):
                _run("ip", "-netns", space, *words.split())
        yield addresses
    finally:
        for name in names:
            _run("ip", "netns", "delete", f"seatrial-{name}", check=False)
        _run("ip", "link", "delete", BRIDGE)


@contextlib.contextmanager
def container(rehearsal: Rehearsal, name: str, addresses: Mapping[str, str]) -> Iterator[None]:
    """Run one service until it is healthy, or has ended well where that is all that it is for; remove it afterwards."""
    try:
        _run("podman", *run_command(rehearsal, name, addresses, f"/run/netns/seatrial-{name}"))
        _await(name, health_command(rehearsal.document["services"][name]))
        yield
    finally:
        _run("podman", "rm", "--force", "--time", "20", "--volumes", f"seatrial-{name}", check=False)


def _await(name: str, health: list[str]) -> None:
    started = time.monotonic()
    while True:
        state = _run("podman", "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", f"seatrial-{name}")
        if state in {"exited 0", "stopped 0"} and not health:
            break
        if state.startswith(("exited", "stopped")) or time.monotonic() - started > HEALTHY_S:
            said = _run("podman", "logs", "--tail", "20", f"seatrial-{name}", check=False)
            sys.exit(f"{name}: {state}, not healthy after {time.monotonic() - started:.0f} s\n{said}")
        if health and _asked(name, health):
            break
        time.sleep(0.2)
    print(f"{name:12} {'healthy' if health else 'done'} {time.monotonic() - started:6.1f} s", flush=True)


def _asked(name: str, health: list[str]) -> bool:
    command = ["podman", "exec", f"seatrial-{name}", *health]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _run(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if check and done.returncode:
        sys.exit(f"{' '.join(command[:3])}: {done.stderr.strip()}")
    return (done.stdout or done.stderr).strip()


def main() -> None:
    """Run what is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", required=True)
    parser.add_argument("--secrets", required=True, type=Path, help="SECRETS_DIR")
    parser.add_argument("--configs", required=True, type=Path, help="CONFIG_DIR")
    parser.add_argument("--image", action="append", default=[], metavar="SERVICE=IMAGE", help="instead of the file's")
    parser.add_argument("services", nargs="+")
    given = parser.parse_args()
    values = {
        "RELEASE": given.release,
        "SECRETS_DIR": str(given.secrets.resolve()),
        "CONFIG_DIR": str(given.configs.resolve()),
    }
    images = dict(each.split("=", 1) for each in given.image)
    rehearsal = Rehearsal(yaml.safe_load(FILE.read_text()), values, images)
    names = in_order(rehearsal.document["services"], given.services)
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background jobs are started with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
        addresses = stack.enter_context(network(names))
        for name in names:
            stack.enter_context(container(rehearsal, name, addresses))
        print(*(f"{name}={address}" for name, address in addresses.items()), flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
