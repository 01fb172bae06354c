"""A place is filled and freed for real, in a process that has mounts of its own; where none may be had it says why."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.lacking import lacking

SCENARIO = """
import errno, json, sys
from pathlib import Path
from system.platforms.local.layout import Layout
from system.platforms.local.places import Places

layout = Layout.of(Path(sys.argv[1]), 30000)
places = Places(layout)
places.mount()
work = layout.work("worker-1")
said = {"refusal": places.refusal, "directory": work.is_dir()}

def write(name, size):
    try:
        (work / name).write_bytes(bytes(size))
    except OSError as error:
        return error.errno == errno.ENOSPC
    return False

if not places.refusal:
    said["with room"] = write("a", 100_000)
    for _ in range(2):
        places.fill("worker-1")
    said["filled"] = places.look("worker-1")
    said["full"] = write("b", 1)
    (work / "a").unlink()
    places.fill("worker-1")
    said["full again"] = write("c", 1)
    said["other"] = places.look("edge-2")
    for _ in range(2):
        places.free("worker-1")
    said["freed"] = write("d", 100_000), places.look("worker-1")
print(json.dumps(said))
"""


def test_a_place_is_full_until_its_room_is_given_back_and_nothing_else_is(tmp_path: Path) -> None:
    said = run(tmp_path)
    assert (said["with room"], said["full"], said["full again"]) == (False, True, True)
    assert (said["filled"]["free_bytes"], said["filled"]["full"], said["filled"]["files"]) == (0, True, ["a"])
    assert (said["other"]["full"], said["other"]["free_bytes"] > 1 << 28) == (False, True)
    failed, freed = said["freed"]
    assert (failed, freed["full"], freed["size_bytes"]) == (False, False, 1 << 30)
    assert list((tmp_path / "work" / "worker-1").iterdir()) == [tmp_path / "work" / "worker-1" / "files"], "ours alone"


def test_a_place_that_was_left_full_is_empty_for_the_next_one(tmp_path: Path) -> None:
    first, second = run(tmp_path), run(tmp_path)
    assert {**first, "freed": 0} == {**second, "freed": 0}


def run(state: Path) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", SCENARIO, str(state)], capture_output=True, text=True, check=True)
    said: dict[str, Any] = json.loads(done.stdout)
    assert said["directory"]
    if said["refusal"]:
        assert said["refusal"] in {"Operation not permitted", "Permission denied"}
        lacking("mounts", said["refusal"])
    return said
