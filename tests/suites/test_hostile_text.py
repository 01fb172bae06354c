import re

import pytest

from suites.security._hostile_text import MARK, Effect, Text, careless_page, data, html, refused

BYSTANDER = "0b5e5a6e-0000-4000-8000-000000000000"
NAME = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


def test_no_text_is_there_twice() -> None:
    names = [each.name for each in (*html(), *data(BYSTANDER))]

    assert len(names) == len(set(names)) > 30


def test_stored_texts_are_names_that_the_contract_allows() -> None:
    assert [each.name for each in (*html(), *data(BYSTANDER)) if not NAME.fullmatch(each.text)] == []


def test_refused_texts_are_none() -> None:
    assert [each.name for each in refused() if NAME.fullmatch(each.text) and each.text.isprintable()] == []


def test_every_element_of_a_text_can_be_found_and_every_script_names_itself() -> None:
    assert [each.name for each in html() if MARK not in each.text] == []
    assert [each.name for each in html() if each.effect is Effect.RUNS and f"`{each.name}`" not in each.text] == []


def test_sql_that_changes_something_names_one_asset_alone() -> None:
    changing = [each.text for each in data(BYSTANDER) if re.search(r"\b(update|delete|drop|insert|alter)\b", each.text)]

    assert [f"where id = '{BYSTANDER}'" in each for each in changing] == [True]


@pytest.mark.parametrize("text", [*html()], ids=lambda each: each.name)
def test_a_careless_page_holds_a_text_as_it_is(text: Text) -> None:
    assert careless_page(text.text).count(text.text) == 5
