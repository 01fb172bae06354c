"""Compare entity tags by RFC 9110, section 8.8.3."""

import re

__all__ = ["tag_matches"]

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def tag_matches(listed: str, etag: str, *, weak: bool) -> bool:
    """Say whether a list of tags, or `*`, names the strong, quoted `etag`; `weak` lets weak forms of it count."""
    if listed.strip() == "*":
        return True
    return any(
        found[1] == etag and (weak or not found[0].startswith("W/"))
        for found in (_TAG.fullmatch(item.strip()) for item in listed.split(","))
        if found
    )
