"""A run beside the checks in Allure's results: its figures as text, its page as attachment."""

import uuid
from pathlib import Path
from typing import Any

from seatrial.load._run import Flight
from seatrial.load._terminal import line_of
from seatrial.outcome import Outcome
from seatrial.report._files import Folder, json_text, printable

_STATUS = {Outcome.PASSED: "passed", Outcome.FAILED: "failed"}
_NAMESPACE = uuid.UUID("6f6c5d4e-8a51-5a0f-9a53-2f7f0c1f1a4e")


def write_result(folder: Folder, flight: Flight, environment: str, started_ms: int, ended_ms: int, page: Path) -> None:
    """Add one result; that of an earlier run of the same shape in this environment is replaced."""
    name = f"load {flight.result.get('shape', '')}".strip()
    same = str(uuid.uuid5(_NAMESPACE, f"{environment} {name}"))
    folder.put(f"{same}-attachment.html", page.read_text())
    folder.put(f"{same}-attachment.json", json_text(flight.result))
    attachments = [
        {"name": "page of the run", "type": "text/html", "source": f"{same}-attachment.html"},
        {"name": "figures", "type": "application/json", "source": f"{same}-attachment.json"},
    ]
    labels: list[dict[str, Any]] = [
        {"name": "suite", "value": "load"},
        {"name": "parentSuite", "value": "seatrial"},
        {"name": "outcome", "value": str(flight.outcome)},
        {"name": "framework", "value": "seatrial"},
    ]
    folder.put_json(
        f"{same}-result.json",
        {
            "uuid": same,
            "historyId": same,
            "testCaseId": same,
            "name": printable(name),
            "fullName": f"load.{name}",
            "titlePath": ["load"],
            "status": _STATUS.get(flight.outcome, "broken"),
            "statusDetails": {"message": printable("\n".join(flight.reasons))},
            "stage": "finished",
            "description": printable(line_of(flight, environment)),
            "start": started_ms,
            "stop": ended_ms,
            "labels": labels,
            "attachments": attachments,
        },
    )
