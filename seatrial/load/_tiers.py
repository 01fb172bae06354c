"""What each tier of the environment takes meanwhile: CPU and memory of its processes, its pools, its gauges.

A tier is a service, as the platform calls it. Where the platform's processes do not run on this machine, there is nothing to
see, and the pages say so.
"""

import os
import re
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from seatrial.errors import Failure, SeatrialError
from seatrial.impact import Observe
from seatrial.probes.text import one_line

EVERY_S = 2.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_SAMPLE = re.compile(r"^(?P<name>[a-zA-Z_:][\w:]*)(?:\{[^}]*\})? (?P<value>[-+\d.eE]+)$", re.MULTILINE)


@dataclass
class Tier:
    """One tier at one moment.

    Attributes:
        cores: how many cores' worth of CPU all its processes took, those included that have ended since the last look.
        busiest: the share of one core that its busiest process took, which is all that a single thread can have.
        memory_mb: of its processes' own, without what they share.
        files: open descriptors, sockets included.
        temporary: files in the folders that its processes were given for temporary files.
        gauges: name -> value, summed over the instances.
    """

    processes: int = 0
    cores: float = 0.0
    busiest: float = 0.0
    memory_mb: float = 0.0
    files: int = 0
    temporary: int = 0
    gauges: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, rounded."""
        return {
            "processes": self.processes,
            "cores": round(self.cores, 3),
            "busiest": round(self.busiest, 3),
            "memory_mb": round(self.memory_mb, 1),
            "files": self.files,
            "temporary": self.temporary,
            "gauges": self.gauges,
        }


class Watch:
    """Looks at every tier again and again, in a thread of its own, from `with` until its end.

    Attributes:
        samples: {"t", "stage", "machine", "tiers"} each; `t` in seconds on the wall clock, `machine` the share of all its
            cores that was busy, with whatever.
        problems: what could not be seen, each once.
    """

    def __init__(self, observe: Observe) -> None:
        self._observe = observe
        self.samples: list[dict[str, Any]] = []
        self.problems: dict[str, None] = {}
        self.stage = ""
        self._gauges = _wanted(observe)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_on)
        self._used: dict[int, float] = {}
        self._whole: dict[str, float] = {}
        self._at_s, self._busy = time.monotonic(), _machine()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look_on(self) -> None:
        while not self._over.wait(EVERY_S):
            stage = self.stage
            try:
                sample = self._look()
            except (SeatrialError, Failure, OSError) as error:
                self.problems[one_line(error)] = None
                continue
            if sample:
                self.samples.append({"t": time.time(), "stage": stage, **sample})

    def _look(self) -> dict[str, Any] | None:
        now_s, busy = time.monotonic(), _machine()
        status = self._observe.platform.status()
        tiers: dict[str, Tier] = defaultdict(Tier)
        used: dict[int, float] = {}
        whole: dict[str, float] = defaultdict(float)
        folders: dict[str, dict[Path, int]] = defaultdict(dict)
        elapsed_s, first = now_s - self._at_s, not self._used
        for process in self._observe.platform.processes():
            part = status.parts.get(process.part)
            seen = _process(process.pid)
            if seen is None:
                continue
            cpu_s, ended_s, memory_mb, files = seen
            name = part.service if part else process.part
            if folder := _temporary(process.pid):
                folders[name].setdefault(folder, process.pid)
            tier = tiers[name]
            share = max(0.0, cpu_s - self._used.get(process.pid, 0.0)) / elapsed_s if elapsed_s else 0.0
            used[process.pid] = cpu_s
            tier.processes += 1
            whole[name] += cpu_s + ended_s
            tier.busiest = max(tier.busiest, share)
            tier.memory_mb += memory_mb
            tier.files += files
        total, idle = busy[0] - self._busy[0], busy[1] - self._busy[1]
        before, self._whole = self._whole, whole
        self._used, self._at_s, self._busy = used, now_s, busy
        if first or not used:
            return None
        for name, tier in tiers.items():
            tier.cores = max(0.0, whole[name] - before.get(name, 0.0)) / elapsed_s
            tier.temporary = sum(_files(pid, folder) for folder, pid in folders[name].items())
        self._pools(tiers)
        machine = round(1 - idle / total, 3) if total else 0.0
        return {"machine": machine, "tiers": {name: tier.to_json() for name, tier in sorted(tiers.items())}}

    def _pools(self, tiers: Mapping[str, Tier]) -> None:
        for service, names in self._gauges.items():
            for via in self._observe.profile.services[service].instances.values():
                answer = self._observe.http.get(f"{next(iter(self._observe.profile.urls))}:/metrics", via=via)
                found = {each["name"]: float(each["value"]) for each in _SAMPLE.finditer(answer.text)}
                gauges = tiers[service].gauges
                for name in names & found.keys():
                    gauges[name] = gauges.get(name, 0.0) + found[name]
        if self._observe.profile.postgres and self._observe.profile.postgres.pooler:
            gauges = tiers["pgbouncer"].gauges
            for row in self._observe.pg.show("POOLS"):
                for column, name in (("sv_active", "servers in use"), ("cl_waiting", "clients waiting")):
                    gauges[name] = gauges.get(name, 0.0) + float(row[column])


def _wanted(observe: Observe) -> dict[str, set[str]]:
    """Read targets.load_gauges = ["api http_requests_in_flight", ...]."""
    lines = observe.profile.targets.get("load_gauges", [])
    wanted: dict[str, set[str]] = defaultdict(set)
    for line in lines if isinstance(lines, list) else []:
        service, _, name = line.partition(" ")
        if service in observe.profile.services:
            wanted[service].add(name)
    return wanted


def _process(pid: int) -> tuple[float, float, float, int] | None:
    """Return CPU seconds of a process of this machine and of its children that have ended, its own megabytes, its open files.

    None when it has ended.
    """
    place = Path("/proc", str(pid))
    try:
        words = (place / "stat").read_text().rpartition(")")[2].split()
        _, resident, shared, *_ = map(int, (place / "statm").read_text().split())
        files = len(os.listdir(place / "fd"))  # noqa: PTH208 - names alone, without a path for each
    except OSError:
        return None
    own, ended = ((int(words[at]) + int(words[at + 1])) / _TICKS for at in (11, 13))
    return own, ended, (resident - shared) * _PAGE / 1e6, files


def _temporary(pid: int) -> Path | None:
    """Return the folder that a process was given for temporary files, if it was given one of its own."""
    try:
        given = Path("/proc", str(pid), "environ").read_bytes().split(b"\0")
    except OSError:
        return None
    return next((Path(os.fsdecode(each[7:])) for each in given if each.startswith(b"TMPDIR=")), None)


def _files(pid: int, folder: Path) -> int:
    """Return how many files lie in a folder as the process sees it, which may have a file system of its own there."""
    return sum(len(files) for _, _, files in os.walk(f"/proc/{pid}/root{folder}"))


def _machine() -> tuple[float, float]:
    """Return the machine's CPU ticks so far, and those among them in which it was idle."""
    with open("/proc/stat", encoding="ascii") as file:  # noqa: PTH123 - one line of a long file
        ticks = [float(each) for each in file.readline().split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]
