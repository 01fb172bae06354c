"""Metrics as a service exposes them, and what is wrong with their names, labels and number.

The rules are Prometheus' own: https://prometheus.io/docs/practices/naming/ and what `promtool check metrics` lints.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from seatrial import Failure

SERIES_LIMIT = 200
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TYPES = frozenset({"counter", "gauge", "histogram", "summary", "info", "stateset"})
# Units that are no base units; base units are seconds, bytes, ratios.
_UNIT = re.compile(
    r"(?:^|_)(ns|us|ms|nanoseconds|microseconds|milliseconds|minutes|hours|days|bits|kb|mb|gb|kilobytes|megabytes|gigabytes"
    r"|percent)(?:_|$)"
)
_RESERVED = ("_count", "_sum", "_bucket")
_OWN_LABELS = {"histogram": {"le"}, "summary": {"quantile"}}
_COUNTER = re.compile(r"^# TYPE (\S+) counter$", re.MULTILINE)
_LEGACY = "_created"  # what older clients add to every counter and histogram, as a gauge
_IDS = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}"  # a UUID's beginning
    r"|(?=[0-9a-f]*[0-9])[0-9a-f]{12,}"  # long hexadecimal
    r"|[^@/\s]+@[^@/\s]+"  # an e-mail address
    r"|\d{5,}"  # a number that counts something
    r"|[?&]",  # a query
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Series:
    """One sample: its full name, its labels, its value."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Family:
    """All samples under one name; `declared` is the name on its TYPE line, which a counter has with _total."""

    name: str
    declared: str
    kind: str
    help: str
    series: tuple[Series, ...]


def parse(text: str, where: str) -> dict[str, Family]:
    """Read an exposition; raises Failure naming the service when it is malformed."""
    # The parser completes a counter's name where it lacks _total, so the text itself is asked.
    bare = {name for name in _COUNTER.findall(text) if not name.endswith("_total")}
    try:
        found = [
            Family(
                family.name,
                family.name if family.name in bare or family.type != "counter" else f"{family.name}_total",
                family.type,
                family.documentation,
                tuple(Series(sample.name, dict(sample.labels), float(sample.value)) for sample in family.samples),
            )
            for family in text_string_to_metric_families(text)
        ]
    except ValueError as error:
        raise Failure("metrics in Prometheus' text format", str(error), where) from None
    return {family.name: family for family in found}


def total(exposed: Iterable[Mapping[str, Family]], name: str, **labels: str) -> float:
    """Add up every series of that full name with those labels, over several instances."""
    return sum(
        series.value
        for families in exposed
        for family in families.values()
        for series in family.series
        if series.name == name and labels.items() <= series.labels.items()
    )


def unconventional(families: Mapping[str, Family]) -> list[str]:
    """Return what is wrong with names, types, help texts and labels."""
    return [
        offence
        for family in families.values()
        if not family.name.endswith(_LEGACY)
        for offence in (*_of_name(family), *_of_labels(family))
    ]


def _of_name(family: Family) -> list[str]:
    name, found = family.name, []
    if not _NAME.fullmatch(name):
        found.append(f"{name}: not in lower case with underscores")
    if family.kind not in _TYPES:
        found.append(f"{name}: has no type")
    if not family.help.strip():
        found.append(f"{name}: has no help text")
    if family.kind == "counter" and not family.declared.endswith("_total"):
        found.append(f"{name}: a counter that does not end in _total")
    if family.kind != "counter" and name.endswith("_total"):
        found.append(f"{name}: ends in _total and is a {family.kind}")
    if name.endswith(_RESERVED):
        found.append(f"{name}: ends like a part of a histogram")
    if unit := _UNIT.search(name):
        found.append(f"{name}: {unit[1]} is no base unit")
    return found


def _of_labels(family: Family) -> list[str]:
    names = {label for series in family.series for label in series.labels}
    own = _OWN_LABELS.get(family.kind, set())
    return [
        f"{family.name}: label {label}"
        for label in sorted(names - own)
        if not _NAME.fullmatch(label) or label in {"le", "quantile", "job"}
    ]


def unbounded(families: Mapping[str, Family], own: Iterable[str]) -> list[str]:
    """Return the families whose labels take values from requests: one of `own`, an id, or too many.

    What tells about the process itself (an info metric) may hold ids, since each process has one.
    """
    found, marks = [], tuple(own)
    for family in families.values():
        if family.kind == "info" or family.name.endswith("_info"):
            continue
        values = {(name, value) for series in family.series for name, value in series.labels.items() if name != "le"}
        for name, value in sorted(values):
            if any(mark in value for mark in marks) or _IDS.search(value):
                found.append(f"{family.name}: label {name} holds {value!r}")
        sets = {tuple(sorted((k, v) for k, v in s.labels.items() if k != "le")) for s in family.series}
        if len(sets) > SERIES_LIMIT:
            found.append(f"{family.name}: {len(sets)} series, more than {SERIES_LIMIT}")
    return found
