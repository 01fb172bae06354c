"""The droplet's script for another release, run by a real shell; what it asks of docker and systemd is written down."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.serving import answering

SCRIPT = Path("system/platforms/digitalocean/tofu/worker-release.sh").read_text()
OLD, NEW = (f"example/seatrial-worker@sha256:{digit * 64}" for digit in "12")
DOCKER = """#!/bin/sh
echo "docker $1" >>"$CALLS"
case "$1" in
pull) case "$3" in *missing*) exit 1 ;; esac ;;
exec) shift 3; exec "$PYTHON" "$@" ;;
esac
"""
SYSTEMCTL = '#!/bin/sh\necho "systemctl $*" >>"$CALLS"\n'


@dataclass
class Droplet:
    """A folder like /etc/seatrial, and a worker that is of the release that stands there; ready if it is a good one."""

    folder: Path
    good: set[str] = field(default_factory=lambda: {"r1", "r2"})
    port: int = 0

    @property
    def release(self) -> str:
        return dict(line.split("=", 1) for line in (self.folder / "worker.env").read_text().splitlines())["RELEASE"]

    @property
    def image(self) -> str:
        return (self.folder / "image.env").read_text().strip().removeprefix("IMAGE=")

    @property
    def calls(self) -> list[str]:
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def run(self, image: str, release: str) -> int:
        text = (
            SCRIPT.replace("/etc/seatrial", str(self.folder)).replace(":8080", f":{self.port}").replace("+ 120", "+ 0")
        )
        (self.folder / "script").write_text(text)
        variables = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "CALLS": str(self.folder / "calls"),
            "PYTHON": sys.executable,
        }
        return subprocess.run(
            ["sh", self.folder / "script", image, release], env=variables, capture_output=True, timeout=60, check=False
        ).returncode


@pytest.fixture
def droplet(tmp_path: Path) -> Iterator[Droplet]:
    made = Droplet(tmp_path)
    (tmp_path / "bin").mkdir()
    for name, text in (("docker", DOCKER), ("systemctl", SYSTEMCTL)):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "image.env").write_text(f"IMAGE={OLD}\n")
    (tmp_path / "worker.env").write_text("RELEASE=r1\nINSTANCE=worker-1\nENCODER=nvenc\n")

    class Worker(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"release": made.release}).encode()
            self.send_response(200 if made.release in made.good else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with answering(Worker) as made.port:
        yield made


def test_another_release_runs_and_the_rest_stays_as_it_was(droplet: Droplet) -> None:
    assert droplet.run(NEW, "r2") == 0

    assert (droplet.image, droplet.release) == (NEW, "r2")
    assert (droplet.folder / "worker.env").read_text() == "RELEASE=r2\nINSTANCE=worker-1\nENCODER=nvenc\n"
    assert droplet.calls == ["docker pull", "systemctl restart seatrial-worker.service", "docker exec"]


def test_a_release_that_does_not_become_ready_is_taken_back(droplet: Droplet) -> None:
    assert droplet.run(NEW, "r3") == 1

    assert (droplet.image, droplet.release) == (OLD, "r1")
    assert droplet.calls.count("systemctl restart seatrial-worker.service") == 2


def test_it_says_when_not_even_the_one_of_before_runs(droplet: Droplet) -> None:
    droplet.good.clear()

    assert droplet.run(NEW, "r2") == 3

    assert (droplet.image, droplet.release) == (OLD, "r1")


@pytest.mark.parametrize(
    ("image", "release"),
    [
        ("example/seatrial-worker:latest", "r2"),
        (f"example/missing@sha256:{'2' * 64}", "r2"),
        (NEW, "r2/; s/nvenc/none/"),
    ],
    ids=["by tag", "not there", "not a release"],
)
def test_a_wrong_call_changes_nothing(droplet: Droplet, image: str, release: str) -> None:
    assert droplet.run(image, release) == 2

    assert (droplet.image, droplet.release) == (OLD, "r1")
    assert not any("systemctl" in call for call in droplet.calls)
