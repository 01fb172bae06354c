"""Compare the edge, and nginx in front of it, with plain nginx sending the same file, in turns within one run.

Plain nginx verifies nothing and logs nothing: it is the floor. The edge verifies an HMAC for each request; the front asks the edge once
in five seconds. Every contestant sends 64 KB ranges to wrk over kept connections, over plain HTTP and over TLS, from one core; wrk has
another one where there is one. Requests by CPU-second of all of a contestant's processes are what counts; the clock's are shown.

    python benchmarks/edge.py [--rounds 4] [--seconds 2]
"""

import argparse
import contextlib
import datetime as dt
import os
import re
import ssl
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from system.edge.front import configuration
from system.platforms.local.programs import DEBIAN_TREE
from tests.edge.bench import ASSET, HOST, Store, free_port, link, running_edge, running_nginx

RANGE = "bytes=1048576-1114111"
SIZE = 5_000_000
CONNECTIONS = 16
BUDGETS = {("edge", "http"): 0.30, ("front", "http"): 0.85, ("edge", "tls"): 0.90, ("front", "tls"): 0.85}
PLAIN = """\
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
    sendfile on;
    tcp_nopush off;
    access_log off;
    keepalive_requests 100000000;
    open_file_cache max=100;
    client_body_temp_path {directory}/unused;
    proxy_temp_path {directory}/unused;
    fastcgi_temp_path {directory}/unused;
    scgi_temp_path {directory}/unused;
    uwsgi_temp_path {directory}/unused;
    server {{
        listen 127.0.0.1:{port}{tls};
        root {root};
    }}
}}
"""
OVER_TLS = """\
import functools, uvicorn
uvicorn.Config = functools.partial(uvicorn.Config, ssl_certfile={chain!r}, ssl_keyfile={key!r})
from system.edge.__main__ import main
main()
"""


@dataclass(frozen=True)
class Score:
    """What one round gave."""

    by_second: float
    by_cpu_second: float


@dataclass
class Contestant:
    """A server, the processes that it costs, and the URL of the file there."""

    name: str
    url: str
    processes: "list[subprocess.Popen[bytes]]"
    scores: list[Score] = field(default_factory=list)

    def cpu_s(self) -> float:
        """Add up the processor time of all its processes and their children."""
        return sum(_cpu_s(pid) for process in self.processes for pid in (process.pid, *_children(process.pid)))


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _cpu_s(pid: int) -> float:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def wrk(url: str, seconds: float) -> tuple[float, float]:
    """Load a URL; give the number of answers and how many there were by the second. Any other answer than 2xx ends the benchmark."""
    libraries = str(DEBIAN_TREE / "usr/lib/x86_64-linux-gnu")
    done = subprocess.run(
        [
            *(str(DEBIAN_TREE / "usr/bin/wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--timeout", "30s"),
            *("-H", f"Host: {HOST}", "-H", f"Range: {RANGE}", url),
        ],
        env={**os.environ, "LD_LIBRARY_PATH": libraries},
        preexec_fn=lambda: _pin(-1),
        capture_output=True,
        text=True,
        check=True,
    )
    wrong = re.search(r"^\s*(Non-2xx|Socket errors).*", done.stdout, re.MULTILINE)
    count = re.search(r"(\d+) requests in", done.stdout)
    rate = re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)
    if wrong or not count or not rate:
        sys.exit(f"{url.partition('?')[0]}: {wrong[0].strip() if wrong else done.stdout}")
    if not int(count[1]):
        sys.exit(f"no answer within {seconds:g} s: this machine is too busy to measure anything")
    return int(count[1]), float(rate[1])


def fetch(url: str) -> bytes:
    """Fetch the range once: caches fill, and what is compared is known to be the same."""
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE  # its certificate is this run's own
    request = urllib.request.Request(url, headers={"Host": HOST, "Range": RANGE})  # noqa: S310 - of this program
    with urllib.request.urlopen(request, timeout=60, context=trust) as answer:  # noqa: S310
        return bytes(answer.read())


def _pin(which: int) -> None:
    """Keep this process and its children on one core: servers on the first, wrk on the last."""
    os.sched_setaffinity(0, {CORES[which]})


CORES = sorted(os.sched_getaffinity(0))


@contextlib.contextmanager
def contestants(directory: Path, certificate: tuple[Path, Path] | None) -> Iterator[list[Contestant]]:
    """Run all three."""
    content = os.urandom(SIZE)
    directory.mkdir()
    (directory / "plain.mp4").write_bytes(content)
    store = Store({f"/previews/previews/{ASSET}/preview.mp4": content})
    scheme = "https" if certificate else "http"
    chain, key = certificate or ("", "")
    over_tls = ("-c", OVER_TLS.format(chain=str(chain), key=str(key)))
    plain, front = free_port(), free_port()
    tls = f" ssl;\n ssl_certificate {chain};\n ssl_certificate_key {key}" if certificate else ""
    with contextlib.ExitStack() as stack:
        store_port = stack.enter_context(store.serving())
        _pin(0)
        behind, behind_process = stack.enter_context(running_edge(_folder(directory, "behind"), store_port))
        alone, alone_process = behind, behind_process
        if certificate:
            alone, alone_process = stack.enter_context(running_edge(_folder(directory, "alone"), store_port, over_tls))
        text = configuration(
            listen=f"127.0.0.1:{front}",
            edges=[f"127.0.0.1:{behind}"],
            directory=directory / "front",
            certificate=certificate,
        )
        front_process = stack.enter_context(running_nginx(directory / "front", text, front))
        text = PLAIN.format(directory=directory / "plain", port=plain, root=directory, tls=tls)
        plain_process = stack.enter_context(running_nginx(directory / "plain", text, plain))
        os.sched_setaffinity(0, CORES)
        yield [
            Contestant("plain", f"{scheme}://127.0.0.1:{plain}/plain.mp4", [plain_process]),
            Contestant("edge", f"{scheme}://127.0.0.1:{alone}{link(lifetime_s=3000)}", [alone_process]),
            Contestant(
                "front", f"{scheme}://127.0.0.1:{front}{link(lifetime_s=3000)}", [front_process, behind_process]
            ),
        ]


def _folder(directory: Path, name: str) -> Path:
    (directory / name).mkdir()
    return directory / name


def issue(directory: Path) -> tuple[Path, Path]:
    """Write a self-signed certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "play.test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    paths = directory / "chain.pem", directory / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def compare(directory: Path, scheme: str, certificate: tuple[Path, Path] | None, rounds: int, seconds: float) -> None:
    """Let all three take turns, and print what came of it."""
    with contestants(directory, certificate) as entered:
        if len({fetch(each.url) for each in entered}) != 1:
            sys.exit("the contestants do not send the same bytes")
        for each in entered:
            wrk(each.url, 3)
        for turn in range(rounds):
            for each in entered if turn % 2 else reversed(entered):
                before = each.cpu_s()
                count, rate = wrk(each.url, seconds)
                each.scores.append(Score(rate, count / (each.cpu_s() - before)))
    plain, *others = entered
    for each in entered:
        by_second = statistics.median(score.by_second for score in each.scores)
        by_cpu_second = statistics.median(score.by_cpu_second for score in each.scores)
        print(f"{scheme:4} {each.name:5} {by_second:8.0f} /s {by_cpu_second:8.0f} /CPU-s", end="")
        if each in others:
            ratios = sorted(
                mine.by_cpu_second / floor.by_cpu_second for mine, floor in zip(each.scores, plain.scores, strict=True)
            )
            print(
                f"   {statistics.median(ratios):.2f} x plain ({ratios[0]:.2f} to {ratios[-1]:.2f}), "
                f"budget {BUDGETS[each.name, scheme]:.2f} x",
                end="",
            )
        print(flush=True)


def main() -> None:
    """Print one line a contestant, over HTTP and over TLS."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4, help="how often each contestant (default 4)")
    parser.add_argument("--seconds", type=float, default=2, help="length of a round (default 2)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        certificate = issue(directory)
        for scheme, dressed in (("http", None), ("tls", certificate)):
            compare(directory / scheme, scheme, dressed, arguments.rounds, arguments.seconds)


if __name__ == "__main__":
    main()
