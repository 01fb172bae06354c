"""OpenTofu's files as data: resources and variables' defaults, with references looked up; nothing is planned."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2
from hcl2 import SerializationOptions
from lark.exceptions import LarkError

from seatrial import Failure

__all__ = ["HAVE_ENCODER", "Tofu", "read"]

# Sizes of GPU droplets whose GPU has an NVENC; H100 and H200 have none, and MI300X is another vendor's without one.
# Source: NVIDIA, Video Encode and Decode GPU Support Matrix.
HAVE_ENCODER = ("gpu-4000adax1-20gb", "gpu-6000adax1-48gb", "gpu-l40sx1-48gb")
_WHOLE = re.compile(r"^\$\{(.*)\}$", re.DOTALL)
_INSIDE = re.compile(r"\$\{([^{}]*)\}")
_VARIABLE = re.compile(r"\bvar\.(\w+)")
_RESOURCE = re.compile(r"\b(digitalocean_\w+)\.(\w+)")


@dataclass(frozen=True)
class Tofu:
    """What a folder declares; `resources` by type and name, `variables` with their defaults, None where there is none."""

    resources: dict[str, dict[str, dict[str, Any]]]
    variables: dict[str, Any]
    text: str

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the resources of one type."""
        return self.resources.get(kind, {})

    def value(self, given: Any) -> Any:
        """Look up references to variables and to attributes of other resources; what is not known stays as it is."""
        if isinstance(given, list):
            return [self.value(each) for each in given]
        if not isinstance(given, str):
            return given
        if (whole := _WHOLE.match(given)) and _INSIDE.fullmatch(given):
            return self._lookup(whole[1], given)
        return _INSIDE.sub(lambda found: str(self._lookup(found[1], found[0])), given)

    def _lookup(self, expression: str, otherwise: str) -> Any:
        scope, *path = expression.strip().split(".")
        if scope == "var" and len(path) == 1 and self.variables.get(path[0]) is not None:
            return self.value(self.variables[path[0]])
        if len(path) == 2 and path[1] in self.of(scope).get(path[0], {}):
            return self.value(self.of(scope)[path[0]][path[1]])
        return otherwise

    def dangling(self) -> Iterator[str]:
        """Name what is referred to and declared nowhere."""
        yield from (
            f"there is no variable {name}" for name in sorted(set(_VARIABLE.findall(self.text)) - self.variables.keys())
        )
        for kind, name in sorted(set(_RESOURCE.findall(self.text))):
            if name not in self.of(kind):
                yield f"there is no {kind}.{name}"


def read(folder: Path) -> Tofu:
    """Read a folder's .tf files; raises Failure where one is no HCL or something is declared twice."""
    texts = {file.name: file.read_text() for file in sorted(folder.glob("*.tf"))}
    if not texts:
        raise Failure("OpenTofu files", "none", str(folder))
    resources: dict[str, dict[str, dict[str, Any]]] = {}
    variables: dict[str, Any] = {}
    options = SerializationOptions(strip_string_quotes=True, explicit_blocks=False, with_comments=False)
    for name, text in texts.items():
        try:
            data = hcl2.load(io.StringIO(text), serialization_options=options)
        except LarkError as error:
            raise Failure("HCL", str(error).splitlines()[0], name) from None
        for block in data.get("resource", []):
            for kind, by_name in block.items():
                for label, body in by_name.items():
                    if label in resources.setdefault(kind, {}):
                        raise Failure(f"one {kind}.{label}", "two", name)
                    resources[kind][label] = body
        for block in data.get("variable", []):
            variables |= {label: body.get("default") for label, body in block.items()}
    return Tofu(resources, variables, "\n".join(texts.values()))
