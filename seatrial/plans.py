"""What drills would do, told before they do it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from seatrial.outcome import Level, Outcome, Result
from seatrial.profile import Profile
from seatrial.registry import Plan


@dataclass(frozen=True)
class Planned:
    """One drill that was collected."""

    id: str
    title: str
    level: Level
    plan: Plan


def stop_line(plan: Plan, profile: Profile) -> str:
    """Say how to stop a drill, and how long its undo takes."""
    stops = f"Ctrl-C stops it and undoes it within {plan.undo_s:g} s ({plan.undone})"
    return f"{stops}; after a kill: seatrial heal {profile.option}"


def tell(drill: Planned, profile: Profile, console: Console) -> None:
    """Print what a drill would strike, who would notice, and how to stop it."""
    plan = drill.plan
    lines = {
        "strikes": plan.strikes,
        "noticed": plan.noticed,
        "stop": stop_line(plan, profile),
        "run": f"seatrial drill {drill.id} {profile.option}"
        + (f" --arm {drill.level}={profile.name}" if drill.level >= Level.DISRUPT else ""),
    }
    if plan.answered_by:
        lines["instead"] = (
            f"seatrial gate {' '.join(plan.answered_by)} {profile.option}: whether it would recover, as far as can be said"
        )
    console.print(f"{drill.id}  {drill.title}", markup=False, soft_wrap=True, style="bold")
    for name, text in lines.items():
        console.print(f"    {name:<8} {text}", markup=False, soft_wrap=True)


def table(
    drills: Sequence[Planned],
    refuses: Callable[[Level], str],
    not_applicable: Mapping[str, str],
    took_s: Mapping[str, float],
    console: Console,
) -> None:
    """Print which drills are rehearsed in this run, and why the others are not.

    Args:
        refuses: says why a level may not be used, or nothing.
        not_applicable: id -> why this environment has no such drill.
        took_s: id -> how long it took last time, where that is known.
    """
    shown = Table("drill", "level", "last took", "in this run", box=SIMPLE)
    for drill in drills:
        why = refuses(drill.level)
        if why and drill.plan.answered_by:
            why += f"; answered without a strike by {', '.join(drill.plan.answered_by)}"
        why = not_applicable.get(drill.id) or why
        took = f"{took_s[drill.id] / 60:.1f} min" if drill.id in took_s else "?"
        shown.add_row(drill.id, str(drill.level), took, why or f"rehearsed: {drill.plan.strikes}")
    console.print(shown)


def answers(drills: Sequence[Planned], results: Mapping[str, Result], console: Console) -> None:
    """Print what a run has said of each drill: its own outcome, or those of the checks that answer for it, or why nothing can.

    Args:
        results: of the drills, and of the checks that answer for them, by id.
    """
    shown = Table("drill", "in this run", box=SIMPLE)
    for drill in drills:
        result = results[drill.id]
        if result.outcome is not Outcome.NOT_RUN:
            shown.add_row(drill.id, f"rehearsed: {result.outcome}")
            continue
        told = [results[name] for name in drill.plan.answered_by if name in results]
        lines = [
            f"answered without a strike: {each.id} {each.outcome}"
            for each in told
            if each.outcome is not Outcome.NOT_RUN
        ]
        lines = lines or [f"not possible: {result.reason}"]
        lines += [f"{each.id} {each.outcome}: {each.reason}" for each in told if each.outcome is Outcome.NOT_RUN]
        shown.add_row(drill.id, "\n".join(lines))
    console.print(shown)
