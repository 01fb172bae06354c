"""Calibrate the open-model generator against wrk: what it adds to a time, how much it can ask for, and what each sees of a freeze.

Both ask the same plain nginx, which sends two kilobytes, or the same nginx stopped for two seconds of every seven.

    python benchmarks/load.py [--seconds 8]
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from system.platforms.local.programs import DEBIAN_TREE
from tests.edge.bench import free_port, running_nginx

LOCUSTFILE = Path(__file__).resolve().parent.parent / "tests" / "load" / "small_locustfile.py"
QUIET_PER_S, FROZEN_S, SERVED_S = 100, 2.0, 5.0
PLAIN = """\
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path {directory}/unused;
    proxy_temp_path {directory}/unused;
    fastcgi_temp_path {directory}/unused;
    scgi_temp_path {directory}/unused;
    uwsgi_temp_path {directory}/unused;
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 200 "{body}"; }}
    }}
}}
"""


def wrk(url: str, seconds: float, connections: int) -> dict[str, float]:
    """Return requests a second, p50 and p99 in ms."""
    program = str(DEBIAN_TREE / "usr/bin/wrk")
    command = [program, "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", "--timeout", "30s", url]
    libraries = {"LD_LIBRARY_PATH": str(DEBIAN_TREE / "usr/lib/x86_64-linux-gnu")}
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=libraries).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    times = {share: (value, unit) for share, value, unit in re.findall(r"\s(50|99)%\s+([\d.]+)(us|ms|s)\b", said)}
    if rate is None or len(times) < 2:
        raise RuntimeError(f"wrk said: {said}")
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    p50, p99 = (float(value) * scale[unit] for value, unit in (times["50"], times["99"]))
    return {"per s": float(rate[1]), "p50 ms": p50, "p99 ms": p99}


def fly(url: str, shape: str, rate: float, seconds: float) -> dict[str, Any]:
    """Return the result of a run of the open model."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record"
        asked = ["--headless", "--shape", shape, "--rate", str(rate), "--for", str(seconds), "--record", str(record)]
        command, variables = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *asked], {"SMALL_HOST": url}
        quiet = subprocess.DEVNULL
        subprocess.run(command, env={**os.environ, **variables}, stdout=quiet, stderr=quiet, check=False)
        result: dict[str, Any] = json.loads(record.read_text().splitlines()[-1])["result"]
        return result


@contextmanager
def freezing(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Stop nginx's worker for two seconds of every seven."""
    over = threading.Event()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()

    def all_get(number: int) -> None:
        for child in children:
            subprocess.run(["kill", f"-{number}", child], check=True)

    def freeze() -> None:
        while not over.wait(SERVED_S):
            all_get(signal.SIGSTOP)
            over.wait(FROZEN_S)
            all_get(signal.SIGCONT)

    thread = threading.Thread(target=freeze)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def show(what: str, figures: dict[str, float]) -> None:
    """Print a line."""
    print(f"{what:52}" + "".join(f"{name} {value:10.2f}   " for name, value in figures.items()))


def main() -> None:
    """Print what both see."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=8.0)
    seconds = options.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        port, directory = free_port(), Path(folder) / "nginx"
        configured = PLAIN.format(directory=directory, port=port, body="x" * 2048)
        with running_nginx(directory, configured, port) as process:
            url = f"http://127.0.0.1:{port}"
            show("wrk, 1 connection", wrk(url, seconds, 1))
            show(f"open model, {QUIET_PER_S} a second", _figures(fly(url, "baseline", QUIET_PER_S, seconds)))
            most = wrk(url, seconds, 16)
            show("wrk, 16 connections", most)
            (knee,) = fly(url, "stress", 4 * QUIET_PER_S, seconds / 2)["knees"]
            held = float(knee["held_per_s"] or 0.0)
            show("open model, the most that it can vouch for", {"per s": held, "of wrk": held / most["per s"]})
            print(f"  {'; '.join(knee['broke_by'])}")
            with freezing(process):
                show("frozen 2 s of 7: wrk, 16 connections", wrk(url, 2 * (FROZEN_S + SERVED_S), 16))
                show(
                    f"frozen 2 s of 7: open model, {QUIET_PER_S} a second",
                    _figures(fly(url, "baseline", QUIET_PER_S, 2 * (FROZEN_S + SERVED_S))),
                )


def _figures(result: dict[str, Any]) -> dict[str, float]:
    (stage,) = result["stages"]
    (row,) = stage["rows"]
    return {"per s": row["served"] / stage["ended_s"], "p50 ms": row["p50_ms"], "p99 ms": row["p99_ms"]}


if __name__ == "__main__":
    main()
