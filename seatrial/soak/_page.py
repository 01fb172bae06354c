"""soak.html: how often the gate and each check raised an alarm, and in which rounds; nothing to load and nothing to run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from seatrial.report._files import printable
from seatrial.soak.series import GATE, Common, Rate, Round

WIDTH = 1000.0


def page(of: Common, rounds: Sequence[Round], rates: Sequence[Rate]) -> str:
    """Return the page; every value is escaped, and its content policy allows no script at all."""
    here = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(here), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return printable(
        environment.get_template("soak.html.j2").render(
            css=(here.parent / "report" / "page.css").read_text(),
            of=of,
            rounds=rounds,
            go=sum(each.is_go for each in rounds),
            loud=[_row(rate, rounds) for rate in rates if rate.alarms or rate.name == GATE],
            quiet=[rate for rate in rates if not rate.alarms and rate.name != GATE],
        )
    )


def _row(rate: Rate, rounds: Sequence[Round]) -> dict[str, Any]:
    """Return a rate with its interval and its strip, on bars `WIDTH` units long."""
    between, width = rate.between, WIDTH / len(rounds)
    alarms, counted = set(map(id, rate.alarms)), set(map(id, rate.rounds))
    strip = [
        (
            round(place * width, 2),
            "failed" if id(each) in alarms else "passed" if id(each) in counted else "absent",
            each,
        )
        for place, each in enumerate(rounds)
    ]
    return {
        "rate": rate,
        "low": round(between.low * WIDTH, 1),
        "wide": round(max(2.0, (between.high - between.low) * WIDTH), 1),
        "at": round(len(rate.alarms) / len(rate.rounds) * WIDTH, 1),
        "strip": strip,
        "width": round(max(1.0, 0.9 * width), 2),
    }
