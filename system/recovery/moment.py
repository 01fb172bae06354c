"""Moments as people and programs write them."""

import datetime as dt


def read_moment(text: str) -> dt.datetime:
    """Read a moment with its distance from UTC; raises ValueError, whose text says how one is written."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"expected a moment such as 2026-01-31T13:04:00+00:00, got {text!r}")
    return moment
