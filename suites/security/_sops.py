"""Judge a file that SOPS is said to have encrypted, without any key: what stands in it in the clear."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

_ENCRYPTED = re.compile(r"ENC\[AES256_GCM,data:[A-Za-z0-9+/=]*,iv:[A-Za-z0-9+/=]+,tag:[A-Za-z0-9+/=]+,type:\w+\]")
# SOPS encrypts comments too, and an old value is often left in one.
_OPEN_COMMENT = re.compile(r"\s*#(?!ENC\[)")
_MASTER_KEYS = ("age", "kms", "gcp_kms", "azure_kv", "hc_vault", "pgp", "key_groups")


def is_sops_file(path: str) -> bool:
    """Tell whether a file of that path is one that SOPS encrypts; `.sops.yaml` is the program's own configuration."""
    name = path.rpartition("/")[2]
    return ".sops." in name and not name.startswith(".sops.")


def problems_of(text: str) -> list[str]:
    """Name what is not encrypted, by its key and never by its value; empty for a file as SOPS leaves it.

    YAML and JSON are read, which is all that SOPS writes here; an empty value is no secret and stays as it is.
    """
    try:
        document = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        return ["is neither YAML nor JSON"]
    if not isinstance(document, dict):
        return ["holds no mapping of names to values"]
    values = list(_leaves({name: value for name, value in document.items() if name != "sops"}))
    problems = [f"{place} is not encrypted" for place, value in values if not _is_encrypted(value)]
    if not values:
        problems.append("holds no value")
    comments = [number for number, line in enumerate(text.splitlines(), 1) if _OPEN_COMMENT.match(line)]
    problems += [f"line {number}: the comment is not encrypted" for number in comments]
    return problems + _metadata_problems(document.get("sops"))


def _leaves(node: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else None
    if children is None:
        yield place, node
        return
    for name, child in children:
        yield from _leaves(child, f"{place}.{name}" if place else str(name))


def _is_encrypted(value: Any) -> bool:
    return value in (None, "") or (isinstance(value, str) and bool(_ENCRYPTED.fullmatch(value)))


def _metadata_problems(metadata: Any) -> list[str]:
    if not isinstance(metadata, dict):
        return ["was never encrypted: it has no sops section"]
    problems = []
    if not any(metadata.get(kind) for kind in _MASTER_KEYS):
        problems.append("names no recipient")
    if not _ENCRYPTED.fullmatch(str(metadata.get("mac", ""))):
        problems.append("has no message authentication code")
    return problems
