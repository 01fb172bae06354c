"""How long each alert may take, as a profile states it."""

import re
from dataclasses import dataclass

from seatrial import Invalid, Observe

BUDGET = re.compile(r"(?P<alert>\w+): (?P<fires>\d+(?:\.\d+)?) / (?P<clears>\d+(?:\.\d+)?) s")


@dataclass(frozen=True)
class Budget:
    """How long an alert may take to fire, and to end once all is as before."""

    fires_s: float
    clears_s: float


def alert_times(observe: Observe) -> dict[str, Budget]:
    """Read "InstanceDown: 20 / 20 s" for each alert; raises Invalid for a line that is not like that."""
    found = {}
    for line in observe.target("alert_times"):
        fits = BUDGET.fullmatch(line)
        if not fits:
            raise Invalid(f'targets.alert_times has {line!r}, which is not like "InstanceDown: 20 / 20 s"')
        found[fits["alert"]] = Budget(float(fits["fires"]), float(fits["clears"]))
    return found
