"""The ledger counts rightly, and clients' outages are read from calls on schedule."""

import time

import pytest

from seatrial import Failure
from seatrial.drills import Ledger, Outage, outage, require_whole
from seatrial.traffic import Shot


def test_the_ledger_tells_lost_recovered_unexpected_and_doubled() -> None:
    ledger = Ledger()
    for name in ("kept", "lost", "twice"):
        ledger.acknowledge(ledger.ask(name))
    ledger.ask("unanswered")

    audit = ledger.audit(("kept", "twice", "twice", "unanswered", "foreign"))

    assert audit.acknowledged == 3
    assert audit.lost == ("lost",)
    assert audit.recovered == ("unanswered",)
    assert audit.unexpected == ("foreign",)
    assert audit.duplicated == ("twice",)
    with pytest.raises(Failure, match="lost"):
        require_whole(audit, at_least=3)


def test_what_was_lost_is_dated_by_the_strike() -> None:
    ledger = Ledger()
    ledger.acknowledge(ledger.ask("lost"))

    assert ledger.audit([], struck_s=time.monotonic() + 10).rpo_s == pytest.approx(10, abs=1)
    assert ledger.audit([], struck_s=time.monotonic() - 10).rpo_s == 0
    assert ledger.audit(["lost"], struck_s=time.monotonic() + 10).rpo_s == 0


def test_an_audit_of_too_few_writes_proves_nothing() -> None:
    ledger = Ledger()
    ledger.acknowledge(ledger.ask("kept"))

    require_whole(ledger.audit(["kept"]), at_least=1)
    with pytest.raises(Failure, match="at least 2"):
        require_whole(ledger.audit(["kept"]), at_least=2)


@pytest.mark.parametrize(
    ("calls", "seen"),
    [
        ([(0, 1, True), (1, 2, True)], Outage(2, 0, None, None)),
        ([(0, 1, True), (11, 12, False), (12, 15, True), (13, 14, True)], Outage(4, 1, 1, 4)),
        ([(9, 12, False), (11, 12, True), (12, 13, False), (13, 13.5, True)], Outage(4, 2, -1, 3.5)),
        ([(11, 12, True), (12, 13, False)], Outage(2, 1, 2, None)),
    ],
)
def test_an_outage_ends_with_the_first_answer_after_the_last_failure(
    calls: list[tuple[float, float, bool]], seen: Outage
) -> None:
    shots = [Shot(due, due, ended, good) for due, ended, good in calls]

    assert outage(shots, lambda good: good, struck_s=10) == seen
