"""A sample of mutants: drawn by a seed, from every service in proportion to its mutants, and from each at least one."""

import random
from collections.abc import Mapping, Sequence

from seatrial.mutation._mutants import Mutant


def draw(mutants: Mapping[str, Sequence[Mutant]], size: int, seed: int) -> list[Mutant]:
    """Return up to `size` mutants in an order that is fair as well, so that the first of them are a sample, too.

    A size below the number of services takes one of so many services, which the seed chooses.
    """
    # No secret is made here, and the same seed has to give the same sample everywhere.
    chance = random.Random(seed)  # noqa: S311
    shares = _shares({name: len(each) for name, each in mutants.items()}, size, chance)
    chosen: list[Mutant] = []
    for name in sorted(shares):
        pool = sorted(mutants[name], key=lambda each: each.id)
        chance.shuffle(pool)
        sound = (each for each in pool if each.is_sound())
        chosen += [each for _, each in zip(range(shares[name]), sound, strict=False)]
    chance.shuffle(chosen)
    return chosen


def _shares(counts: Mapping[str, int], size: int, chance: random.Random) -> dict[str, int]:
    """Return how many of each: one, and of the rest in proportion, by the largest remainder."""
    total = sum(counts.values())
    if size >= total:
        return dict(counts)
    if size <= len(counts):
        return dict.fromkeys(chance.sample(sorted(counts), size), 1)
    exact = {name: max(1.0, size * count / total) for name, count in counts.items()}
    shares = {name: int(share) for name, share in exact.items()}
    for name in sorted(exact, key=lambda name: (shares[name] - exact[name], name)):
        if sum(shares.values()) < size:
            shares[name] += 1
    while sum(shares.values()) > size:
        shares[max(shares, key=lambda name: (shares[name], name))] -= 1
    return shares
