"""Name the likeliest causes of red checks: by the faults under which the same checks said the like.

Each fault that was caught is a text: the ids of the checks that turned red, and each word that they said, marked with the check that
said it. What is to be diagnosed is such a text too. Words weigh by their rarity among the faults (tf-idf), and two texts are as
like as the cosine between their weights. A part ("redis") is as likely as its share of the squares of all likenesses, summed over
the faults that struck it: squares, so that many faults which are hardly like what was seen do not outweigh one that is.

Source: G. Salton, C. Buckley, "Term-weighting approaches in automatic text retrieval", Information Processing & Management 24
(1988).
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seatrial.proof._figures import Share

_WORD = re.compile(r"[a-z][a-z_]{2,}")
Reds = Mapping[str, str]


@dataclass(frozen=True)
class Known:
    """A fault as it was caught.

    Attributes:
        reds: check id -> what it said; the checks that turned red.
        struck: the parts that it touched.
    """

    fault: str
    title: str
    kind: str
    struck: tuple[str, ...]
    reds: Reds


@dataclass(frozen=True)
class Cause:
    """One likely cause.

    Attributes:
        part: what to look at.
        share: how likely, 0 to 1; all causes together make 1, so that it says nothing of causes that no known fault has.
        fault: the known fault of this part that is most like what was seen.
    """

    part: str
    share: float
    fault: Known


@dataclass(frozen=True)
class Accuracy:
    """How often the struck part stands first, or among the first three, with each fault diagnosed by the others alone."""

    first: Share
    among_three: Share


class Likeness:
    """Diagnoses by known faults."""

    def __init__(self, known: Sequence[Known]) -> None:
        self._known = list(known)
        self._texts = [_text(each.reds) for each in self._known]
        self._in = Counter(word for text in self._texts for word in text)

    def causes(self, reds: Reds) -> list[Cause]:
        """Return the parts that may be at fault, the likeliest first; nothing where no known fault is like this at all."""
        return self._ranked(_text(reds), None)

    def accuracy(self) -> Accuracy:
        """Diagnose each known fault as if it were unknown."""
        return _accuracy(
            [
                (each, [cause.part for cause in self._ranked(text, place)])
                for place, (each, text) in enumerate(zip(self._known, self._texts, strict=True))
            ]
        )

    def peer(self) -> Accuracy:
        """Do the same in the obvious way: of the first red check, the other faults in the order of their names."""
        ranked = []
        for each in self._known:
            check = min(each.reds)
            others = [other for other in self._known if other is not each and check in other.reds]
            parts = [part for other in sorted(others, key=lambda other: other.fault) for part in other.struck]
            ranked.append((each, list(dict.fromkeys(parts))))
        return _accuracy(ranked)

    def _ranked(self, text: Counter[str], without: int | None) -> list[Cause]:
        left_out = self._texts[without] if without is not None else Counter[str]()
        count = len(self._known) - (without is not None)

        def weights(of: Counter[str]) -> dict[str, float]:
            """Weigh each word by how few of the faults that may be used say it; one that none says weighs nothing."""
            found = {word: self._in[word] - (word in left_out) for word in of}
            return {word: (1 + math.log(of[word])) * math.log(1 + count / n) for word, n in found.items() if n}

        wanted = weights(text)
        like = {
            place: likeness
            for place, words in enumerate(self._texts)
            if place != without and (likeness := _cosine(wanted, weights(words)))
        }
        sums: dict[str, float] = {}
        nearest: dict[str, Known] = {}
        for place, likeness in sorted(like.items(), key=lambda item: -item[1]):
            for part in self._known[place].struck:
                sums[part] = sums.get(part, 0.0) + likeness**2
                nearest.setdefault(part, self._known[place])
        whole = math.fsum(sums.values())
        ranked = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
        return [Cause(part, weight / whole, nearest[part]) for part, weight in ranked]


def _text(reds: Reds) -> Counter[str]:
    words: Counter[str] = Counter()
    for check, said in reds.items():
        words[check] += 1
        words.update(f"{check} {word}" for word in _WORD.findall(said.lower()))
    return words


def _cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    shared = math.fsum(weight * other[word] for word, weight in one.items() if word in other)
    if not shared:
        return 0.0
    return shared / math.sqrt(math.fsum(w * w for w in one.values()) * math.fsum(w * w for w in other.values()))


def _accuracy(ranked: Sequence[tuple[Known, Sequence[str]]]) -> Accuracy:
    def share(places: int) -> Share:
        return Share(sum(not set(each.struck).isdisjoint(parts[:places]) for each, parts in ranked), len(ranked))

    return Accuracy(share(1), share(3))
