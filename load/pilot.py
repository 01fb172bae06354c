"""The master's end of a run: it gives the rate to the workers, merges what they report, and rules."""

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from hdrh.histogram import HdrHistogram
from locust import LoadTestShape
from locust.env import Environment

from load.desk import ORDER, REPORT
from load.recorder import Merged, Tally, at_share_ms, histogram
from load.shapes import ALL, PAUSE, Search, Shape, Sight, Step, Stress
from load.slo import Generator, Ruling, Slo, judge, too_few
from seatrial.outcome import Outcome

PREPARED_S, DRAINED_S, TIDY_S, SILENT_S = 120.0, 60.0, 120.0, 10.0
NOBODY = Step("", 0.0)
_LOG = logging.getLogger("load")


@dataclass
class Crew:
    """One worker as the master knows it."""

    state: str = "preparing"
    under_way: int = 0
    heard_s: float = 0.0
    problems: list[str] = field(default_factory=list)

    def is_silent(self, now_s: float) -> bool:
        """Tell whether it has not reported for so long that it is given up."""
        return now_s - self.heard_s > SILENT_S


@dataclass
class Stage:
    """The generator during one stage, and when that was."""

    step: Step
    began_s: float
    ended_s: float = 0.0
    cpu_shares: dict[str, list[float]] = field(default_factory=dict)
    lags: HdrHistogram = field(default_factory=histogram)

    @property
    def generator(self) -> Generator:
        """The busiest worker's mean share of a core, and the lateness of all."""
        means = [sum(shares) / len(shares) for shares in self.cpu_shares.values() if shares]
        return Generator(max(means, default=0.0), at_share_ms(self.lags, 0.99))


@dataclass(frozen=True)
class Plan:
    """What a run is to be.

    Attributes:
        shape: makes a new one.
        journeys: those that are to arrive.
        record: where lines about the run go, as JSON; the last one holds the result.
        profile: tells which one it is; what a worker counts by another one is of another environment.
    """

    name: str
    shape: Callable[[], Shape]
    slo: Slo
    journeys: tuple[str, ...]
    workers: int
    record: Path | None
    profile: str


class Pilot(LoadTestShape):
    """Locust asks it every second; it speaks of arrivals a second, while Locust's users are one a worker."""

    planned: ClassVar[Callable[[], Plan]]
    environment: ClassVar[Environment]

    def reset_time(self) -> None:
        """Begin anew: Locust calls it before each run, of which its pages can start several, each with a plan of its own."""
        super().reset_time()  # type: ignore[no-untyped-call] # Locust's
        self.plan = type(self).planned()
        self._shape = self.plan.shape()
        self.merged = Merged()
        self._crews: dict[str, Crew] = {}
        self._stages: dict[str, Stage] = {}
        self._window = Tally()
        self._window_cpu, self._window_lags = 0.0, histogram()
        self._phase, self._since_s, self._flown_s = "prepare", time.monotonic(), 0.0
        self._step: Step | None = None
        self._lost: list[str] = []
        self.result: dict[str, Any] | None = None

    def heard(self, environment: Environment, msg: Any) -> None:  # noqa: ARG002 - Locust's words
        """Merge a worker's report."""
        data, now_s = msg.data, time.monotonic()
        crew = self._crews.setdefault(msg.node_id, Crew())
        crew.state, crew.under_way, crew.heard_s = data["state"], data["under_way"], now_s
        crew.problems = data["problems"]
        if data["profile"] != self.plan.profile:
            crew.problems.append(
                f"worker {msg.node_id} has the profile {data['profile']}, and the run is of {self.plan.profile}"
            )
        self._window.add(self.merged.add(data))
        lags = HdrHistogram.decode(data["lags"])
        self._window_cpu = max(self._window_cpu, data["cpu_share"])
        self._window_lags.add(lags)
        if stage := self._stages.get(data["stage"]):
            stage.cpu_shares.setdefault(msg.node_id, []).append(data["cpu_share"])
            stage.lags.add(lags)

    def tick(self) -> tuple[int, float] | None:
        """Say what Locust is to do: one user a worker, and None at the end."""
        now_s = time.monotonic()
        if self._phase != "prepare":
            self._put_window(now_s)
            silent = [name for name, crew in self._crews.items() if crew.is_silent(now_s)]
            lost = [f"worker {name} was not heard of for {SILENT_S:g} s" for name in silent]
            self._lost += [each for each in lost if each not in self._lost]
        elif now_s - self._since_s > PREPARED_S:
            self._lost.append(f"the workers were not ready within {PREPARED_S:g} s")
        if self._lost or any(crew.problems for crew in self._crews.values()):
            return self._abandon()
        going_on: bool = getattr(self, f"_{self._phase}")(now_s)
        return (self.plan.workers, float(self.plan.workers)) if going_on else None

    def _prepare(self, now_s: float) -> bool:
        ready = [crew for crew in self._crews.values() if crew.state == "ready"]
        if len(ready) >= self.plan.workers:
            self._enter("fly", now_s)
            return self._fly(now_s)
        return True

    def _fly(self, now_s: float) -> bool:
        step = self._shape.step(Sight(now_s - self._since_s, self._under_way, self.ruling))
        if self._step and (step is None or step.stage != self._step.stage):
            self._stages[self._step.stage].ended_s = now_s - self._since_s
        if step is None:
            self._flown_s = now_s - self._since_s
            self._order(NOBODY)
            self._enter("drain", now_s)
            return True
        if step.stage not in self._stages:
            self._stages[step.stage] = Stage(step, now_s - self._since_s)
        if step != self._step:
            self._order(step)
            self._step = step
        return True

    def _drain(self, now_s: float) -> bool:
        if not self._under_way and now_s - self._since_s > 1:
            self._send({"tidy": True})
            self._enter("tidy", now_s)
        elif now_s - self._since_s > DRAINED_S:
            self._lost.append(f"{self._under_way} arrivals had not ended {DRAINED_S:g} s after the last one began")
        return True

    def _tidy(self, now_s: float) -> bool:
        if all(crew.state == "tidy" for crew in self._crews.values()):
            self._conclude()
            return False
        if now_s - self._since_s > TIDY_S:
            self._lost.append(f"own data was not removed within {TIDY_S:g} s")
        return True

    def _abandon(self) -> tuple[int, float] | None:
        """End a run that says nothing; what the workers have made is removed all the same, by those that can still be told."""
        now_s = time.monotonic()
        if self._phase not in {"tidy", "abandoned"}:
            self._order(NOBODY)
            self._send({"tidy": True})
            self._enter("abandoned", now_s)
        tidy = all(crew.state == "tidy" or crew.is_silent(now_s) for crew in self._crews.values())
        if self._phase == "tidy" or tidy or now_s - self._since_s > TIDY_S:
            self._conclude()
            return None
        return self.plan.workers, float(self.plan.workers)

    @property
    def _under_way(self) -> int:
        return sum(crew.under_way for crew in self._crews.values())

    def _enter(self, phase: str, now_s: float) -> None:
        self._phase, self._since_s = phase, now_s

    def _order(self, step: Step) -> None:
        rate_per_s = step.rate_per_s / self.plan.workers
        # Workers know the weights of all; which one alone is wanted was said to the master.
        only = self.plan.journeys[0] if len(self.plan.journeys) == 1 else ""
        self._send({"rate_per_s": rate_per_s, "stage": step.stage, "journey": step.journey or only})

    def _send(self, data: dict[str, Any]) -> None:
        if self.environment.runner:
            self.environment.runner.send_message(ORDER, data)

    def ruling(self, stage: str) -> Ruling:
        """Hold a stage against the objective."""
        seen = self._stages[stage]
        tallies = self.merged.stages.get(stage, {})
        return judge(tallies, self.plan.slo, seen.generator, latency=seen.step.latency)

    def _few(self) -> list[str]:
        """Tell of which journeys too few have ended in all stages together; a search's steps are too short to ask for that."""
        if isinstance(self._shape, Stress):
            return []
        ended = Counter[str]()
        for tallies in self.merged.stages.values():
            ended.update({name: tally.ended for name, tally in tallies.items()})
        return too_few(ended, self.plan.slo, self.plan.journeys)

    def _put_window(self, now_s: float) -> None:
        window, lags = self._window, self._window_lags
        line = {
            "t": round(now_s - self._since_s + self._flown_s, 2),
            "phase": self._phase,
            "stage": self._step.stage if self._step and self._phase == "fly" else "",
            "rate_per_s": round(self._step.rate_per_s, 3) if self._step and self._phase == "fly" else 0.0,
            "due": window.due,
            "served": window.served,
            "failed": window.failed,
            "dropped": window.dropped,
            "under_way": self._under_way,
            "p50_ms": round(at_share_ms(window.times, 0.5), 2),
            "p95_ms": round(at_share_ms(window.times, 0.95), 2),
            "p99_ms": round(at_share_ms(window.times, 0.99), 2),
            "cpu_share": round(self._window_cpu, 3),
            "lag_ms": round(at_share_ms(lags, 1.0), 1),
        }
        self._window, self._window_cpu, self._window_lags = Tally(), 0.0, histogram()
        self._put({"window": line})

    def _put(self, line: dict[str, Any]) -> None:
        if self.plan.record:
            with self.plan.record.open("a") as file:
                file.write(json.dumps(line) + "\n")

    def _conclude(self) -> None:
        problems = [*self._lost, *(problem for crew in self._crews.values() for problem in crew.problems)]
        stages = {name: (stage, self.ruling(name)) for name, stage in self._stages.items() if name != PAUSE}
        knees = self._knees(self._shape.searches) if isinstance(self._shape, Stress) else []
        outcome, reasons = self._rule(problems, {name: ruling for name, (_, ruling) in stages.items()}, knees)
        self.result = {
            "shape": self.plan.name,
            "outcome": str(outcome),
            "reasons": reasons,
            "workers": self.plan.workers,
            "journeys": list(self.plan.journeys),
            "stages": [self._told(name, stage, ruling) for name, (stage, ruling) in stages.items()],
            "errors": dict(self.merged.errors.most_common(20)),
            "knees": knees,
        }
        self._put({"result": self.result})
        for line in (f"{self.plan.name}: {outcome}", *reasons):
            _LOG.warning(line)
        self.environment.process_exit_code = {Outcome.PASSED: 0, Outcome.FAILED: 1}.get(outcome, 2)

    def _rule(
        self, problems: list[str], rulings: dict[str, Ruling], knees: list[dict[str, Any]]
    ) -> tuple[Outcome, list[str]]:
        if problems or not rulings:
            return Outcome.INVALID, problems or ["nothing was measured"]
        if knees:
            return _rule_knees(knees)
        invalid = [f"{name}: {line}" for name, ruling in rulings.items() for line in ruling.invalid] + self._few()
        beyond = [f"{name}: {line}" for name, ruling in rulings.items() for line in ruling.beyond]
        unclear = [f"{name}: {line}" for name, ruling in rulings.items() for line in ruling.unclear]
        for outcome, lines in ((Outcome.INVALID, invalid), (Outcome.FAILED, beyond), (Outcome.INVALID, unclear)):
            if lines:
                return outcome, lines
        return Outcome.PASSED, []

    def _knees(self, searches: Sequence[Search]) -> list[dict[str, Any]]:
        """Tell where each search ended, and how much of itself the generator had left where the objective last held."""
        found = []
        for search in searches:
            if not search.stages:
                continue
            at = search.stages[search.held if search.held is not None else min(search.stages)]
            broke = Ruling() if search.broke is None else self.ruling(search.stages[search.broke])
            found.append(
                {
                    "journey": search.journey or ALL,
                    "held_per_s": search.held,
                    "broke_per_s": search.broke,
                    "broke_by": list(broke.reasons),
                    "known": not broke.invalid,
                    "stages": [search.stages[rate] for rate in sorted(search.stages)],
                    "generator": _figures(self._stages[at].generator),
                }
            )
        return found

    @staticmethod
    def _told(name: str, stage: Stage, ruling: Ruling) -> dict[str, Any]:
        return {
            "stage": name,
            "rate_per_s": round(stage.step.rate_per_s, 3),
            "began_s": round(stage.began_s, 2),
            "ended_s": round(stage.ended_s, 2),
            "outcome": str(ruling.outcome),
            "reasons": list(ruling.reasons),
            "rows": list(ruling.rows),
            "generator": _figures(stage.generator),
        }


def _figures(generator: Generator) -> dict[str, float]:
    return {"cpu_share": round(generator.cpu_share, 3), "lag_p99_ms": round(generator.lag_p99_ms, 2)}


def _rule_knees(knees: list[dict[str, Any]]) -> tuple[Outcome, list[str]]:
    """Rule on a search: the objective must hold at some rate, and what breaks first must be the system."""
    wrong: dict[bool, list[str]] = {True: [], False: []}
    for knee in knees:
        why = "; ".join(knee["broke_by"])
        if knee["known"] and knee["held_per_s"] is None:
            wrong[True].append(f"{knee['journey']}: the objective holds at no rate that was tried: {why}")
        elif not knee["known"]:
            wrong[False].append(f"{knee['journey']}: nobody can say what {knee['broke_per_s']:.3g}/s would do: {why}")
    for known, outcome in ((True, Outcome.FAILED), (False, Outcome.INVALID)):
        if wrong[known]:
            return outcome, wrong[known]
    return Outcome.PASSED, []


def listen(environment: Environment, pilot: Pilot) -> None:
    """Have workers' reports come to the pilot, also before the first run."""
    pilot.reset_time()
    if environment.runner:
        environment.runner.register_message(REPORT, pilot.heard)
