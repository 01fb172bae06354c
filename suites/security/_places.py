"""Where the profile has a check look: everywhere, unless it says so."""

from collections.abc import Collection

from seatrial import Invalid, Observe


def places(observe: Observe, target: str, known: Collection[str]) -> list[str]:
    """Return the places that targets.<target> names, all without it; what a profile leaves out becomes evidence.

    Raises Invalid for a name that is none, and for a profile that leaves out everything.
    """
    named = observe.profile.targets.get(target, [*known])
    if not isinstance(named, list) or not named or not set(named) <= set(known):
        raise Invalid(f"targets.{target} is {named!r}, and must name some of {', '.join(known)}")
    observe.evidence(f"left out by targets.{target}", [place for place in known if place not in named])
    return named
