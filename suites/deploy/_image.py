"""What an image says about what it runs, from its Dockerfile."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from suites.security._dockerfile import Instruction, Stage

__all__ = ["Image", "of"]

_ASKED = re.compile(r"http://127\.0\.0\.1:(\d+)(/[\w/-]*)")


@dataclass(frozen=True)
class Image:
    """A target: the variables it gives, the port and path that its health is asked at, the ports it exposes, its command."""

    variables: dict[str, str]
    port: int
    health_path: str
    exposed: tuple[str, ...]
    command: str

    def problems(self, service: str) -> Iterator[str]:
        """Name what disagrees within the image, or with the service it is for."""
        if not self.health_path:
            yield "no HEALTHCHECK asks it over HTTP"
        if self.variables.get("LISTEN_PORT") != str(self.port):
            yield f"LISTEN_PORT is {self.variables.get('LISTEN_PORT')}, and its health is asked at {self.port}"
        if self.exposed != (str(self.port),):
            yield f"it exposes {', '.join(self.exposed) or 'nothing'} and its health is asked at {self.port}"
        if f'"system.{service}"' not in self.command:
            yield f"its command is {self.command or 'none'}"


def of(stages: list[Stage], target: str) -> Image:
    """Read a target, with all that it inherits."""
    by_name = {stage.name: stage for stage in stages}
    given: list[Instruction] = []
    name = target
    while name in by_name:
        given = [*by_name[name].instructions, *given]
        name = by_name[name].base
    variables: dict[str, str] = {}
    for each in given:
        if each.name == "ENV":
            variables |= dict(word.split("=", 1) for word in each.words if "=" in word)
    health = next(
        (found for each in reversed(given) if each.name == "HEALTHCHECK" and (found := asked(each.value))), (0, "")
    )
    return Image(
        variables,
        *health,
        exposed=tuple(word for each in given if each.name == "EXPOSE" for word in each.words),
        command=next((each.value for each in reversed(given) if each.name == "CMD"), ""),
    )


def asked(command: str) -> tuple[int, str] | None:
    """Return the port and path that a health check's command asks on its own host."""
    found = _ASKED.search(command)
    return (int(found[1]), found[2]) if found else None
