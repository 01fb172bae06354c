"""`seatrial load`: make the load, watch the tiers meanwhile, and tell of it in one page, in Allure's and in the trend."""

import argparse
import math
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from seatrial import conclude, hosting
from seatrial.environment import Environment
from seatrial.errors import UsageError
from seatrial.impact import Observe
from seatrial.load import _trend as trend
from seatrial.load._allure import write_result
from seatrial.load._growth import hold_growth
from seatrial.load._page import Told, page
from seatrial.load._run import SHAPES, WEB, Flight, Wanted, fly
from seatrial.load._saturated import first_saturated
from seatrial.load._terminal import Progress, tell
from seatrial.load._tiers import Watch
from seatrial.outcome import Level, Outcome
from seatrial.report import OUT, site
from seatrial.report._files import Folder
from seatrial.scope import close_clients

EXIT_CODES = {Outcome.PASSED: 0, Outcome.FAILED: 1}
SECONDS = {"s": 1, "m": 60, "h": 3600}


def add_arguments(load: argparse.ArgumentParser) -> None:
    """Add what `seatrial load` takes."""
    load.add_argument("--shape", choices=SHAPES, default="baseline", help="how the rate changes (default: baseline)")
    load.add_argument("--rate", type=_rate, metavar="R", help="arrivals a second (default: the profile's)")
    load.add_argument(
        "--for",
        dest="seconds",
        type=seconds,
        default=60.0,
        metavar="T",
        help="such as 90s or 10m; of stress each step",
    )
    load.add_argument("--journey", default="", metavar="NAME", help="only this one (default: all, as weighed)")
    load.add_argument(
        "--workers", type=_workers, default=0, metavar="N", help="start so many generators on this machine"
    )
    load.add_argument(
        "--expect-workers", type=_workers, default=0, metavar="N", help="wait for so many from other machines"
    )
    load.add_argument("--web", action="store_true", help=f"have Locust's own pages at http://{WEB} meanwhile")


def run(environment: Environment, options: argparse.Namespace, console: Console) -> int:
    """Make the load, tell of it, and return the exit code."""
    if reason := environment.refuses(Level.EXERCISE):
        raise UsageError(f"load signs in and uploads: {reason}")
    wanted = Wanted(
        shape=options.shape,
        rate_per_s=options.rate,
        seconds=options.seconds,
        journey=options.journey,
        workers=options.workers,
        expect_workers=options.expect_workers,
        web=options.web,
    )
    profile, started = environment.profile, time.time()
    with hosting.booted(profile, alone=environment.armed):
        conclude.ready(environment)
        environment.check_secrets()
        release = conclude.release_of(environment)
        progress = Progress(console)
        try:
            with Watch(Observe(environment, "load")) as watch:

                def seen(window: dict[str, Any], flight: Flight) -> None:
                    watch.stage = window["stage"]
                    progress(window, flight)

                flight = fly(profile, profile.tree, wanted, seen)
        finally:
            close_clients(environment.clients)
    flight = replace(flight, **environment.redactor.clean({"reasons": flight.reasons, "result": flight.result}))
    grown = hold_growth(flight, watch.samples, wanted.seconds) if wanted.shape == "soak" else []
    _publish(environment, wanted, flight, watch, grown, console, release=release, started=started)
    return EXIT_CODES.get(flight.outcome, 2)


def _publish(
    environment: Environment,
    wanted: Wanted,
    flight: Flight,
    watch: Watch,
    grown: list[str],
    console: Console,
    *,
    release: str,
    started: float,
) -> None:
    name, file = environment.profile.name, trend.history_file(OUT, environment.profile.name)
    at = datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds")
    newest = trend.row_of(flight, wanted, at=at, release=release)
    past = trend.alike(trend.read(file), newest)
    changes = trend.changes(past, newest) if flight.outcome is not Outcome.INVALID else []
    trend.keep(file, environment.redactor.clean(newest))
    saturated = _saturated(flight, watch)
    took = f"{wanted.seconds:g} s" + (" a step" if wanted.shape == "stress" else "")
    facts = {"Environment": name, "Release": release, "Shape": f"{wanted.shape}, {took}", "Started": f"{at[:16]} UTC"}
    facts["Rate"] = f"{wanted.rate_per_s:g}/s" if wanted.rate_per_s else "the profile's"
    facts["Generators"] = str(max(1, wanted.workers + wanted.expect_workers))
    told = Told(
        environment=name,
        facts=facts,
        footer=f"Seatrial {conclude.harness_version()}; figures of this run: load.json; earlier runs: {file}",
        samples=watch.samples,
        saturated=saturated,
        unseen=list(watch.problems),
        past=past,
        changes=changes,
        grown=grown,
    )
    folder = Folder(OUT, environment.redactor)
    written = folder.put("load.html", page(flight, told))
    folder.put_json(
        "load.json",
        {"run": newest, **flight.result, "reasons": flight.reasons, "windows": flight.windows, "tiers": watch.samples},
    )
    _put_into_allure(environment, flight, written, started)
    tell(flight, name, console, saturated, [str(change) for change in changes], grown)
    console.print(Text(f"reports  {written}"), soft_wrap=True)


def _saturated(flight: Flight, watch: Watch) -> list[str]:
    """Tell which tier was used up first; of a search for each knee."""
    stages = sorted(flight.result.get("stages", []), key=lambda each: float(each["rate_per_s"]))
    searches = [knee["stages"] for knee in flight.result.get("knees", [])] or [[stage["stage"] for stage in stages]]
    return [str(said) for names in searches if (said := first_saturated(watch.samples, names))]


def _put_into_allure(environment: Environment, flight: Flight, written: Path, started: float) -> None:
    results = Folder(OUT / "allure-results", environment.redactor)
    write_result(results, flight, environment.profile.name, round(1000 * started), round(1000 * time.time()), written)
    if note := site(OUT).note:
        print(note, file=sys.stderr)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return rate


def _workers(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is no number of workers")
    return int(text)


def seconds(text: str) -> float:
    """Read a time from the command line: 90, 90s, 10m, 1h."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in SECONDS else (text, "s")
    try:
        return _rate(number) * SECONDS[unit]
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text} is no time such as 90s, 10m or 1h") from None
