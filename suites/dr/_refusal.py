"""What a refusal must be like, so that whoever is refused knows that the fault is not theirs and when to come back."""

from seatrial.probes.http import HttpAnswer

REFUSALS = frozenset({502, 503, 504})
PROBLEM = "application/problem+json"


def unclear(answer: HttpAnswer) -> str:
    """Say what an answer lacks to be a clear refusal for want of something behind; nothing when it is one."""
    if answer.status not in REFUSALS:
        return answer.error or f"{answer.status} {answer.text[:100]}"
    kind, after = answer.headers.get("content-type", ""), answer.headers.get("retry-after", "")
    if kind.partition(";")[0] != PROBLEM:
        return f"{answer.status} as {kind or 'nothing'}"
    return "" if after.isdigit() else f"{answer.status} with Retry-After {after or 'missing'}"
