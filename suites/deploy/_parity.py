"""Whether what the instances of a deployment are given agrees, and whether a program reads anything behind its reader's back."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from suites.security._secret_shapes import is_secret_name

__all__ = ["behind_the_reader", "disagreements"]

Configuration = Mapping[str, str]
# What is each instance's own, and what is each service's.
INSTANCES_OWN = frozenset({"INSTANCE", "LISTEN_HOST", "LISTEN_PORT", "CACHE_DIR"})
SERVICES_OWN = INSTANCES_OWN | {"SERVICE", "DATABASE_URL", "REDIS_URL", "DATABASE_POOL_SIZE"}
# The operating system's, which a program hands on to the programs that it starts.
MACHINE = frozenset({"PATH"})
READING = frozenset({"getenv", "environ.get", "environ.pop", "environ.setdefault"})


def disagreements(services: Mapping[str, Mapping[str, Configuration]]) -> list[str]:
    """Say which variables differ between instances of a service (service -> instance -> variables) or between services."""
    found = []
    for configurations in services.values():
        for name in sorted({name for each in configurations.values() for name in each} - INSTANCES_OWN):
            found += _differ(name, {who: each.get(name, "nothing") for who, each in configurations.items()})
    firsts = {who: each for configurations in services.values() for who, each in list(configurations.items())[:1]}
    for name in sorted({name for each in firsts.values() for name in each} - SERVICES_OWN):
        found += _differ(name, {who: each[name] for who, each in firsts.items() if name in each})
    return found


def _differ(name: str, given: Mapping[str, str]) -> list[str]:
    if len(set(given.values())) < 2:
        return []
    shown = ", ".join(f"{who} {'another secret' if is_secret_name(name) else value}" for who, value in given.items())
    return [f"{name} differs: {shown}"]


def behind_the_reader(tree: Path, folders: Sequence[str]) -> list[str]:
    """Name each variable that the source reads from the environment itself, as "file:line: name".

    A reader is given the whole environment; whoever picks one variable out of it has a default that nobody is told of.
    """
    found = []
    for file in sorted(path for folder in folders for path in (tree / folder).rglob("*.py")):
        for line, name in _reads(ast.parse(file.read_text())):
            if name not in MACHINE:
                found.append(f"{file.relative_to(tree)}:{line}: {name}")
    return found


def _reads(source: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(source):
        if isinstance(node, ast.Call) and ast.unparse(node.func).removeprefix("os.") in READING:
            yield node.lineno, _name(node.args[0])
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) in {"os.environ", "environ"}:
            yield node.lineno, _name(node.slice)


def _name(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node)
