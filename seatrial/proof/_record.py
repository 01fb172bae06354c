"""What `seatrial prove` has measured by now: prove.json, whole after every trial, each of which says on which tree it was made."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seatrial.errors import UsageError
from seatrial.proof._trial import Proven, worst_of_each
from seatrial.report._files import Folder, json_text
from seatrial.secrecy.redaction import Redactor

NAME = "prove.json"
# Folders of a tree on which no outcome rests: what is written for people, what is generated, and the project's own tests.
_APART = frozenset({"benchmarks", "docs", "examples", "node_modules", "reports", "tests"})


@dataclass
class Record:
    """The trials of one environment: those of this release and tree, and those of earlier ones for faults not asked on it yet.

    Attributes:
        release: what the platform called current before the first strike.
        tree: `digest` of what the outcomes rest on, of this run.
        started_at, ended_at: ISO 8601, of the first and the last trial of all that are kept.
        known: id -> title of all faults that there were, asked or not.
        elsewhere: lines about those that the profile makes pointless.
        beside: check id -> seconds on the healthy environment, of the checks that are asked under every fault.
        unasked: check id -> why it is not among them.
    """

    environment: str
    release: str
    tree: str
    started_at: str
    ended_at: str = ""
    known: dict[str, str] = field(default_factory=dict)
    elsewhere: list[str] = field(default_factory=list)
    beside: dict[str, float] = field(default_factory=dict)
    unasked: dict[str, str] = field(default_factory=dict)
    trials: list[Proven] = field(default_factory=list)

    def add(self, proven: Proven) -> None:
        """Add a trial of this tree; what earlier ones have said of its fault is over."""
        kept = [trial for trial in self.trials if trial.fault != proven.fault or trial.tree == self.tree]
        self.trials = [*kept, replace(proven, tree=self.tree)]

    @property
    def own(self) -> list[Proven]:
        """The trials of this tree."""
        return [trial for trial in self.trials if trial.tree == self.tree]

    @property
    def earlier(self) -> Counter[str]:
        """Earlier tree -> how many faults were asked on it last."""
        return Counter(tree for tree, _ in {(trial.tree, trial.fault) for trial in self.trials} if tree != self.tree)

    def times(self) -> Counter[str]:
        """Return how often each fault has been tried on this tree."""
        return Counter(trial.fault for trial in self.own)

    def save(self, out: Path, redactor: Redactor) -> Path:
        """Write the record below `out`, whole or not at all, and return its path.

        What lies below the working directory is told by its path from there: the record is published, and joined to those of others.
        """
        return Folder(out, redactor).put(NAME, json_text(self.to_json()).replace(f"{Path.cwd()}/", ""))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; `from_json` is the inverse."""
        return {**vars(self), "trials": [trial.to_json() for trial in self.trials]}

    @classmethod
    def from_json(cls, data: Any, source: str) -> "Record":
        """Rebuild a record; raises UsageError, naming the source, for anything that is none."""
        try:
            record = cls(**{**data, "trials": [Proven.from_json(trial) for trial in data["trials"]]})
            strange = {trial.fault for trial in record.trials} - record.known.keys()
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{source}: not a record of seatrial prove: {error}") from None
        if strange:
            raise UsageError(f"{source}: a trial of {min(strange)}, which is none of its known faults")
        return record

    def differs(self, other: "Record") -> str:
        """Say what the other is of and this is not, "release a, not b"; nothing where both measured the same."""
        for name in ("environment", "release", "tree"):
            theirs, ours = getattr(other, name), getattr(self, name)
            if theirs != ours:
                return f"{name} {theirs}, not {ours}"
        return ""

    def continues(self, earlier: "Record") -> None:
        """Take over the trials of an earlier record of this environment, else UsageError.

        What is asked beside is taken over from the same tree alone: another one's checks may take longer.
        """
        difference = self.differs(earlier)
        if earlier.environment != self.environment or (difference and earlier.tree == self.tree):
            raise UsageError(f"nothing to resume: {NAME} is of {difference}; leave out --resume to begin anew")
        self.started_at, self.ended_at = earlier.started_at, earlier.ended_at
        self.trials = [trial for trial in earlier.trials if trial.fault in self.known]
        if not difference:
            self.beside, self.unasked = earlier.beside, earlier.unasked


def last(out: Path) -> Record | None:
    """Return the record below `out`, None where there is none; UsageError for anything else."""
    try:
        return read(out / NAME)
    except FileNotFoundError:
        return None


def read(file: Path) -> Record:
    """Return the record in a file, which may be docs/proof.json; FileNotFoundError without one, UsageError for anything else."""
    try:
        data = json.loads(file.read_text())
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from None
    return Record.from_json(data["record"] if isinstance(data, dict) and "record" in data else data, str(file))


def joined(records: Mapping[Path, Record]) -> Record:
    """Return one record of several, made side by side: all of one environment, release and tree, else UsageError.

    Each run has chosen for itself what it asks beside; what any has chosen counts as chosen.
    """
    (first, whole), *others = records.items()
    for file, other in others:
        if difference := whole.differs(other):
            raise UsageError(f"{file} is of {difference} as {first}: they are no parts of one proof")
    every = sorted(records.values(), key=lambda record: record.started_at)
    beside = {name: took for record in every for name, took in record.beside.items()}
    unasked = {name: why for record in every for name, why in record.unasked.items() if name not in beside}
    return replace(
        whole,
        started_at=every[0].started_at,
        ended_at=max(record.ended_at for record in every),
        beside=beside,
        unasked=unasked,
        trials=_latest([trial for record in every for trial in record.trials], whole.tree),
    )


def _latest(trials: list[Proven], tree: str) -> list[Proven]:
    """Return the trials of a tree, and one of each fault that it has not asked."""
    own = [trial for trial in trials if trial.tree == tree]
    asked = {trial.fault for trial in own}
    return [*own, *worst_of_each([trial for trial in trials if trial.fault not in asked]).values()]


def digest(tree: Path, *others: Path, state: Path | None = None) -> str:
    """Return twelve hex digits that change with any file on which an outcome may rest.

    These are the tree's lock files, the files below its folders and those of the others; left out are hidden ones, compiled
    ones, the folders in `_APART`, and the environment's state.
    """
    top = sorted(tree.iterdir()) if tree.is_dir() else []
    roots = [each for each in top if each.is_dir() and each.name not in _APART and not each.name.startswith(".")]
    roots += [each for each in top if each.suffix == ".lock" or each.name == "package-lock.json"]
    files = {file.resolve() for root in (*roots, *others) for file in _files(root)}
    files = {file for file in files if state is None or not file.is_relative_to(state.resolve())}
    whole = hashlib.sha256()
    for file in sorted(files):
        name = file.relative_to(tree.resolve()) if file.is_relative_to(tree.resolve()) else Path(file.name)
        whole.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()[:12]


def _files(root: Path) -> Iterable[Path]:
    if root.is_file():
        return [root]
    return [
        file
        for file in root.rglob("*")
        if file.is_file() and not any(part.startswith((".", "__pycache__")) for part in file.relative_to(root).parts)
    ]
