"""The schedule of backups: a base backup when one is due, old ones dropped, and a segment of the log ended every minute.

The newest restorable point is then never old, and a broken archive shows at once. PostgreSQL's own archive_timeout is no more than the second line: after a
start it sleeps for a whole checkpoint_timeout, because its checkpointer begins to wait while recovery is still going on.
"""

import argparse
import datetime as dt
import subprocess
import sys
import time
from pathlib import Path

import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from prometheus_client import Counter, Gauge, start_http_server

from system.platforms.local.barman import ENVIRONMENT, reach_store, tool_command
from system.platforms.local.layout import Layout
from system.platforms.local.parts.backups import EVERY, WINDOW
from system.platforms.local.segments import end_segment
from system.platforms.local.stored_backups import catalog_of

_BEAT_S = 60.0
_ARCHIVED_S = 60.0
_AGAIN_S = 60.0  # after a backup that failed
_WITHIN_S = 900.0
_NEWEST = Gauge("backup_newest_timestamp_seconds", "When the newest whole base backup ended")
_FAILED = Counter("backup_failures", "Base backups that failed")
_LEFT = Counter("backup_clean_up_failures", "Clean-ups of old base backups that failed")


def main(arguments: list[str]) -> None:
    """Make a backup if one is due, say that we are ready, and go on for ever."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--base-port", type=int, required=True)
    options = parser.parse_args(arguments)
    layout = Layout.of(options.state, options.base_port)
    newest = max(_ends(layout), default=None)
    if newest is None or _due(newest):
        newest = _back_up(layout)  # which ends once the log that it needs is archived
    else:
        end_segment(layout, archived_within_s=_ARCHIVED_S)
    _NEWEST.set(newest.timestamp())
    endpoint = layout.addresses.endpoint("backups")
    start_http_server(endpoint.port, endpoint.address)
    again = 0.0
    while True:
        time.sleep(_BEAT_S)
        try:
            end_segment(layout)
        except psycopg.OperationalError as error:
            print(f"no segment ended: {str(error).splitlines()[0]}", flush=True)
        if _due(newest) and time.monotonic() >= again:
            try:
                newest = _back_up(layout)
            except (subprocess.SubprocessError, BotoCoreError, ClientError, LookupError) as error:
                _FAILED.inc()
                again = time.monotonic() + _AGAIN_S
                print(f"backup failed: {error}; the next attempt in {_AGAIN_S:g} s", flush=True)


def _due(newest: dt.datetime) -> bool:
    return dt.datetime.now(dt.UTC) - newest >= EVERY


def _back_up(layout: Layout) -> dt.datetime:
    """Make a base backup, publish when the newest ended, and drop what the window no longer needs; give that moment."""
    _run(layout, "backup")
    ends = _ends(layout)
    if not ends:
        raise LookupError("the store lists no whole backup after one was made")
    newest = max(ends)
    _NEWEST.set(newest.timestamp())
    print(f"newest backup: {newest:%Y-%m-%dT%H:%M:%SZ}", flush=True)
    if len(ends) > 1:
        _clean_up(layout)
    return newest


def _clean_up(layout: Layout) -> None:
    """Drop what the window no longer needs; where that fails, the next backup's clean-up drops it, too."""
    try:
        _run(layout, "backup-delete", "--minimum-redundancy=1", f"--retention-policy={WINDOW}")
    except subprocess.SubprocessError as error:
        _LEFT.inc()
        print(f"clean-up failed: {error}; old backups stay until after the next one", flush=True)


def _ends(layout: Layout) -> list[dt.datetime]:
    """List when each whole backup ended."""
    reach_store(layout)
    return [each.end_time for each in catalog_of(layout).get_backup_list().values() if each.status == "DONE"]


def _run(layout: Layout, tool: str, *arguments: str) -> None:
    subprocess.run(tool_command(layout, tool, *arguments), env=ENVIRONMENT, check=True, timeout=_WITHIN_S)


if __name__ == "__main__":
    main(sys.argv[1:])
