"""Schemathesis over a handle's wire: what it sent, what came back, and what it says is wrong."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

PHASES = ("examples", "coverage", "fuzzing", "stateful")
# What counts as not tested when nothing else is answered: the caller never got past the door.
DOORS = frozenset({401, 403, 404, 405})


@dataclass(frozen=True)
class Wrong:
    """One kind of failure of one operation, with the first request that showed it."""

    operation: str
    title: str
    message: str
    request: str


@dataclass
class Fuzzed:
    """What a run brought.

    Attributes:
        statuses: operation -> status -> how often it was answered.
        phases: phase -> how many requests it sent.
        wrong: by operation and title.
        errors: what kept Schemathesis itself from going on.
    """

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    phases: Counter[str] = field(default_factory=Counter)
    wrong: dict[tuple[str, str], Wrong] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def take(self, phase: str, recorder: ScenarioRecorder) -> None:
        """Add what a scenario recorded."""
        for case_id, interaction in recorder.interactions.items():
            operation = recorder.cases[case_id].value.operation.label
            self.phases[phase] += 1
            if interaction.response is not None:
                self.statuses.setdefault(operation, Counter())[interaction.response.status_code] += 1
            for check in recorder.checks.get(case_id, ()):
                if check.failure_info is not None:
                    failure = check.failure_info.failure
                    asked = interaction.request
                    body = (asked.body or b"")[:300]
                    line = f"{asked.method} {asked.uri[:300]} {body!r}"
                    wrong = Wrong(operation, failure.title, failure.message[:600], line)
                    self.wrong.setdefault((operation, failure.title), wrong)


def fuzz(schema: Any) -> Fuzzed:
    """Run every phase; an interrupt, which Schemathesis would take for the end of a phase, goes on to the caller."""
    fuzzed = Fuzzed()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            fuzzed.take(str(event.phase.value), event.recorder)
        elif isinstance(event, events.NonFatalError):
            fuzzed.errors.append(f"{event.label}: {event.info.title}: {event.value}"[:600])
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.Interrupted):
            raise KeyboardInterrupt
    return fuzzed


def load(document: Mapping[str, Any], *, base_url: str, seed: int, examples: int, steps: int) -> Any:
    """Give Schemathesis the document and how much to try; it keeps nothing on disk and signs up to nothing."""
    config = SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "base-url": base_url,
            "workers": 1,
            "auth": {"auto-signup": False},
            "cache": {"enabled": False},
            "generation": {"max-examples": examples, "no-shrink": True, "database": "none"},
            "phases": {
                "examples": {"enabled": True, "fill-missing": True},
                "coverage": {"enabled": True, "unexpected-methods": ["trace"]},
                "fuzzing": {"enabled": True},
                "stateful": {"enabled": True, "max-steps": steps},
            },
            "suppress-health-check": ["all"],
        }
    )
    return schemathesis.openapi.from_dict(dict(document), config=config)
