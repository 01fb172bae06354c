"""What is read of a process of this machine."""

import os
import subprocess
import sys
from pathlib import Path

from seatrial.load._tiers import _files, _process, _temporary

SPIN = "import time\nwhile time.process_time() < 0.3: pass"


def test_the_cpu_of_a_child_that_has_ended_is_told_beside_ones_own() -> None:
    before = _process(os.getpid())
    subprocess.run([sys.executable, "-c", SPIN], check=True)
    after = _process(os.getpid())
    assert before is not None
    assert after is not None
    assert after[1] - before[1] >= 0.25
    assert after[2] > 1
    assert after[3] >= 3


def test_the_folder_for_temporary_files_is_that_which_the_process_was_given(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "source").touch()
    waiting = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert _temporary(process.pid) == tmp_path
        assert _files(process.pid, tmp_path) == 1
        assert process.stdin is not None
        process.stdin.close()
    assert _temporary(process.pid) is None


def test_a_process_that_has_ended_has_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert _process(process.pid) is None
