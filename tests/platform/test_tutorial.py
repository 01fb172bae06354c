"""The tutorial, run as it is written: each command in turn, and its output held against what the page shows."""

import doctest
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from system.platforms.local.layout import PROJECT
from tests.platform.bench import free_layout

pytestmark = pytest.mark.alone
PAGE = PROJECT / "docs/tutorial.md"
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".cache", ".state", ".*_cache", "__pycache__", "out", ".hypothesis")


@dataclass(frozen=True)
class Step:
    """A command, and what it prints; "..." stands for anything."""

    command: str
    output: str


def steps(page: str) -> Iterator[Step]:
    for block in re.findall(r"^```console\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            yield Step(command, output)


def copied(folder: Path, base_port: int) -> Path:
    """Copy the tree as a repository of its own, with what `make setup` has fetched and the local profile's ports elsewhere."""
    tree = folder / "seatrial"
    shutil.copytree(PROJECT, tree, ignore=LEFT_OUT)
    for made in (".venv", ".cache"):
        (tree / made).symlink_to(PROJECT / made)
    profile = tree / "profiles/local.toml"
    text = re.sub(r"\b18(\d{3})\b", lambda found: str(base_port + int(found[1])), profile.read_text())
    command = '"system.platforms.local"'
    assert command in text
    profile.write_text(text.replace(command, f'{command}, "--base-port", "{base_port}"'))
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "As shipped"]):
        who = ["-c", "user.name=tutorial", "-c", "user.email=tutorial@example.test"]
        subprocess.run(["git", *who, *arguments], cwd=tree, check=True)
    return tree


def test_each_command_of_the_tutorial_prints_what_the_page_says() -> None:
    page = PAGE.read_text()
    every = list(steps(page))
    assert len(every) == len(re.findall(r"^\$ ", page, re.MULTILINE)) > 0
    with tempfile.TemporaryDirectory(prefix="seatrial-") as folder:
        tree = copied(Path(folder), free_layout(Path(folder) / "unused").addresses.base_port)
        environment = os.environ | {"PATH": f"{PROJECT / '.venv/bin'}:{os.environ['PATH']}"}
        check = doctest.OutputChecker().check_output
        try:
            for step in every:
                done = subprocess.run(
                    ["bash", "-c", step.command],
                    cwd=tree,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    timeout=240,
                    check=False,
                )
                assert done.returncode == 0, f"{step.command}: exit code {done.returncode}\n{done.stdout}"
                assert check(step.output, done.stdout, doctest.ELLIPSIS), f"{step.command} printed\n{done.stdout}"
        finally:
            subprocess.run(["seatrial", "down"], cwd=tree, env=environment, check=True)
