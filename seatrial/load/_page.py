"""load.html: what a run came to, with its pictures; nothing to load and nothing to run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from seatrial.load._plots import over_time
from seatrial.load._run import Flight
from seatrial.load._terminal import headroom_of, knee_of, line_of, word_of
from seatrial.load._trend import FIGURE, Change
from seatrial.outcome import Outcome
from seatrial.report._chart import Chart
from seatrial.report._files import printable

SHARED = (
    "Generator and system share this machine, so that what the one takes the other one lacks: these figures compare "
    "releases on this machine, and are no figures of what the system can do elsewhere."
)
APART = "The generator's figures are of this machine; the system runs elsewhere, and its processes were not seen."
_MEANING = {
    Outcome.PASSED: "The objective holds under this load.",
    Outcome.FAILED: "The objective does not hold under this load.",
}
_UNKNOWN = "Nobody can say whether the objective holds; that counts as a no."


@dataclass
class Told:
    """All that the page tells beside the run itself."""

    environment: str
    facts: dict[str, str]
    footer: str
    samples: Sequence[dict[str, Any]] = ()
    saturated: Sequence[str] = ()
    unseen: Sequence[str] = ()
    past: Sequence[dict[str, Any]] = ()
    changes: Sequence[Change] = ()
    grown: Sequence[str] = ()


def page(flight: Flight, told: Told) -> str:
    """Return the page; every value is escaped, and its content policy allows no script at all."""
    here = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(here), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return printable(
        environment.get_template("load.html.j2").render(
            line=line_of(flight, told.environment),
            word=word_of(flight),
            meaning=_MEANING.get(flight.outcome, _UNKNOWN),
            css=(here.parent / "report" / "page.css").read_text(),
            facts=told.facts,
            reasons=flight.reasons,
            stages=flight.result.get("stages", []),
            errors=flight.result.get("errors", {}),
            knees=[
                {**each, "knee": knee_of(each), "headroom": headroom_of(each)}
                for each in flight.result.get("knees", [])
            ],
            pictures=_pictures(flight),
            shared=SHARED if told.samples else APART,
            saturated=told.saturated,
            tiers=_tiers(flight, told.samples),
            loads=_loads(told.samples),
            unseen=told.unseen,
            grown=told.grown,
            trend=_trend(told.past, flight),
            changes=told.changes,
            past=len(told.past),
            footer=told.footer,
        )
    )


def _pictures(flight: Flight) -> list[tuple[str, Chart | None]]:
    windows = flight.windows
    times = [window["t"] for window in windows]

    def curves(**names: str) -> dict[str, list[float]]:
        return {name.replace("_", " "): [float(window[key]) for window in windows] for name, key in names.items()}

    percentiles = curves(p50="p50_ms", p95="p95_ms", p99="p99_ms")
    share = {"share of a core": [100 * float(window["cpu_share"]) for window in windows]}
    return [
        ("Throughput", over_time("arrivals a second", times, curves(asked="rate_per_s", served="served", due="due"))),
        ("Latency", over_time("ms, logarithmic", times, percentiles, logarithmic=True)),
        ("Errors", over_time("arrivals", times, curves(failed="failed", dropped="dropped"))),
        ("Under way", over_time("arrivals", times, curves(under_way="under_way"))),
        ("Generator: CPU", over_time("%", times, share)),
        ("Generator: lateness of its event loop", over_time("ms", times, curves(longest="lag_ms"))),
    ]


def _loads(samples: Sequence[dict[str, Any]]) -> list[tuple[str, Chart | None]]:
    if not samples:
        return []
    times = [sample["t"] - samples[0]["t"] for sample in samples]
    names = sorted({name for sample in samples for name in sample["tiers"]})

    def curves(key: str) -> dict[str, list[float]]:
        """Return the curves of all but the tiers that have next to nothing, which would only crowd the picture."""
        all_ = {name: [float(sample["tiers"].get(name, {key: 0})[key]) for sample in samples] for name in names}
        least = 0.1 * max(max(curve) for curve in all_.values())
        return {name: curve for name, curve in all_.items() if max(curve) >= least}

    machine = {"machine": [100 * float(sample["machine"]) for sample in samples]}
    return [
        ("CPU of each tier", over_time("cores", times, curves("cores"))),
        ("CPU of the whole machine", over_time("%", times, machine)),
        ("Memory of each tier", over_time("MB", times, curves("memory_mb"))),
        ("Open files of each tier, sockets included", over_time("descriptors", times, curves("files"))),
    ]


def _tiers(flight: Flight, samples: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each tier in each stage, the generator first."""
    rows = []
    for stage in flight.result.get("stages", []):
        generator = stage["generator"]
        name, share = stage["stage"], generator["cpu_share"]
        late = f"event loop {generator['lag_p99_ms']:.1f} ms late at p99"
        rows.append(
            {
                "stage": name,
                "tier": "generator",
                "cores": share,
                "busiest": share,
                "memory_mb": None,
                "files": None,
                "gauges": late,
            }
        )
        seen = [sample["tiers"] for sample in samples if sample["stage"] == name]
        for tier in sorted({each for tiers in seen for each in tiers}):
            rows.append({"stage": name, "tier": tier, **_mean([tiers[tier] for tiers in seen if tier in tiers])})
    return rows


def _mean(tiers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    names = sorted({name for tier in tiers for name in tier["gauges"]})
    gauges = {name: fmean(tier["gauges"].get(name, 0.0) for tier in tiers) for name in names}
    figures = {key: fmean(tier[key] for tier in tiers) for key in ("cores", "busiest", "memory_mb")}
    files = round(fmean(tier["files"] for tier in tiers))
    return {**figures, "files": files, "gauges": ", ".join(f"{name} {value:.1f}" for name, value in gauges.items())}


def _trend(past: Sequence[dict[str, Any]], flight: Flight) -> Chart | None:
    stages = flight.result.get("stages", [])
    newest = {row["journey"]: row for row in stages[0]["rows"]} if stages else {}
    runs = [*(row["journeys"] for row in past), newest]
    curves = {name: [float(run.get(name, {FIGURE: 0.0})[FIGURE]) for run in runs] for name in newest}
    return over_time("ms, logarithmic", [float(number) for number in range(len(runs))], curves, logarithmic=True)
