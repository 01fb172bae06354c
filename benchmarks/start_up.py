"""Compare the start of the whole local system with the start of its slowest server alone, alternating within one run.

SeaweedFS waits inside for its own master and filer, so no system that contains it can serve sooner; the ratio says what
everything else adds: initdb, migrations, certificates, seven Python services, health checks.

    python benchmarks/start_up.py [--runs 3]
"""

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

PROJECT = Path(__file__).resolve().parent.parent
BASE_PORT = 15000
SERVING_BUDGET_S, READY_BUDGET_S = 15.0, 30.0


def platform(state: Path, *arguments: str) -> str:
    """Run one platform command and return what it printed."""
    command = [sys.executable, "-m", "system.platforms.local", "--state", str(state), "--base-port", str(BASE_PORT)]
    done = subprocess.run([*command, *arguments], cwd=PROJECT, capture_output=True, text=True, check=True)
    return done.stdout


def whole_system(state: Path) -> tuple[float, float]:
    """Start the system and return seconds until it serves and until everything is ready."""
    try:
        platform(state, "up")
        timings = json.loads(platform(state, "status", "--json"))["timings"]
    finally:
        platform(state, "down")
    return float(timings["serving_s"]), float(timings["ready_s"])


def seaweedfs_alone(folder: Path) -> float:
    """Start SeaweedFS by itself and return seconds until its S3 port is healthy."""
    weed = Path(sys.executable).with_name("weed")
    ports = {"master": BASE_PORT + 4, "volume": BASE_PORT + 5, "filer": BASE_PORT + 6, "s3": BASE_PORT + 3}
    started = time.perf_counter()
    process = subprocess.Popen(
        [
            *(str(weed), "server", f"-dir={folder}", "-ip=127.77.0.30", "-ip.bind=127.77.0.30", "-master.peers=none"),
            *(
                "-master.telemetry=false",
                "-filer",
                "-s3",
                f"-filer.localSocket={folder}/f",
                f"-s3.localSocket={folder}/s",
            ),
            *(f"-{name}.port={port}" for name, port in ports.items()),
            *("-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.ip.bind=127.77.0.30"),
        ],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not healthy(ports["s3"]):
            if process.poll() is not None:
                sys.exit("SeaweedFS did not start")
            time.sleep(0.02)
        return time.perf_counter() - started
    finally:
        process.kill()
        process.wait()


def healthy(port: int) -> bool:
    """Ask the S3 port for its health."""
    connection = http.client.HTTPConnection("127.77.0.30", port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Start-up of the local system against its slowest server alone.")
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    cold, warm, ready, alone = [], [], [], []
    for number in range(1, runs + 1):
        with tempfile.TemporaryDirectory(prefix="seatrial-bench-") as folder:
            serving_s, ready_s = whole_system(Path(folder, "state"))
            cold.append(serving_s)
            ready.append(ready_s)
            warm.append(whole_system(Path(folder, "state"))[0])
            Path(folder, "weed").mkdir()
            alone.append(seaweedfs_alone(Path(folder, "weed")))
        print(
            f"run {number}: cold {cold[-1]:.1f} s, warm {warm[-1]:.1f} s, SeaweedFS alone {alone[-1]:.1f} s", flush=True
        )
    rows = {"cold, to serving": cold, "cold, to all ready": ready, "warm, to serving": warm, "SeaweedFS alone": alone}
    for name, values in rows.items():
        print(f"{name:20} median {statistics.median(values):5.1f} s  min {min(values):5.1f}  max {max(values):5.1f}")
    ratio = statistics.median(cold) / statistics.median(alone)
    print(
        f"cold / SeaweedFS alone: {ratio:.2f} x   (budgets: serving {SERVING_BUDGET_S:g} s, ready {READY_BUDGET_S:g} s)"
    )


if __name__ == "__main__":
    main()
