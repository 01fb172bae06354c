"""What counts as turning a request away."""

from seatrial import Invalid, require
from seatrial.probes.http import HttpAnswer


def require_refused(answer: HttpAnswer, what: str, where: str | None = None) -> None:
    """Demand a 4xx, or a connection that was closed in the place of an answer; without either nothing was seen: Invalid."""
    if answer.status is None and not answer.closed:
        raise Invalid(f"{what}: {answer}")
    refused = answer.closed or 400 <= (answer.status or 0) < 500
    require(refused, what, f"{answer.status} {answer.text[:100]}", where)
