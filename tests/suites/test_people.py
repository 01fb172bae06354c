"""People at work during a rotation: what counts as work."""

from suites.security._people import Trip, missing


def trips(*kinds: str) -> list[Trip]:
    return [Trip(kind, 3, "") for kind in kinds]


def test_nobody_at_work_lacks_everything() -> None:
    assert missing([], 4) == "return, watch, upload, 4 more journeys"


def test_one_kind_alone_is_not_enough_however_often() -> None:
    assert missing(trips("return", "return", "watch", "watch"), 4) == "upload"


def test_each_kind_and_enough_of_them_lack_nothing() -> None:
    assert missing(trips("return", "watch", "upload", "return"), 4) == ""


def test_a_failed_journey_is_one_that_was_made() -> None:
    assert missing([*trips("return", "watch"), Trip("upload", 1, "upload: 201, seen 503")], 3) == ""
