"""What is signed of a verdict: an in-toto statement with the predicate for results of tests.

https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md. Subjects are the releases under trial. What was run
against them stands in the predicate's `configuration`: files by digest, and an entry `seatrial` whose annotations say the rest.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from seatrial.dsse import Strict, shaped
from seatrial.outcome import Outcome
from seatrial.verdict import Ruling, Verdict

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
HARNESS = "seatrial"
REPORT = "verdict.json"
RELEASE = "release"
"""Algorithm of a subject whose release is an id that its platform made, and no digest that others can compute."""

_SHA256 = "sha256:"
_NAMES = Literal["observe", "exercise", "disrupt", "destroy"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Digest(Strict):
    """What a thing is known by: one of the two."""

    sha256: Sha256 | None = None
    release: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "Digest":
        if (self.sha256 is None) == (self.release is None):
            raise ValueError("a digest is either a sha256 or a release")
        return self

    def __str__(self) -> str:
        return f"{_SHA256}{self.sha256}" if self.sha256 else str(self.release)


class Subject(Strict):
    """One service, or one image, and its release."""

    name: Annotated[str, Field(min_length=1)]
    digest: Digest


class Excuse(Strict):
    """A waiver that was used; `expires` is its last day, in UTC."""

    owner: str
    reason: str
    expires: dt.date


class Trial(Strict):
    """What was run, how far it might go, and what came of it; `armed` is empty where nothing was."""

    version: Annotated[str, Field(min_length=1)]
    environment: Annotated[str, Field(min_length=1)]
    verdict: Ruling
    scope: Annotated[str, Field(min_length=1)]
    level: _NAMES
    armed: _NAMES | Literal[""]
    started: AwareDatetime
    finished: AwareDatetime
    required: list[str]
    outcomes: dict[str, Outcome]
    waivers: dict[str, Excuse]


class Entry(Strict):
    """One part of the configuration: a file by its digest, or the harness with its annotations."""

    name: str
    digest: dict[Literal["sha256"], Sha256] | None = None
    annotations: Trial | None = None


class Predicate(Strict):
    """The result as every reader of the predicate understands it."""

    result: Literal["PASSED", "WARNED", "FAILED"]
    configuration: list[Entry]
    passedTests: list[str]  # noqa: N815 - the format's name, like the next two
    warnedTests: list[str]  # noqa: N815
    failedTests: list[str]  # noqa: N815

    @property
    def trial(self) -> Trial:
        """The annotations of the harness's entry."""
        (trial,) = (entry.annotations for entry in self.configuration if entry.annotations)
        return trial

    @model_validator(mode="after")
    def _tells_one_story(self) -> "Predicate":
        names = [entry.name for entry in self.configuration]
        if len(set(names)) < len(names):
            raise ValueError("two entries of the configuration have one name")
        if [entry.name for entry in self.configuration if entry.annotations] != [HARNESS]:
            raise ValueError(f"the entry {HARNESS}, and no other, has annotations")
        trial = self.trial
        told = (self.result, self.passedTests, self.warnedTests, self.failedTests)
        if told != _weighed(trial.verdict, trial.outcomes, trial.required, trial.waivers):
            raise ValueError("result and lists of tests contradict the outcomes")
        if trial.finished < trial.started:
            raise ValueError("the trial ended before it began")
        return self


class Statement(Strict):
    """A statement about releases, well formed throughout."""

    type: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: Annotated[list[Subject], Field(min_length=1)]
    predicateType: Literal["https://in-toto.io/attestation/test-result/v0.1"]  # noqa: N815 - the format's name
    predicate: Predicate

    @property
    def trial(self) -> Trial:
        """What was run, and what came of it."""
        return self.predicate.trial

    @property
    def releases(self) -> set[str]:
        """The releases that it is about: "sha256:...", or an id."""
        return {str(subject.digest) for subject in self.subject}

    @property
    def files(self) -> dict[str, str]:
        """Name -> sha256 of the files that the verdict rests on, and of its report."""
        return {entry.name: entry.digest["sha256"] for entry in self.predicate.configuration if entry.digest}


def parse(payload: bytes) -> Statement:
    """Read a payload; raises Refused for anything but a whole statement of this kind that does not contradict itself."""
    return shaped(Statement, payload, "statement")


def make(verdict: Verdict, armed: str, report: bytes, waivers: Mapping[str, Mapping[str, str]]) -> bytes:
    """Return the statement of a verdict, JSON of one form.

    Args:
        verdict: its basis holds the releases, at least one.
        armed: the level that was armed, empty without one.
        report: the content of verdict.json.
        waivers: those of the verdict, redacted.
    """
    outcomes = {result.id: result.outcome for result in verdict.results}
    result, passed, warned, failed = _weighed(verdict.ruling, outcomes, verdict.required, waivers)
    finished = dt.datetime.fromisoformat(verdict.started_at) + dt.timedelta(seconds=verdict.duration_s)
    files = {**verdict.basis.files, REPORT: hashlib.sha256(report).hexdigest()}
    trial = {
        "version": verdict.harness,
        "environment": verdict.environment,
        "verdict": str(verdict.ruling),
        "scope": verdict.scope,
        "level": verdict.level,
        "armed": armed,
        "started": verdict.started_at,
        "finished": finished.isoformat(timespec="seconds"),
        "required": list(verdict.required),
        "outcomes": {name: str(outcome) for name, outcome in outcomes.items()},
        "waivers": waivers,
    }
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": _digest(release)} for name, release in verdict.basis.releases.items()],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "result": result,
            "configuration": [
                *({"name": name, "digest": {"sha256": digest}} for name, digest in files.items()),
                {"name": HARNESS, "annotations": trial},
            ],
            "passedTests": passed,
            "warnedTests": warned,
            "failedTests": failed,
        },
    }
    return json.dumps(statement, sort_keys=True).encode()


def _weighed(
    ruling: Ruling, outcomes: Mapping[str, Outcome], required: Collection[str], waived: Collection[str]
) -> tuple[str, list[str], list[str], list[str]]:
    """Return the predicate's result, and the checks that passed, that are to be known of, and that stand in the way.

    What had to pass, did not, and holds no waiver stands in the way, measured or not.
    """
    passed = sorted(name for name, outcome in outcomes.items() if outcome is Outcome.PASSED)
    failed = sorted(set(required) - set(passed) - set(waived))
    seen = {name for name, outcome in outcomes.items() if outcome in (Outcome.FAILED, Outcome.INVALID)}
    warned = sorted((seen | set(waived)) - set(failed) - set(passed))
    if ruling is not Ruling.GO:
        return "FAILED", passed, warned, failed
    return "WARNED" if warned else "PASSED", passed, warned, failed


def _digest(release: str) -> dict[str, str]:
    digest = release.removeprefix(_SHA256)
    return {RELEASE: release} if digest == release else {"sha256": digest}
