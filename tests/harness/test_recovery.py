"""When a stage of a recovery counts as reached."""

import time

from seatrial.drills._drill import _Recovery


def test_a_stage_whose_answer_takes_long_is_reached_when_it_is_here() -> None:
    asked_s: dict[str, float] = {}

    def slow() -> bool:
        asked_s["slow"] = time.monotonic()
        while time.monotonic() < asked_s["slow"] + 0.05:
            pass
        return True

    zero_s = time.monotonic()
    recovery = _Recovery({"slow": slow, "never": lambda: False})

    assert list(recovery.reach(zero_s)) == ["slow"]
    assert round(asked_s["slow"] - zero_s + 0.05, 2) <= recovery.reached["slow"] <= time.monotonic() - zero_s + 0.01
    assert not recovery.whole
