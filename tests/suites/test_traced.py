"""What MON-10 makes of spans: steps that are missing, parents that are not there, ways that do not lead back, and secrets."""

from dataclasses import replace
from typing import Any

import pytest

from seatrial import Failure
from seatrial.traces import Span
from suites.monitoring.test_traces import (
    SENDING,
    STEPS,
    STORING,
    WAY_BACK,
    _does,
    _require_clean,
    _require_step,
    _require_way_back,
    _without_parent,
)

CALLER = "caller"


def step(name: str, parent: str) -> Span:
    services, kind, called = STEPS[name]
    return Span(name, parent, services[0], f"{services[0]}-1", "r1", called, kind, 1, 2, failed=False, attributes={})


WAY = ("completing at the frontend", "asking the API", "completing at the API", SENDING, "working on the job", STORING)
WHOLE = [step(each, above) for each, above in zip(WAY, (CALLER, *WAY), strict=False)]


def test_a_way_that_leads_back_is_one() -> None:
    _require_way_back(WHOLE, CALLER)
    assert list(_without_parent(WHOLE, CALLER)) == []
    for each in WAY:
        _require_step(WHOLE, each)


@pytest.mark.parametrize("missing", WAY)
def test_a_step_that_is_missing_breaks_the_way_and_is_named(missing: str) -> None:
    broken = [each for each in WHOLE if each.id != missing]
    with pytest.raises(Failure, match=missing):
        _require_step(broken, missing)
    with pytest.raises(Failure, match=f"{WAY_BACK[0]}.* on the way back"):
        _require_way_back(broken, CALLER)
    assert [each.parent for each in _without_parent(broken, CALLER)] == [missing] * (missing != STORING)


def test_a_way_from_somebody_else_and_one_in_a_circle_are_none() -> None:
    with pytest.raises(Failure, match="below caller"):
        _require_way_back(WHOLE, "another")
    circle = [replace(WHOLE[0], parent=STORING), *WHOLE[1:]]
    with pytest.raises(Failure, match="on the way back"):
        _require_way_back(circle, CALLER)


def test_the_relay_may_have_sent_the_message() -> None:
    assert _does(replace(step(SENDING, ""), service="worker"), SENDING)
    assert not _does(replace(step(SENDING, ""), service="edge"), SENDING)


class Finder:
    """The secrets that the process holds: one."""

    def find(self, data: bytes) -> list[str]:
        return ["the one"] if b"hush" in data else []


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"url.query": "kid=k1&sig=" + "A" * 43}, "a signed link"),
        ({"db.password": "hush"}, "the one"),
        ({"url.path": "/v/the-asset/preview"}, "the asset's id"),
    ],
)
def test_what_a_user_sent_and_a_secret_are_found_in_a_span(attributes: dict[str, str], said: str) -> None:
    exercise: Any = type("", (), {"secrets": Finder()})
    _require_clean(exercise, WHOLE, {"the asset's id": "the-asset", "nothing": ""})
    with pytest.raises(Failure, match=said):
        _require_clean(exercise, [replace(WHOLE[0], attributes=attributes)], {"the asset's id": "the-asset"})
