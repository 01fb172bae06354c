"""The guardian: starts the supervisor, outlives it, and sees to it that nothing outlives them both.

It is the subreaper of the whole tree, so that PostgreSQL's children or FFmpeg under a killed worker cannot escape.
Everything is killed when the supervisor is gone or when a lifeline closes: a pipe whose other end the owner holds.
When the guardian itself is killed, the kernel tells the supervisor (PDEATHSIG), which then shuts down in order.
"""

import argparse
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from system.platforms.local.layout import PROJECT
from system.platforms.local.processes import become_subreaper, kill_descendants

SHUTDOWN_S = 25.0


class _Asked:
    """Remembers that somebody asked us to end, and passes it on.

    Args:
        supervisor: the process to pass SIGTERM on to.
    """

    def __init__(self, supervisor: int) -> None:
        self._supervisor = supervisor
        self.since: float | None = None

    def __call__(self, *_: object) -> None:
        if self.since is None:
            self.since = time.monotonic()
            os.kill(self._supervisor, signal.SIGTERM)

    def left_s(self) -> float | None:
        """Give the seconds that an orderly end may still take; None when nobody asked."""
        return None if self.since is None else max(0.0, self.since + SHUTDOWN_S - time.monotonic())


def main(arguments: list[str]) -> int:
    """Run until the supervisor has ended or a lifeline has closed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pid-file", type=Path, required=True)
    parser.add_argument("--leaves", type=Path, action="append", default=[], help="socket to remove at the end")
    parser.add_argument(
        "--pass", dest="passed", type=int, action="append", default=[], help="descriptor for the supervisor"
    )
    parser.add_argument("--lifeline", type=int, action="append", default=[])
    parser.add_argument("supervisor", nargs="+", help="arguments of the supervisor")
    options = parser.parse_args(arguments)
    become_subreaper()
    for descriptor in options.lifeline:
        os.set_inheritable(descriptor, False)
    alive, held = os.pipe()
    command = [sys.executable, "-m", "system.platforms.local.supervisor", f"--parent={os.getpid()}", f"--alive={held}"]
    child = subprocess.Popen(
        [*command, *options.supervisor], cwd=PROJECT, pass_fds=(held, *options.passed), process_group=0
    )
    asked = _Asked(child.pid)
    signal.signal(signal.SIGTERM, asked)
    signal.signal(signal.SIGINT, asked)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.close(held)
    for descriptor in options.passed[1:]:  # the first one is the instance's lock, which we hold as well
        os.close(descriptor)
    options.pid_file.write_text(str(os.getpid()))
    _wait([alive, *options.lifeline], asked)
    ended = child.poll()
    kill_descendants()
    for path in (*options.leaves, options.pid_file):
        path.unlink(missing_ok=True)
    return 1 if ended is None else abs(ended)


def _wait(descriptors: list[int], asked: _Asked) -> None:
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    while True:
        left_s = asked.left_s()
        if poll.poll(1000 if left_s is None else min(1000, left_s * 1000)):
            return
        if asked.left_s() == 0.0:
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
