"""What checks and faults may import: the linter of imports sees packages alone, and most of their folders are none."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# What makes handles, clients and environments, or strikes past them.
MAKERS = {
    f"seatrial.{name}" for name in ("environment", "hosting", "inverses", "lock", "platform_socket", "plugin", "undo")
}
MADE_BY_HAND = {Path("suites/migrations/snapshot.py")}  # a command, and no check
HANDLES = {"Destroy", "Disrupt", "Exercise", "Observe", "PlatformClient"}
FILES = [file for folder in ("suites", "faults") for file in sorted(Path(folder).rglob("*.py"))]


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


def offences(text: str) -> list[str]:
    """Name what a check may not do: import the system, import what makes an environment, make a handle or a platform's client."""
    tree = ast.parse(text)
    names = [name for name in imported(tree) if name.split(".")[0] == "system" or name in MAKERS]
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    made = [each.id if isinstance(each, ast.Name) else getattr(each, "attr", "") for each in called]
    return [f"imports {name}" for name in names] + [f"makes {name}" for name in made if name in HANDLES]


@pytest.mark.parametrize(
    "text",
    [
        "import system.common.queue",
        "from system import api",
        "from seatrial import environment",
        "from seatrial.environment import Environment",
        "import seatrial.undo as log",
        "from seatrial import Destroy\nDestroy(None, '')",
        "from seatrial import impact\nimpact.Disrupt(None, '')",
        "from seatrial.platform import PlatformClient\nPlatformClient(None)",
    ],
)
def test_what_reaches_past_the_handle_is_seen(text: str) -> None:
    assert offences(text)


def test_checks_and_faults_use_the_handle_that_they_are_given_and_make_none() -> None:
    assert len(FILES) > 200
    found = {str(file): offences(file.read_text()) for file in FILES if file not in MADE_BY_HAND}

    assert {file: wrong for file, wrong in found.items() if wrong} == {}


def test_commands_that_run_no_check_import_no_pytest() -> None:
    code = "import sys; import seatrial.cli; sys.exit('pytest' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
