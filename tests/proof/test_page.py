"""docs/proof.md says what it was made from and what was not asked."""

import pytest

from seatrial.inventory import Listed
from seatrial.proof import Knowledge, Record
from seatrial.proof.page import Registry, page
from tests.proof.conftest import CHECKS, trial
from tests.proof.test_known import FAULTS, fault

REGISTRY = Registry(
    [Listed(check, "title", "", "monitor" if check.suite == "sec" else "port") for check in CHECKS],
    {**FAULTS, "unasked": fault("unasked"), "new": fault("new")},
)


@pytest.fixture
def text(record: Record) -> str:
    return page(record, REGISTRY, Knowledge.of(record))


def test_it_names_its_run_and_what_has_changed_since(text: str) -> None:
    assert "release `r1`, tree `t1`, from 2026-11-01T10:00:00+00:00 to 2026-11-01T11:00:00+00:00" in text
    assert (
        "3 of the 5 faults that there were then have been asked, 3 of them on this very tree, 1 have no meaning in"
        in text
    )
    assert "earlier trees" not in text
    assert "Faults that came since then: 1; that went: 1." in text


def test_what_is_carried_over_from_earlier_trees_is_counted_apart(record: Record) -> None:
    record.tree = "t2"
    record.add(trial("slow"))

    text = page(record, REGISTRY, Knowledge.of(record))

    assert "3 of the 5 faults that there were then have been asked, 1 of them on this very tree" in text
    assert "asked last on earlier trees (`t1`: 2)" in text
    assert "| caught for the stated reason, of the faults in effect | 2 of 3," in text
    assert "| of those asked on this very tree | 1 of 1," in text


def test_it_tells_rates_and_what_was_not_asked(text: str) -> None:
    assert "| caught for the stated reason, of the faults in effect | 1 of 2, 50.0%" in text
    assert "| missed | `silent`: was PASSED |" in text
    assert "| applicable and not asked | 1 |" in text
    assert "Faults that this run has not asked, whatever the reason: 2</summary>\n\nnew, unasked." in text
    assert "Not asked: INF-TC-04." in text
    assert "Asked, and turned red by no fault: INF-TC-02, INF-TC-03." in text


def test_the_table_shows_caught_of_known_and_leaves_holes_empty(text: str) -> None:
    rows = [line for line in text.splitlines() if line.startswith(("| port |", "| monitor |"))]

    assert rows == [
        "| monitor |  |  |  |  |  |  |  |  |  |",
        "| port |  |  |  |  |  |  |  | 1 of 5 |  |",
    ]


def test_blockers_of_one_kind_are_named(text: str) -> None:
    assert REGISTRY.of_one_kind() == [check.id for check in CHECKS]
    assert "all of one kind (`faults/one_kind.toml` says why): INF-TC-01, INF-TC-02" in text


def test_a_run_without_checks_beside_says_that_it_does_not_know(record: Record) -> None:
    record.beside = {}

    assert "what else turns red is not known" in page(record, REGISTRY, Knowledge.of(record))


def test_the_page_stays_the_same_for_the_same_record(record: Record, text: str) -> None:
    assert page(record, REGISTRY, Knowledge.of(record)) == text
