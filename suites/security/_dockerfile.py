"""What a Dockerfile makes: its stages, the user each ends with, and what would stand in the layers."""

import io
import itertools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from dockerfile_parse import DockerfileParser

from seatrial import Failure
from suites.security._secret_shapes import is_secret_file, is_secret_name, secrets_in

_PINNED = re.compile(r"^[^\s$]+@sha256:[0-9a-f]{64}$")
_REMOTE = re.compile(r"^(https?|ftp|git|ssh)://|^git@")


@dataclass(frozen=True)
class Instruction:
    """One instruction; `line` counts from 1."""

    name: str
    value: str
    line: int

    @property
    def words(self) -> list[str]:
        """The value's words, flags included; quotes removed."""
        return shlex.split(self.value)

    def flag(self, name: str) -> str | None:
        """Return a flag's value ("--from"), None without it."""
        flags = itertools.takewhile(lambda word: word.startswith("--"), self.value.split())
        return next((word.partition("=")[2] for word in flags if word.startswith(f"{name}=")), None)


@dataclass
class Stage:
    """One FROM and what follows; `name` is its number where it has none."""

    name: str
    base: str
    line: int
    instructions: list[Instruction] = field(default_factory=list)


def stages_of(text: str) -> list[Stage]:
    """Read a Dockerfile's stages, in order; raises Failure where the text is none."""
    stages: list[Stage] = []
    for row in DockerfileParser(fileobj=io.BytesIO(text.encode())).structure:
        instruction = Instruction(row["instruction"], row["value"], row["startline"] + 1)
        if instruction.name == "FROM":
            words = [word for word in instruction.words if not word.startswith("--")]
            name = words[2] if len(words) == 3 and words[1].lower() == "as" else str(len(stages))
            stages.append(Stage(name, words[0], instruction.line))
        elif instruction.name != "COMMENT" and stages:
            stages[-1].instructions.append(instruction)
    if not stages:
        raise Failure("a Dockerfile", "no FROM instruction")
    return stages


def targets_of(stages: list[Stage]) -> list[Stage]:
    """Return the stages that are images of their own: those that no other stage is made from or copies from."""
    used = {stage.base for stage in stages}
    used |= {source for stage in stages for each in stage.instructions if (source := each.flag("--from"))}
    return [stage for stage in stages if stage.name not in used]


def unpinned(stages: list[Stage]) -> Iterator[str]:
    """Name each foreign image that a tag alone, or a variable, decides about."""
    own = {stage.name for stage in stages} | {"scratch"}
    for stage in stages:
        if stage.base not in own and not _PINNED.match(stage.base):
            yield f"line {stage.line}: base image {stage.base} is not pinned by digest"
        for each in stage.instructions:
            source = each.flag("--from") if each.name == "COPY" else None
            if source and source not in own and not source.isdigit() and not _PINNED.match(source):
                yield f"line {each.line}: image {source} is not pinned by digest"


def root_targets(stages: list[Stage]) -> Iterator[str]:
    """Name each target that runs as root: by USER, or because neither it nor what it is made from says a USER."""
    by_name = {stage.name: stage for stage in stages}
    for target in targets_of(stages):
        user, stage = "", target
        while not user:
            user = next((each.value for each in reversed(stage.instructions) if each.name == "USER"), "")
            if stage.base not in by_name:
                break
            stage = by_name[stage.base]
        if is_root(user):
            yield f"target {target.name} runs as root ({f'USER {user}' if user else 'no USER'})"


def is_root(user: str) -> bool:
    """Tell whether a user (`name`, `uid`, `uid:gid`) is root, unknown, or left to whoever builds."""
    name = user.strip().partition(":")[0]
    return not name or "$" in name or name == "root" or (name.isdigit() and int(name) == 0)


def secrets_in_layers(stages: list[Stage]) -> Iterator[str]:
    """Name what would leave a secret in a layer or in the image's history; a value is never repeated."""
    for stage in stages:
        for each in stage.instructions:
            if each.name in {"ENV", "ARG", "LABEL"}:
                for name, value in _pairs(each):
                    # A build argument stands in the history even where the file gives it no value.
                    if is_secret_name(name) and (value or each.name == "ARG"):
                        yield f"line {each.line}: {each.name} {name} puts a secret into the image"
            if each.name in {"COPY", "ADD"} and not each.flag("--from"):
                for source in _sources(each):
                    if is_secret_file(source):
                        yield f"line {each.line}: {each.name} {source} puts a secret file into a layer"
            for kind in secrets_in(each.value):
                yield f"line {each.line}: {each.name} holds {kind}"


def fetched(stages: list[Stage]) -> Iterator[str]:
    """Name each ADD that fetches what nobody has pinned by checksum."""
    for stage in stages:
        for each in stage.instructions:
            if each.name == "ADD" and not (each.flag("--checksum") or "").startswith("sha256:"):
                for source in filter(_REMOTE.match, _sources(each)):
                    yield f"line {each.line}: ADD {source} fetches without a checksum"


def copied(stages: list[Stage]) -> set[str]:
    """Return the sources that COPY and ADD take from the build context."""
    return {
        source.removeprefix("./").strip("/") or "."
        for stage in stages
        for each in stage.instructions
        if each.name in {"COPY", "ADD"} and not each.flag("--from")
        for source in _sources(each)
        if not _REMOTE.match(source)
    }


def _sources(instruction: Instruction) -> list[str]:
    words = [word for word in instruction.words if not word.startswith("--")]
    if words and words[0].startswith("["):
        words = [word.strip("[],") for word in words]
    return [word for word in words[:-1] if word]


def _pairs(instruction: Instruction) -> Iterator[tuple[str, str]]:
    words = instruction.words
    if instruction.name == "ENV" and words and "=" not in words[0]:
        yield words[0], " ".join(words[1:])
        return
    for word in words:
        name, _, value = word.partition("=")
        yield name, value
