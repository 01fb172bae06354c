"""One node of the cluster: Patroni, the server that it starts, and this process, from which neither can slip away.

Patroni lets go of the server on purpose, so that it can be replaced below it. Here both end with the node: the server is
handed to this process, which is what a container's first process is to it.
"""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from system.platforms.local import processes


def main(arguments: list[str]) -> int:
    """Run until Patroni ends; gives its exit code once the server has ended, too."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tools", type=Path, required=True, help="directory of PostgreSQL's programs")
    parser.add_argument("--begin", action="store_true", help="start the server, too, which Patroni then finds")
    parser.add_argument("orders", help="Patroni's configuration")
    options = parser.parse_args(arguments)
    processes.become_subreaper()
    if options.begin:
        subprocess.Popen([options.tools / "postgres", "-D", options.data])
    manager = os.fork()
    if manager == 0:
        from patroni.__main__ import patroni_main  # noqa: PLC0415 - what Patroni spawns imports this module, too

        patroni_main(options.orders)
        return 0

    def pass_on(signum: int, _frame: FrameType | None) -> None:
        os.kill(manager, signum)

    signal.signal(signal.SIGTERM, pass_on)
    code = _reap_until(manager)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _stop_server(options.data)
    return code


def _reap_until(wanted: int) -> int:
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == wanted:
            return abs(os.waitstatus_to_exitcode(status))


def _stop_server(data: Path) -> None:
    """Stop the server that Patroni has left running, which it does in maintenance, and wait until it has ended."""
    file = data / "postmaster.pid"
    pid = file.read_text().split("\n", 1)[0].strip() if file.exists() else ""
    server = processes.find(int(pid)) if pid.isdigit() else None
    if server is not None and server.ppid == os.getpid():
        processes.send([server.pid], signal.SIGINT)
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        return  # none is left


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
