"""A worker's end of a run: it obeys the master's orders, and reports every second what is new."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import gevent
from gevent.lock import BoundedSemaphore
from locust import FastHttpUser, task
from locust.env import Environment

from load.open_model import AT_ONCE, Journey, Order, Schedule
from load.recorder import Recorder
from load.vitals import Pulse

REPORT, ORDER = "load.report", "load.order"
REPORT_S = 0.5


class Desk:
    """What a worker process has once, whatever users Locust makes and ends in it."""

    def __init__(self, environment: Environment, profile: str, weights: Mapping[str, float]) -> None:
        self._environment, self._profile, self._weights = environment, profile, weights
        self._pulse = Pulse()
        self._making = BoundedSemaphore()  # the master may give a run up before this worker is ready, or has begun
        self._renew()

    def _renew(self, **_: Any) -> None:
        self._recorder = Recorder()
        self._schedule: Schedule | None = None
        self._order = Order(0.0, "")
        self._tidy: Callable[[], None] | None = None
        self._state, self._problems = "preparing", list[str]()

    def open(self) -> None:
        """Listen to the master, begin to report, and begin anew whenever a run has ended: Locust's pages can start several."""
        runner = self._environment.runner
        if runner is None:
            raise RuntimeError("Locust made no runner")
        runner.register_message(ORDER, self._obey)
        self._environment.events.test_stop.add_listener(self._renew)  # type: ignore[no-untyped-call] # Locust's
        gevent.spawn(self._pulse.beat)
        gevent.spawn(self._report)

    @property
    def number(self) -> int:
        """Which of the workers this is, counted from 0."""
        return max(0, getattr(self._environment.runner, "worker_index", 0))

    def begin(self, prepare: Callable[[], Mapping[str, Journey]], tidy: Callable[[], None]) -> None:
        """Make what the journeys need; what goes wrong ends the run as invalid."""
        with self._making:
            if self._state != "preparing":
                return
            self._tidy = tidy
            try:
                journeys = prepare()
            except Exception as error:  # noqa: BLE001 - told to the master, which ends the run
                self._problems.append(f"nothing to travel with: {type(error).__name__}: {error}")
                return
            self._schedule = Schedule(journeys, self._weights, self._recorder, self._seen)
            self._schedule.obey(self._order)
            if self._state == "preparing":
                self._state = "ready"

    def work(self) -> None:
        """Let arrivals come until Locust ends the user."""
        if self._schedule:
            self._schedule.run()
        gevent.sleep(float("inf"))

    def end(self) -> None:
        """Remove what was made, where the master has not asked for it: the run is ended from outside."""
        if self._state == "ready":
            self._state = "tidying"
            self._tidy_up()

    def _obey(self, environment: Environment, msg: Any) -> None:  # noqa: ARG002 - Locust's words
        if msg.data.get("tidy"):
            if self._state != "tidying":
                self._state = "tidying"
                gevent.spawn(self._tidy_up)
            return
        self._order = Order(msg.data["rate_per_s"], msg.data["stage"], msg.data["journey"])
        if self._schedule:
            self._schedule.obey(self._order)

    def _tidy_up(self) -> None:
        with self._making:
            try:
                if self._tidy:
                    self._tidy()
            except Exception as error:  # noqa: BLE001 - told to the master
                self._problems.append(f"own data could not be removed: {type(error).__name__}: {error}")
            if self._state == "tidying":  # and no other run has begun meanwhile
                self._state = "tidy"

    def _report(self) -> None:
        while True:
            gevent.sleep(REPORT_S)
            vitals, runner = self._pulse.take(), self._environment.runner
            problems = [*self._problems, *(self._schedule.broken[:5] if self._schedule else ())]
            if runner:
                runner.send_message(
                    REPORT,
                    {
                        "profile": self._profile,
                        "state": self._state,
                        "under_way": self._schedule.under_way if self._schedule else 0,
                        "problems": problems,
                        "cpu_share": vitals.cpu_share,
                        "lags": vitals.lags.encode(),
                        "stage": self._order.stage,
                        **self._recorder.take(),
                    },
                )

    def _seen(self, journey: str, time_ms: float, error: Exception | None) -> None:
        self._environment.events.request.fire(  # type: ignore[no-untyped-call] # Locust's
            request_type="open", name=journey, response_time=time_ms, response_length=0, exception=error, context={}
        )


class OpenUser(FastHttpUser):
    """The one user of a worker: it keeps the schedule, and its arrivals share its connections."""

    abstract = True
    insecure = False
    concurrency = AT_ONCE
    desk: ClassVar[Desk]

    def prepare(self) -> Mapping[str, Journey]:
        """Return the journeys, with what they need made."""
        raise NotImplementedError

    def tidy(self) -> None:
        """Remove what was made."""

    def on_start(self) -> None:
        """Prepare before the first arrival."""
        self.desk.begin(self.prepare, self.tidy)

    def on_stop(self) -> None:
        """Leave nothing behind."""
        self.desk.end()

    @task
    def fly(self) -> None:
        """Keep the schedule."""
        self.desk.work()
