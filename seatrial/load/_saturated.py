"""Which tier was used up first, told from what the tiers took while the rate rose."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

FULL_PROCESS, FULL_MACHINE, WAITING = 0.9, 0.95, 1.0


@dataclass(frozen=True)
class Saturated:
    """A tier, at which stage of the run, and by which metric; `used_up` False where it is only the closest."""

    tier: str
    stage: str
    metric: str
    used_up: bool

    def __str__(self) -> str:
        how = "was used up first" if self.used_up else "came closest, and nothing was used up"
        return f"{self.tier} {how}, at {self.stage}: {self.metric}"


def first_saturated(samples: Sequence[dict[str, Any]], stages: Sequence[str]) -> Saturated | None:
    """Return the tier that was used up in the first of the stages in which any was; None where nothing was seen.

    Args:
        samples: of the tiers, each with its stage.
        stages: in the order of their rates.
    """
    closest: tuple[float, Saturated] | None = None
    for stage in stages:
        seen = [sample for sample in samples if sample["stage"] == stage]
        for share, said in _pressures(seen, stage):
            if said.used_up:
                return said
            if closest is None or share > closest[0]:
                closest = share, said
    return closest[1] if closest else None


def _pressures(samples: Sequence[dict[str, Any]], stage: str) -> list[tuple[float, Saturated]]:
    """Return what weighs on the tiers: callers that wait for a pool, then single processes, then the machine."""
    if not samples:
        return []
    found = []
    names = sorted({name for sample in samples for name in sample["tiers"]})
    for name in names:
        tiers = [sample["tiers"][name] for sample in samples if name in sample["tiers"]]
        waiting = fmean(tier["gauges"].get("clients waiting", 0.0) for tier in tiers)
        if waiting >= WAITING:
            said = f"{waiting:.1f} callers wait for its pool"
            found.append((1 + waiting, Saturated(name, stage, said, used_up=True)))
    for name in names:
        busiest = fmean(sample["tiers"][name]["busiest"] for sample in samples if name in sample["tiers"])
        said = f"its busiest process takes {busiest:.0%} of a core"
        found.append((busiest, Saturated(name, stage, said, used_up=busiest >= FULL_PROCESS)))
    machine = fmean(sample["machine"] for sample in samples)
    if names:
        cores = {
            name: fmean(sample["tiers"].get(name, {"cores": 0.0})["cores"] for sample in samples) for name in names
        }
        largest = max(cores, key=cores.__getitem__)
        said = (
            f"the machine's CPU is {machine:.0%} busy, {sum(cores.values()):.2f} cores of it with the system and most of "
            f"these, {cores[largest]:.2f}, with this tier"
        )
        found.append((machine, Saturated(largest, stage, said, used_up=machine >= FULL_MACHINE)))
    return sorted(found, key=lambda each: (-each[1].used_up, -each[0]))
