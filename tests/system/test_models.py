"""Requests are read as their JSON schemas say, and not more strictly or more kindly."""

import json

import pytest
from pydantic import ValidationError

from system.api.models import NewAsset

ANNOUNCED = {"title": "one", "filename": "one.mp4", "content_type": "video/mp4", "sha256": "0" * 64}


def _size(value: object) -> int:
    return NewAsset.model_validate_json(json.dumps({**ANNOUNCED, "size_bytes": value})).size_bytes


@pytest.mark.parametrize("value", [240, 240.0])
def test_a_number_without_a_fraction_is_an_integer_however_it_is_written(value: object) -> None:
    assert _size(value) == 240


@pytest.mark.parametrize("value", [240.5, "240", True, -1, -1.0, 1e300, None])
def test_what_is_no_integer_to_json_schema_is_none_to_the_api(value: object) -> None:
    with pytest.raises(ValidationError):
        _size(value)


def test_the_bounds_of_integers_stand_in_the_schema() -> None:
    size = NewAsset.model_json_schema()["properties"]["size_bytes"]

    assert (size["type"], size["minimum"], size["maximum"]) == ("integer", 0, 5 * 1024**3)
