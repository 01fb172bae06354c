"""What a locustfile calls to fly by the open model: options, and who listens to whom."""

from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from locust import events
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from load.desk import Desk, OpenUser
from load.pilot import Pilot, Plan, listen
from load.shapes import SHAPES, shape_named
from load.slo import Slo
from seatrial.errors import UsageError

DEFAULT_S = 60.0


def wire(slo: Callable[[], Slo], weights: Mapping[str, float], rate_per_s: Callable[[], float], profile: str) -> None:
    """Add the options to Locust's own, and connect the desk of each worker with the master's pilot.

    Args:
        profile: tells it from every other one; workers and master must have the same.
    """

    @events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator] # Locust's
    def _options(parser: ArgumentParser, **_: Any) -> None:
        # A host or a rate in ~/.locust.conf, locust.conf or pyproject.toml would be another load than the profile's.
        parser._default_config_files = []  # type: ignore[attr-defined] # noqa: SLF001 - Locust itself does so
        group = parser.add_argument_group("open model")
        group.add_argument("--shape", choices=SHAPES, default="baseline", help="how the rate changes")
        group.add_argument("--rate", type=float, default=0.0, help="arrivals a second (0: the profile's)")
        group.add_argument("--for", dest="seconds", type=float, default=DEFAULT_S, help="seconds; of stress: of a step")
        one = ["", *weights]
        group.add_argument("--journey", choices=one, default="", help="only this one (default: all, as weighed)")
        group.add_argument("--record", default="", help="file to write lines of JSON to")

    @events.init.add_listener  # type: ignore[untyped-decorator] # Locust's
    def _init(environment: Environment, **_: Any) -> None:
        options = environment.parsed_options
        if options is None:
            raise UsageError("Locust gave no options")
        if options.record and environment.host:
            raise UsageError(f"--record is of the profile's environment, and not of {environment.host}")
        if not isinstance(environment.runner, MasterRunner):
            OpenUser.desk = Desk(environment, profile, weights)
            OpenUser.desk.open()
        if not isinstance(environment.runner, WorkerRunner):

            def plan() -> Plan:
                chosen = {options.journey: 1.0} if options.journey else weights
                shape = partial(shape_named, options.shape, options.rate or rate_per_s(), options.seconds, chosen)
                workers = max(1, options.expect_workers or 1)
                record = Path(options.record) if options.record else None
                return Plan(options.shape, shape, slo(), tuple(chosen), workers, record, profile)

            Pilot.planned, Pilot.environment = plan, environment
            if isinstance(environment.shape_class, Pilot):
                listen(environment, environment.shape_class)
