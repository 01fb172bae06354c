"""A bucket's lifecycle rules: what they take, and how early."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any


def early(rules: Iterable[Mapping[str, Any]], prefix: str, least: timedelta) -> list[str]:
    """Name the rules in force that may take anything under a prefix before it is so old, and when they do.

    A rule for some of the keys, tags or sizes takes those; one with a date takes what is there then, of whatever age.
    """
    found = []
    for rule in rules:
        limit, taken = rule.get("Filter", {}), rule.get("Expiration", {})
        about = limit.get("And", limit).get("Prefix", rule.get("Prefix", ""))
        if rule.get("Status") != "Enabled" or not (about.startswith(prefix) or prefix.startswith(about)):
            continue
        if "Date" in taken:
            found.append(f"{rule.get('ID')}: on {taken['Date']}")
        elif "Days" in taken and timedelta(days=taken["Days"]) < least:
            found.append(f"{rule.get('ID')}: after {taken['Days']} days")
    return found
