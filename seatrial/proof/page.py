"""docs/proof.md: what the last `seatrial prove` has proven, written from its record and never by hand."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from seatrial.inventory import Listed
from seatrial.outcome import Severity
from seatrial.proof._figures import Figures, figures, proven_checks
from seatrial.proof._known import Knowledge
from seatrial.proof._record import Record
from seatrial.proof._trial import Proven
from seatrial.registry import KINDS, Fault
from seatrial.report._digest import seconds
from seatrial.report.pages import cell

_MADE = "<!-- Made by `seatrial proof` from the record of `seatrial prove`; do not edit. -->"
KINDS_A_BLOCKER_NEEDS = 2


@dataclass(frozen=True)
class Registry:
    """What there is now: checks, and faults by id."""

    checks: Sequence[Listed]
    faults: Mapping[str, Fault]

    def kinds_of(self, check: str) -> set[str]:
        """Return the kinds of the faults that a check must notice."""
        return {fault.kind for fault in self.faults.values() if check in fault.caught_by}

    def of_one_kind(self) -> list[str]:
        """Return the blockers, sorted, that faults of fewer than two kinds prove."""
        return sorted(
            check.expected.id
            for check in self.checks
            if check.expected.severity is Severity.BLOCKER
            and len(self.kinds_of(check.expected.id)) < KINDS_A_BLOCKER_NEEDS
        )


def page(record: Record, registry: Registry, known: Knowledge) -> str:
    """Return the page as Markdown."""
    found = figures(record.trials, [check.expected.id for check in registry.checks])
    lines = [_MADE, "", "# What is proven", "", *_source(record, registry, found)]
    lines += ["", "## Rates and time", "", *_rates(record, found)]
    lines += ["", "## Kinds of faults by components", "", *_table(found, registry)]
    lines += ["", "## What is not proven", "", *_unproven(found, registry)]
    lines += ["", "## Who sees what", "", *_sight(record, found)]
    lines += ["", "## Diagnosis", "", *_diagnosis(known)]
    return "\n".join(lines) + "\n"


def _source(record: Record, registry: Registry, found: Figures) -> list[str]:
    told = (
        f"Environment {record.environment}, release `{record.release}`, tree `{record.tree}`, from {record.started_at} to "
        f"{record.ended_at}: {len(found.faults)} of the {len(record.known)} faults that there were then have been asked, "
        f"{len(record.times())} of them on this very tree, {len(record.elsewhere)} have no meaning in this environment."
    )
    earlier = "; ".join(f"`{tree}`: {count}" for tree, count in sorted(record.earlier.items()))
    since = registry.faults.keys() - record.known.keys()
    gone = record.known.keys() - registry.faults.keys()
    lines = [told, "", "Nothing here is carried over from another environment."]
    if earlier:
        lines += [
            "",
            f"The others were asked last on earlier trees ({earlier}): what has changed since may have changed what comes of them.",
        ]
    if since or gone:
        lines += [
            "",
            f"Faults that came since then: {len(since)}; that went: {len(gone)}. This page says nothing of them.",
        ]
    return lines


def _rates(record: Record, found: Figures) -> list[str]:
    def named(trials: Sequence[Proven]) -> str:
        return "; ".join(f"`{trial.fault}`: {cell(trial.reason)[:300]}" for trial in trials) or "none"

    unasked = len(record.known.keys() - found.faults.keys()) - len(record.elsewhere)
    return [
        "| what | figure |",
        "|---|---|",
        f"| caught for the stated reason, of the faults in effect | {found.detected} |",
        f"| of those asked on this very tree | {figures(record.own, []).detected} |",
        f"| missed | {named(found.missed)} |",
        f"| no proof either way (INVALID) | {named(found.invalid)} |",
        f"| applicable and not asked | {unasked} |",
        f"| time per fault | median {seconds(found.median_s)}, longest {seconds(found.longest_s)} |",
        f"| time of all trials | {seconds(found.total_s)} |",
        "",
        "The interval is Wilson's. A trial that was INVALID is in neither figure of the rate.",
    ]


def _table(found: Figures, registry: Registry) -> list[str]:
    component = {check.expected.id: check.component for check in registry.checks}
    known: Counter[tuple[str, str]] = Counter()
    caught: Counter[tuple[str, str]] = Counter()
    for fault in registry.faults.values():
        trial = found.faults.get(fault.id)
        for place in {(component[check], fault.kind) for check in fault.caught_by if check in component}:
            known[place] += 1
            caught[place] += trial is not None and trial.proof == "CAUGHT"
    lines = [
        "Caught of known: a fault counts for the component of each check that must notice it. An empty cell is a hole.",
        "",
        f"| component | {' | '.join(KINDS)} |",
        f"|---|{'---|' * len(KINDS)}",
    ]
    for name in sorted(set(component.values())):
        places = [(name, kind) for kind in KINDS]
        lines.append(f"| {name} | {' | '.join(f'{caught[it]} of {known[it]}' if known[it] else '' for it in places)} |")
    return lines


def _unproven(found: Figures, registry: Registry) -> list[str]:
    proven = proven_checks(found.faults.values())
    unasked = sorted(registry.faults.keys() - found.faults.keys())
    unproven = [check for check in registry.checks if not proven[check.expected.id]]
    blockers = [check.expected.id for check in unproven if check.expected.severity is Severity.BLOCKER]
    return [
        f"{len(registry.checks) - len(unproven)} of {len(registry.checks)} checks were seen to notice a fault in this run.",
        "",
        f"Blockers among the others: {_ids(blockers)}.",
        "",
        f"Asked, and turned red by no fault: {_ids(found.stayed_green)}.",
        "",
        f"Not asked: {_ids(found.never_asked)}.",
        "",
        f"<details><summary>Faults that this run has not asked, whatever the reason: {len(unasked)}</summary>",
        "",
        f"{_ids(unasked)}.",
        "",
        "</details>",
        "",
        f"Blockers whose faults are all of one kind (`faults/one_kind.toml` says why): {_ids(registry.of_one_kind())}.",
    ]


def _sight(record: Record, found: Figures) -> list[str]:
    alone = (
        f"{len(found.seen_by_one)} caught faults turned one check red; under {len(found.alone)} of them other checks were asked too, "
        "and stayed green: without that check nobody would have noticed."
    )
    if not record.beside:
        return [
            alone,
            "",
            "No check was asked beside those that a fault names (`seatrial prove --matrix` does): what else turns red is not known.",
        ]
    beside = (
        f"Beside the checks that it names, each fault was shown to {len(record.beside)} quick ones; the other "
        f"{len(record.unasked)} were not asked beside, and nothing is known of them there. Red beside, and green again after:"
    )
    rows = [f"| {check} | {', '.join(faults)} |" for check, faults in found.collateral.items()]
    return [alone, "", beside, "", "| check | faults |", "|---|---|", *rows]


def _diagnosis(known: Knowledge) -> list[str]:
    ours, peer = known.accuracy, known.peer
    rows = []
    for name, one, other in (
        ("first", ours.first, peer.first),
        ("among the first three", ours.among_three, peer.among_three),
    ):
        ratio = f"{one.found / other.found:.2f} x" if other.found else "no ratio: the peer named none"
        rows.append(f"| {name} | {one} | {other} | {ratio} |")
    return [
        "A gate that fails names the parts which are likeliest at fault: those struck by the faults under which the same checks said",
        "the like (tf-idf of the checks that are red and of each one's words, cosine, the squares summed by part). Each caught fault",
        "was diagnosed by the others alone. The peer takes the first red check and its other faults in the order of their names.",
        "",
        "| the struck part stands | diagnosis | peer | ratio |",
        "|---|---|---|---|",
        *rows,
    ]


def _ids(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
