"""Each section of a runbook has the parts that somebody on call looks for, in one order; each runbook says who is told."""

import re
from pathlib import Path

import pytest

from tests.runbooks.commands import RUNBOOKS

PARTS = ["Red means", "Look here first", "Mend", "Repeat"]
OF_A_DISASTER = ["Red means", "Look here first", "When it happens for real", "Mend", "Repeat"]
DECIDES = "../dr-plan.md#who-decides"


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_each_section_has_every_part_in_its_order(page: Path) -> None:
    _, *sections = page.read_text().split("\n## ")
    wanted = OF_A_DISASTER if page.stem == "dr" else PARTS
    parts = {
        text.split("\n")[0]: re.findall(r"^\*\*([A-Z][a-z ]+)(?:\*\*| that)", text, re.MULTILINE) for text in sections
    }

    assert sections
    assert {name: found for name, found in parts.items() if found != wanted} == {}


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_each_runbook_says_whom_to_turn_to(page: Path) -> None:
    head = page.read_text().split("\n## ")[0]
    said = [part for part in head.split("\n\n") if part.startswith("**Escalate** ")]

    assert len(said) == 1
    assert DECIDES in said[0]
    plan = (page.parent / DECIDES.partition("#")[0]).read_text()
    decides = plan.split("\n## Who decides\n")[1].split("\n## ")[0]
    for role in ("the incident's lead", "the product's owner"):
        assert role in " ".join(said[0].split())
        assert role in decides
