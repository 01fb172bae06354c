"""Start Locust with the locustfile of a tree, follow what it writes, and take its result.

It runs in processes of its own, since it patches the standard library of its process. What they tell is a file of JSON lines:
one for each second, and the result at the end. Without that last line nothing was measured.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import seatrial
from seatrial.basis import summed
from seatrial.errors import UsageError
from seatrial.outcome import Outcome
from seatrial.profile import Profile

SHAPES = ("baseline", "ramp", "spike", "soak", "stress")
PREPARED_S, ENDED_S, SEARCH_STEPS = 150.0, 300.0, 60
EVERY_WORKER_S = 60
WEB = "127.0.0.1:8089"
MOST_SAID = 600
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Wanted:
    """What a run is to be.

    Attributes:
        rate_per_s: arrivals a second; None for the profile's.
        seconds: how long; of stress, how long each step.
        journey: only this one.
        workers: started on this machine; none means one process for all.
        expect_workers: started by somebody else, perhaps elsewhere.
        web: Locust's own pages are at WEB meanwhile.
    """

    shape: str = "baseline"
    rate_per_s: float | None = None
    seconds: float = 60.0
    journey: str = ""
    workers: int = 0
    expect_workers: int = 0
    web: bool = False


@dataclass
class Flight:
    """What came of a run.

    Attributes:
        reasons: why it is not PASSED.
        result: as the locustfile told it: stages with a row for each journey, errors, knees.
        windows: one for each second.
    """

    outcome: Outcome
    reasons: list[str]
    result: dict[str, Any] = field(default_factory=dict)
    windows: list[dict[str, Any]] = field(default_factory=list)


def fly(
    profile: Profile, tree: Path, wanted: Wanted, seen: Callable[[dict[str, Any], Flight], None] = lambda *_: None
) -> Flight:
    """Make the load and return what came of it; what did not come to a result is INVALID, with the reason.

    Args:
        tree: holds load/locustfile.py.
        seen: told each window as it comes, with the flight so far.

    Raises UsageError where the tree holds no locustfile, or another harness, by which the load would be judged.
    """
    locustfile = tree / "load" / "locustfile.py"
    if not locustfile.is_file():
        raise UsageError(f"no {locustfile}: there is nothing to make load with")
    beside, ours = tree / "seatrial", Path(seatrial.__file__).parent
    if beside.is_dir() and summed(beside) != summed(ours):
        raise UsageError(f"{beside} is another harness than {ours}, and would judge the load: run the one of that tree")
    flight = Flight(Outcome.INVALID, ["the load generator told no result"])
    with tempfile.TemporaryDirectory(prefix="seatrial-load-") as folder, contextlib.ExitStack() as ending:
        record, log = Path(folder) / "record.jsonl", Path(folder) / "locust.log"
        processes = _start(profile, locustfile, wanted, record, log)
        ending.callback(_end, processes)
        deadline_s = time.monotonic() + _longest_s(wanted)
        for line in _lines(record, processes[0], deadline_s):
            if "window" in line:
                flight.windows.append(line["window"])
                seen(line["window"], flight)
            elif "result" in line:
                flight.result = line["result"]
                flight.outcome, flight.reasons = Outcome(flight.result["outcome"]), list(flight.result["reasons"])
        if not flight.result:
            flight.reasons = [f"the load generator told no result: {_last_words(log)}"]
    return flight


def _longest_s(wanted: Wanted) -> float:
    steps = SEARCH_STEPS if wanted.shape == "stress" else 1
    return PREPARED_S + steps * (wanted.seconds + ENDED_S)


def _start(
    profile: Profile, locustfile: Path, wanted: Wanted, record: Path, log: Path
) -> list["subprocess.Popen[bytes]"]:
    """Start the master, or the only process, first; its workers after it."""
    own = ["--shape", wanted.shape, "--for", str(wanted.seconds), "--record", str(record), "--only-summary"]
    host, _, port = WEB.partition(":")
    pages = ["--web-host", host, "--web-port", port, "--autostart", "--autoquit", "1"]
    own += pages if wanted.web else ["--headless"]
    own += ["--rate", str(wanted.rate_per_s)] if wanted.rate_per_s else []
    own += ["--journey", wanted.journey] if wanted.journey else []
    count = wanted.workers + wanted.expect_workers
    # LOCUST_HOST and its like are options that nobody gave here.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    environment["SEATRIAL_PROFILE"] = str(profile.path)
    base = [sys.executable, "-m", "locust", "-f", str(locustfile)]
    place: list[str] = []
    if count:
        address = "*" if wanted.expect_workers else "127.0.0.1"
        master = 5557 if wanted.expect_workers else _free_port()
        own += ["--master", "--master-bind-host", address, "--master-bind-port", str(master)]
        own += ["--expect-workers", str(count), "--expect-workers-max-wait", str(EVERY_WORKER_S)]
        place = ["--worker", "--master-host", "127.0.0.1", "--master-port", str(master)]
    commands = [[*base, *own], *([*base, *place] for _ in range(wanted.workers))]
    started = []
    with log.open("ab") as output:
        for command in commands:
            started.append(
                subprocess.Popen(
                    command,
                    cwd=profile.tree,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    process_group=0,
                    preexec_fn=_die_with_parent,  # noqa: PLW1509 - as the gate's stages
                )
            )
    return started


def _lines(record: Path, process: "subprocess.Popen[bytes]", deadline_s: float) -> Iterator[dict[str, Any]]:
    """Give the lines as they are written, until the process has ended or the deadline has passed."""
    kept, place = "", 0
    while True:
        over = process.poll() is not None or time.monotonic() > deadline_s
        if record.exists():
            with record.open() as file:
                file.seek(place)
                kept += file.read()
                place = file.tell()
        *whole, kept = kept.split("\n")
        yield from (json.loads(line) for line in whole)
        if over:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.2)


def _end(processes: list["subprocess.Popen[bytes]"]) -> None:
    """End what still runs; asked politely, workers remove what they have made."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    deadline_s = time.monotonic() + ENDED_S
    for process in processes:
        try:
            process.wait(max(0.0, deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    said = " | ".join(lines[-3:])
    # Cut between words: half a secret is known to no redactor.
    return (said if len(said) <= MOST_SAID else f"… {said[-MOST_SAID:].partition(' ')[2]}") or "it said nothing"


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def _die_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
