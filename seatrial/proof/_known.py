"""docs/proof.json: what a proof has measured, committed, so that a gate that fails anywhere can name likely causes."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from seatrial.errors import UsageError
from seatrial.outcome import Outcome, Result
from seatrial.proof._figures import Share
from seatrial.proof._likeness import Accuracy, Cause, Known, Likeness
from seatrial.proof._record import Record
from seatrial.proof._trial import Proof, worst_of_each

KNOWN = Path("docs/proof.json")
_MOST_SAID = 400
_MOST_CAUSES = 3


@dataclass(frozen=True)
class Knowledge:
    """What a proof has taught.

    Attributes:
        record: the proof itself, for another one of the same release and tree to be joined to.
        accuracy: how far its diagnoses can be trusted.
        peer: the same of the obvious way.
    """

    record: Record
    accuracy: Accuracy
    peer: Accuracy

    @classmethod
    def of(cls, record: Record) -> "Knowledge":
        """Return what a record teaches; what its checks said is cut to what a diagnosis uses."""
        trials = [
            replace(trial, said={check: said[:_MOST_SAID] for check, said in trial.said.items()})
            for trial in sorted(record.trials, key=lambda trial: trial.fault)
        ]
        record = replace(record, trials=trials)
        likeness = Likeness(_caught(record))
        return cls(record, likeness.accuracy(), likeness.peer())

    @property
    def faults(self) -> list[Known]:
        """Each fault that was caught, with the checks that turned red."""
        return _caught(self.record)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; `from_json` is the inverse."""
        return {"record": self.record.to_json(), "accuracy": asdict(self.accuracy), "peer": asdict(self.peer)}

    @classmethod
    def from_json(cls, data: Any) -> "Knowledge":
        """Rebuild it; raises UsageError for anything else."""
        try:
            accuracy, peer = (
                Accuracy(**{name: Share(**share) for name, share in data[key].items()}) for key in ("accuracy", "peer")
            )
            return cls(Record.from_json(data["record"], str(KNOWN)), accuracy, peer)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{KNOWN}: not written by seatrial proof: {error}") from None


def _caught(record: Record) -> list[Known]:
    return [
        Known(trial.fault, record.known[trial.fault], trial.kind, trial.struck, dict(sorted(trial.reds.items())))
        for trial in worst_of_each(record.trials).values()
        if trial.proof is Proof.CAUGHT and trial.reds
    ]


def likely(results: Iterable[Result], file: Path = KNOWN) -> list[str]:
    """Return the lines that name the likeliest causes of a run's failures, and how far they can be trusted; none for none.

    There are none without the file. One that cannot be read is told in a line, for the verdict stands without it.
    """
    red = {result.id: result for result in results if result.outcome is Outcome.FAILED}
    if not red or not file.is_file():
        return []
    try:
        known = Knowledge.from_json(json.loads(file.read_text()))
    except (OSError, ValueError, UsageError) as error:
        return [f"nothing can be said of causes: {error}"]
    causes = Likeness(known.faults).causes({name: words(result)[:_MOST_SAID] for name, result in red.items()})
    if not causes:
        return ["no fault that was ever caught is like this"]
    strange = sorted(red.keys() - {name for fault in known.faults for name in fault.reds})
    untaught = (
        [f"but none of these faults ever turned {', '.join(strange)} red: read its finding first"] if strange else []
    )
    return [*(_line(cause, red) for cause in causes[:_MOST_CAUSES]), *untaught, _trust(known)]


def words(result: Result) -> str:
    """Return all that a check's result says."""
    parts = [
        result.reason,
        *(f"{finding.case} {finding.expected} {finding.seen} {finding.where}" for finding in result.findings),
    ]
    return " | ".join(part for part in parts if part)


def _line(cause: Cause, red: Mapping[str, Result]) -> str:
    told = next((red[name] for name in cause.fault.reds if name in red), next(iter(red.values())))
    return f"{cause.share:4.0%} {cause.part} ({cause.fault.kind}), like {cause.fault.fault}: {cause.fault.title} {told.runbook}"


def _trust(known: Knowledge) -> str:
    first, three = known.accuracy.first, known.accuracy.among_three
    return (
        f"by {len(known.faults)} faults that were caught on release {known.record.release}; the part stood first for "
        f"{first.found} of {first.of} of them and among the first three for {three.found}, each diagnosed by the others alone"
    )
