import datetime as dt
import gzip
import io
import tarfile
from math import inf
from typing import Any

import pytest

from faults._backups import cut_before, flipped, of_cluster
from seatrial.errors import HarnessError
from suites.dr._callers import HARMED, LAST, harm
from suites.dr._restored import Known, differences
from suites.infra._versions import soonest

KNOWN = Known(
    dt.datetime(2026, 5, 10, tzinfo=dt.UTC),
    {"public.assets": ["id", "title"]},
    {"public.assets": 2},
    {"public.assets id": "a", "public.assets title": "b"},
)
PAGE_BYTES = 8192


def test_a_server_that_holds_the_same_differs_in_nothing() -> None:
    assert differences(KNOWN, dict(KNOWN.counts), dict(KNOWN.digests)) == []


@pytest.mark.parametrize(
    ("counts", "digests", "said"),
    [
        ({}, KNOWN.digests, ["public.assets: no such table rows, not 2"]),
        ({"public.assets": 1}, KNOWN.digests, ["public.assets: 1 rows, not 2"]),
        (KNOWN.counts, {**KNOWN.digests, "public.assets title": "c"}, ["public.assets title: other values"]),
        (KNOWN.counts, {"public.assets id": "a"}, ["public.assets title: other values"]),
        (KNOWN.counts, {**KNOWN.digests, "public.assets new": "n"}, ["public.assets new: other values"]),
    ],
)
def test_every_difference_is_named(counts: dict[str, int], digests: dict[str, str], said: list[str]) -> None:
    assert differences(KNOWN, counts, digests) == said


@pytest.mark.parametrize(
    ("rules", "days"),
    [
        ([], inf),
        ([{"Status": "Enabled", "Expiration": {"Days": 1}}], inf),
        ([{"Status": "Disabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 1}}], inf),
        ([{"Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": days}} for days in (7, 3)], 3),
    ],
)
def test_the_soonest_rule_in_force_says_how_long_versions_are_kept(rules: list[dict[str, Any]], days: float) -> None:
    assert soonest(rules) == days


def archive() -> bytes:
    """Two files: three pages of a table, and a control file."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as files:
        for name, body in (("base/5/2617", bytes(3 * PAGE_BYTES)), ("global/pg_control", b"control")):
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            files.addfile(entry, io.BytesIO(body))
    return whole.getvalue()


def unpacked(body: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(body), mode="r|") as files:
        return {each.name: files.extractfile(each).read() for each in files}  # type: ignore[union-attr]


def test_an_archive_that_is_cut_between_two_files_unpacks_without_an_error() -> None:
    assert list(unpacked(cut_before(archive(), "global/pg_control"))) == ["base/5/2617"]


def test_one_bit_of_one_page_is_flipped_and_nothing_else() -> None:
    spoilt = unpacked(flipped(archive(), "base/5/2617", 1))["base/5/2617"]
    assert [place for place, byte in enumerate(spoilt) if byte] == [2 * PAGE_BYTES - 1]


def test_a_page_that_is_not_there_is_not_flipped() -> None:
    with pytest.raises(HarnessError, match="has no page 3"):
        flipped(archive(), "base/5/2617", 3)


def test_a_segment_of_another_cluster_differs_in_its_identifier_alone() -> None:
    segment = bytes(range(64))
    spoilt = gzip.decompress(of_cluster(gzip.compress(segment), 7))
    assert (spoilt[:24], spoilt[24:32], spoilt[32:]) == (segment[:24], (7).to_bytes(8, "little"), segment[32:])


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([], ""),
        (["page: 503"] * (HARMED - 1), ""),
        (["page: 503"] * HARMED, f"{HARMED} of the last {LAST} calls of others failed: page: 503"),
        (["list: 500"] * LAST + [""] * (LAST - HARMED + 1), ""),
    ],
    ids=["none yet", "too few", "half of the last", "over again"],
)
def test_a_drill_is_broken_off_when_half_of_the_last_calls_of_others_failed(answers: list[str], said: str) -> None:
    assert harm(answers) == said
