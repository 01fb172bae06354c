"""Every profile has what the checks that must run there ask for."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial import expected
from seatrial.profile import Profile, load
from suites.security.test_tls import own_hosts

SUITES = Path("suites")
PROFILES = sorted(Path("profiles").glob("*.toml"))


@dataclass
class Module:
    """A file of the suites: its functions, the methods of its classes, and what it imports from the suites."""

    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    methods: dict[str, list[ast.FunctionDef]] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)


@cache
def modules() -> dict[str, Module]:
    found = {}
    for file in sorted(SUITES.rglob("*.py")):
        module = Module()
        for node in ast.walk(tree := ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef):
                for each in node.body:
                    if isinstance(each, ast.FunctionDef):
                        module.methods.setdefault(each.name, []).append(each)
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("suites"):
                for alias in node.names:
                    module.imports[alias.asname or alias.name] = (str(node.module), alias.name)
        module.functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        found[".".join(file.with_suffix("").parts).removesuffix(".__init__")] = module
    return found


def called(place: str, node: ast.AST) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Give the functions of the suites that a name or an attribute in a file may mean."""
    match node:
        case ast.Name(id=name):
            yield from named(place, name)
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in modules()[place].imports:
            yield from named(".".join(modules()[place].imports[owner]), name)
        case ast.Attribute(attr=name):
            for other in {place, *(module for module, _ in modules()[place].imports.values())} & modules().keys():
                yield from ((other, each) for each in modules()[other].methods.get(name, []))
        case _:
            pass


def named(place: str, name: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    module = modules().get(place)
    if module is None:
        return
    if name in module.functions:
        yield place, module.functions[name]
    elif name in module.imports:
        yield from named(*module.imports[name])


@cache
def known_targets() -> frozenset[str]:
    """Return every name that a check asks for by `target("name")`, or that the local profile declares."""
    asked = {
        str(node.args[0].value)
        for file in SUITES.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "target"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    return frozenset(asked) | frozenset(load(Path("profiles/local.toml")).targets)


@cache
def reached(row: expected.Row) -> tuple[ast.AST, ...]:
    """Return every node of a check's function and of what it calls: by their names in the source."""
    start = ".".join(("suites", *Path(row.file).with_suffix("").parts))
    waiting, seen, found = [*named(start, row.test)], set[int](), list[ast.AST]()
    assert waiting, f"{row.file} has no {row.test}"
    while waiting:
        place, function = waiting.pop()
        if id(function) in seen:
            continue
        seen.add(id(function))
        for node in ast.walk(function):
            found.append(node)
            waiting += called(place, node)
    return tuple(found)


def needs(row: expected.Row) -> frozenset[str]:
    """Return the targets that a check asks for, itself or through what it calls."""
    texts = (node.value for node in reached(row) if isinstance(node, ast.Constant))
    return frozenset(text for text in texts if isinstance(text, str)) & known_targets()


def sections(row: expected.Row) -> set[str]:
    """Return the sections without which a check is invalid by its own words: "postgres.pooler"."""
    texts = (node.value for node in reached(row) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {found[1] for text in texts if (found := re.search(r"profile names no \[([a-z.]+?)(\.NAME)?\]", text))}


def has(profile: Profile, section: str) -> bool:
    found: Any = profile
    for name in section.split("."):
        found = getattr(found, name, None)
    return bool(found)


def must_run(profile: Profile) -> list[expected.Row]:
    return [
        row
        for row in expected.read(SUITES)
        if row.level <= profile.expect.level and row.id not in profile.expect.not_applicable
    ]


def test_there_are_the_profiles_that_the_documents_name() -> None:
    assert {file.stem for file in PROFILES} >= {"local", "staging", "production"}


def test_what_a_check_asks_for_is_found_through_its_helpers() -> None:
    asked = {row.id: needs(row) for row in expected.read(SUITES)}

    assert asked["SEC-IMG-01"] == {"dockerfiles", "compose_files"}
    assert asked["INF-GPU-01"] == {"encoder", "preview_s"}
    assert asked["INF-RD-03"] == frozenset()


def test_a_check_that_promotes_asks_first_whether_it_can_remove_its_master() -> None:
    promoting = {
        row.id: needs(row)
        for row in expected.read(SUITES)
        if any(isinstance(node, ast.Attribute) and node.attr == "promote" for node in reached(row))
    }

    assert promoting.keys() >= {"DEP-FLOW-02", "DR-ALL-01", "MON-01", "MON-07"}
    assert [name for name, asked in promoting.items() if "master_retention_s" not in asked] == []


@pytest.mark.parametrize("file", PROFILES, ids=lambda file: file.stem)
def test_every_target_that_must_be_known_is_declared(file: Path) -> None:
    profile = load(file)

    missing = {row.id: sorted(lacking) for row in must_run(profile) if (lacking := needs(row) - profile.targets.keys())}
    assert must_run(profile)
    assert missing == {}, f"declare these in {file}, or name the check under [expect.not_applicable] with the reason"


@pytest.mark.parametrize("file", PROFILES, ids=lambda file: file.stem)
def test_no_check_that_must_run_is_invalid_for_want_of_a_section(file: Path) -> None:
    profile = load(file)
    asked = {row.id: sections(row) for row in must_run(profile)}

    missing = {name: lacking for name, names in asked.items() if (lacking := {x for x in names if not has(profile, x)})}
    assert asked["INF-RD-02"] == {"redis"}
    assert missing == {}, f"give {file} these, or name the check under [expect.not_applicable] with the reason"


@pytest.mark.parametrize("file", PROFILES, ids=lambda file: file.stem)
def test_what_is_not_applicable_exists_and_has_a_reason(file: Path) -> None:
    known = {row.id for row in expected.read(SUITES)}

    offenders = [
        name for name, reason in load(file).expect.not_applicable.items() if name not in known or len(reason) < 20
    ]
    assert offenders == []


@pytest.mark.parametrize("file", PROFILES, ids=lambda file: file.stem)
def test_a_rented_store_is_none_of_our_own_hosts(file: Path) -> None:
    observe: Any = SimpleNamespace(profile=load(file))

    rented = "wasabisys" in observe.profile.urls["s3"]
    assert [host.role for host in own_hosts(observe)] == ["app", "api", "play", *([] if rented else ["s3"])]
    assert rented == (file.stem != "local")


@pytest.mark.parametrize("file", [file for file in PROFILES if file.stem != "local"], ids=lambda file: file.stem)
def test_a_remote_profile_names_what_its_checks_measure(file: Path) -> None:
    profile = load(file)

    assert profile.postgres
    assert profile.redis
    assert profile.s3
    assert profile.cloud
    assert set(profile.credentials["observe"]) == {"postgres", "redis", "s3", "cloud"}
    assert profile.max_impact == profile.expect.level
    assert (profile.external != {}) == ("exercise" in profile.credentials)
