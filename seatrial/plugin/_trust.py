"""What a raw pytest call is about, and what of it lets no outcome be trusted: a run that was made smaller, and hooks of others."""

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from seatrial import expected
from seatrial.errors import UsageError

# Whose hooks a trial rests on.
_TRUSTED = {"_pytest", "pytest", "pluggy", "xdist", "seatrial"}
_WORKER = "__channelexec__"  # xdist's, which is in no file


def scope_of_arguments(config: pytest.Config) -> expected.Scope:
    """Return what a raw pytest call is about, from its path arguments."""
    return expected.select_paths(_paths(config))


def roots_of_arguments(config: pytest.Config) -> set[Path]:
    """Return the folders of suites that a raw pytest call is about, from its path arguments."""
    return expected.roots_of_paths(_paths(config))


def _paths(config: pytest.Config) -> list[str]:
    # Where help is asked for, pytest comes no further than to what was typed.
    return [str(argument) for argument in config.args or config.known_args_namespace.file_or_dir]


def is_trial(config: pytest.Config) -> bool:
    """Tell whether a raw pytest call names suites."""
    try:
        return bool(scope_of_arguments(config).rows)
    except UsageError:
        return False


def filters(config: pytest.Config) -> list[str]:
    """Name every option that made the run smaller than its scope."""
    names = {
        "keyword": "-k",
        "markexpr": "-m",
        "deselect": "--deselect",
        "lf": "--lf",
        "maxfail": "-x/--maxfail",
        "stepwise": "--stepwise",
        "ignore": "--ignore",
        "ignore_glob": "--ignore-glob",
        "collectonly": "--collect-only",
        "setuponly": "--setup-only",
        "setupplan": "--setup-plan",
        "runxfail": "--runxfail",
        "continue_on_collection_errors": "--continue-on-collection-errors",
    }
    return [f"the run was filtered by {flag}" for option, flag in names.items() if config.getoption(option, None)]


def hooks(config: pytest.Config) -> list[str]:
    """Name everybody else who hooks into pytest, and could turn an outcome: a conftest of suites holds fixtures and nothing more."""
    manager, found = config.pluginmanager, []
    for plugin in manager.get_plugins():
        module = plugin if isinstance(plugin, ModuleType) else sys.modules.get(type(plugin).__module__)
        name = getattr(module, "__name__", type(plugin).__module__)
        if not _is_trusted(name, module) and (callers := manager.get_hookcallers(plugin)):
            names = ", ".join(sorted({caller.name for caller in callers}))
            found.append(f"{_place(module) or name} hooks into pytest ({names}): no outcome can be trusted")
    return sorted(found)


def _is_trusted(name: str, module: ModuleType | None) -> bool:
    """Tell whether a module is of a package that a trial rests on; one that only bears its name lies somewhere else."""
    root = name.partition(".")[0]
    home, file = getattr(sys.modules.get(root), "__file__", None), getattr(module, "__file__", None)
    ours = home is not None and file is not None and Path(file).is_relative_to(Path(home).parent)
    return name == _WORKER or (root in _TRUSTED and ours)


def _place(module: ModuleType | None) -> str:
    file = getattr(module, "__file__", None)
    return str(Path(os.path.relpath(file))) if file else ""
