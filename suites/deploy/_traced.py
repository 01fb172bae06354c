"""An upload as the page's script makes it, with a trace in each request to the frontend."""

import json
import secrets
from typing import Any

from seatrial import Exercise, require
from seatrial.probes.http import HttpAnswer
from suites.client import Clip, Created, Session, remove
from suites.security._browser import Browser

__all__ = ["traceparent", "upload"]


def traceparent(trace: str, caller: str = "") -> dict[str, str]:
    """Return the header of a caller who wants the trace collected: https://www.w3.org/TR/trace-context/#traceparent-header."""
    return {"traceparent": f"00-{trace}-{caller or secrets.token_hex(8)}-01"}


def upload(
    exercise: Exercise, browser: Browser, session: Session, clip: Clip, header: dict[str, str]
) -> tuple[Created, list[HttpAnswer]]:
    """Announce, send and complete; return what was made, and the frontend's two answers."""
    content = clip.content
    announced = {
        "title": exercise.marker,
        "filename": "clip.mp4",
        "content_type": "video/mp4",
        "size_bytes": len(content),
        "sha256": clip.sha256,
    }

    def post(path: str, body: Any, status: int) -> HttpAnswer:
        headers = {"Origin": browser.origin, "Content-Type": "application/json", **header}
        answer = browser.send("POST", path, data=json.dumps(body), headers=headers)
        require(
            answer.status == status,
            f"{status} from the frontend's {path}",
            f"{answer.status} {answer.text[:200]}",
            "frontend",
        )
        return answer

    begun = post("/upload", announced, 201)
    created = Created.from_json(begun.json())
    exercise.cleanup(remove, session, created.asset.id)
    require(created.upload is not None, "where to send the file", begun.text[:200], "api")
    assert created.upload is not None
    session.put(created.upload, content)
    return created, [begun, post(f"/assets/{created.asset.id}/complete", {}, 202)]
