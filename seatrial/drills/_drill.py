"""One rehearsal of a disaster: steady state, strike, proof that it took effect, recovery by the clock, steady state."""

import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from seatrial.drills._stages import RTO, stage_rows
from seatrial.errors import Failure, Invalid, require
from seatrial.eventually import eventually
from seatrial.impact import Disrupt
from seatrial.traffic import Traffic

T = TypeVar("T")
Watched = Callable[[], list[tuple[float, float, bool]]]


class Drill:
    """Runs one rehearsal, from `with` to its end, and keeps a timeline of it as evidence, however it ends.

    The handle's primitives write each strike's inverse to the undo log before they act; what is struck here is undone by
    `undo`, by the end of the handle, or by `seatrial heal`.

    Args:
        handle: what it strikes with.
        steady: raises a Failure while clients would notice anything. It asks for what clients see, never for the
            mechanism that is on trial.
        within_s: how long the steady state may take to be reached, before and after.
    """

    def __init__(self, handle: Disrupt, steady: Callable[[], object], *, within_s: float) -> None:
        self._handle, self._steady, self._within_s = handle, steady, within_s
        self._began_s = time.monotonic()
        self._struck_s: float | None = None
        self._undone_s: float | None = None
        self._events: list[tuple[float, str]] = []
        self._stages: list[dict[str, Any]] = []
        self._watched: dict[str, Watched] = {}

    def __enter__(self) -> Self:
        """Begin with the steady state; what is not steady before the strike says nothing about it: Invalid."""
        try:
            self._reach_steady("before the strike")
        except Failure as failure:
            raise Invalid(f"not steady before the strike: {failure}") from None
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.event("end")
        self._handle.evidence("timeline", self._timeline())

    @property
    def struck_s(self) -> float:
        """When the strike was, on the monotonic clock."""
        if self._struck_s is None:
            raise Invalid("nothing has been struck")
        return self._struck_s

    @property
    def undone_s(self) -> float:
        """When the undo of the strike began, on the monotonic clock."""
        if self._undone_s is None:
            raise Invalid("nothing was undone")
        return self._undone_s

    def watch(self, name: str, traffic: Traffic[T], good: Callable[[T], bool]) -> None:
        """Show these calls on the timeline, each as good or bad."""
        self._watched[name] = lambda: [
            (shot.due_s, shot.ended_s - shot.due_s, good(shot.answer)) for shot in traffic.shots
        ]

    def event(self, what: str) -> None:
        """Note that something has happened now."""
        self._events.append((time.monotonic(), what))

    def strike(
        self, what: str, act: Callable[[], object], in_effect: Callable[[], object], *, within_s: float = 5.0
    ) -> None:
        """Strike, start the clock, and make sure by another probe that it took effect; Invalid when it did not.

        Args:
            what: "worker-1 killed", for the timeline.
            act: strikes, through primitives of the handle.
            in_effect: answers something true once the strike is in effect.
            within_s: how long that may take.
        """
        self._struck_s = time.monotonic()
        self.event(what)
        act()
        try:
            eventually(in_effect, within_s=within_s, every_s=0.05, what=f"{what}: in effect")
        except Failure as failure:
            raise Invalid(f"the strike is not in effect: {failure}") from None
        self.event("in effect")

    def recover(
        self,
        stages: Mapping[str, Callable[[], object]],
        *,
        within_s: float,
        where: str,
        budgets_s: Mapping[str, float] | None = None,
        since_undo: bool = False,
        stop: Callable[[], str] = str,
    ) -> dict[str, float]:
        """Wait until every stage has been reached; return each one's seconds on the clock.

        A recovery that misses the deadline, or a stage's own budget, is a Failure that says what was reached, and when; what was
        reached after the deadline has missed it, also where the action or the question alone took that long.
        A drill may strike and recover several times; its evidence keeps the stages of all.

        Args:
            stages: name -> answers something true once the stage is reached; asked in turn, a reached one no more. One that
                takes its time keeps the others waiting, on the same clock.
            within_s: the deadline for all.
            where: the component that is to recover.
            budgets_s: name of a stage -> how long it may take.
            since_undo: the clock starts when what was struck was given back, and not at the strike.
            stop: says why the drill must be broken off (harm beyond its bounds), or nothing. It is undone at once then, the
                handle strikes no more, and the check has failed even if it goes on.
        """
        recovery, budgets_s = _Recovery(stages), budgets_s or {}
        zero_s, since = (self.undone_s, "the undo") if since_undo else (self.struck_s, "the strike")

        def over() -> bool:
            for name in recovery.reach(zero_s):
                self.event(name)
            return recovery.whole or bool(stop())

        left_s = max(0.0, zero_s + within_s - time.monotonic())
        try:
            eventually(over, within_s=left_s, every_s=0.05, what="recovery")
        except Failure:
            if recovery.whole or not stop():
                told = recovery.told(within_s)
                raise Failure(f"{', '.join(stages)} within {within_s:g} s of {since}", told, where) from None
        finally:
            self._stages += stage_rows(recovery.reached, budgets_s)
            self._handle.evidence(RTO, self._stages)
        if not recovery.whole:
            failure = Failure("harm within the drill's bounds", f"{stop()}; broken off and undone", where)
            self._undone_s = time.monotonic()
            self._handle.stop(failure)
            self.event("undone")
            raise failure
        for name, budget_s in budgets_s.items():
            seen = f"{recovery.reached[name]} s"
            require(recovery.reached[name] <= budget_s, f"{name} within {budget_s:g} s of {since}", seen, where)
        return recovery.reached

    def require_steady(self, when: str = "after the recovery") -> None:
        """Demand the steady state again."""
        self._reach_steady(when)
        self.event(f"steady {when}")

    def undo(self) -> None:
        """Take back what was struck."""
        self._undone_s = time.monotonic()
        self._handle.undo()
        self.event("undone")

    def _reach_steady(self, when: str) -> None:
        def steady() -> bool:
            self._steady()
            return True

        eventually(steady, within_s=self._within_s, every_s=0.2, what=f"the steady state {when}")

    def _timeline(self) -> dict[str, Any]:
        zero = self._struck_s if self._struck_s is not None else self._began_s
        return {
            "events": [[round(at - zero, 2), what] for at, what in self._events],
            "calls": {
                name: [[round(due - zero, 2), round(took, 2), good] for due, took, good in calls()]
                for name, calls in self._watched.items()
            },
        }


class _Recovery:
    """The stages of one recovery: those reached, and what was seen last of the others."""

    def __init__(self, stages: Mapping[str, Callable[[], object]]) -> None:
        self._stages = stages
        self._seen: dict[str, object] = {}
        self.reached: dict[str, float] = {}

    def reach(self, zero_s: float) -> Iterator[str]:
        """Ask every stage that is still missing; give each one that is reached when its answer is here, which may take long."""
        for name, stage in self._stages.items():
            if name not in self.reached:
                try:
                    self._seen[name] = stage()
                except AssertionError as error:
                    self._seen[name] = error
                    continue
                if self._seen[name]:
                    self.reached[name] = round(time.monotonic() - zero_s, 2)
                    yield name

    @property
    def whole(self) -> bool:
        """Whether every stage was reached."""
        return len(self.reached) == len(self._stages)

    def told(self, within_s: float) -> str:
        """Say what is missing, with what was seen last, what came too late, and what was reached when."""
        missing = [f"{name} (last: {self._seen.get(name)})" for name in self._stages if name not in self.reached]
        late = [f"{name} {took_s - within_s:.2f} s late" for name, took_s in self.reached.items() if took_s > within_s]
        lacks = [f"not reached: {', '.join(missing)}"] if missing else []
        return "; ".join([*lacks, *late, f"reached after seconds: {self.reached}"])
