"""Fetch a base backup, and the log from its beginning on, for a restore.

One process that asks for many objects at once: Barman's command for one segment takes a second and a half to start, and a
recovery would wait for it at every segment. The log stays compressed; `restore_command` unpacks what recovery asks for.
Prints one line of JSON: {backup, ended, cluster, first, last}, with the first and the last segment that there are.
"""

import argparse
import datetime as dt
import json
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from barman.clients.cloud_restore import CloudBackupDownloaderObjectStore

from system.platforms.local.barman import reach_store
from system.platforms.local.layout import Layout
from system.platforms.local.stored_backups import catalog_of

_AT_ONCE = 8
_NAME_LENGTH = 24  # of a segment's name: eight digits of the timeline, sixteen of its place


def main(arguments: list[str]) -> None:
    """Fetch into DATA and LOG, which are empty; ends with one line and exit code 1 where there is nothing to fetch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--base-port", type=int, required=True)
    parser.add_argument("--backup", help="which one; by default the newest that ended before --to")
    parser.add_argument("--to", type=dt.datetime.fromisoformat, help="a moment; by default now")
    parser.add_argument("data", type=Path)
    parser.add_argument("log", type=Path)
    options = parser.parse_args(arguments)
    layout = Layout.of(options.state, options.base_port)
    reach_store(layout)
    catalog = catalog_of(layout)
    store = catalog.cloud_interface
    backup = _chosen(catalog, options.backup, options.to)
    log = {name: path for name, path in catalog.get_wal_paths().items() if _needed(name, backup.begin_wal)}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        base = pool.submit(CloudBackupDownloaderObjectStore(store, catalog).download_backup, backup, options.data, {})
        files = [pool.submit(store.download_file, path, options.log / Path(path).name, None) for path in log.values()]
    for each in (base, *files):
        each.result()
    if not (options.data / "backup_label").is_file():
        # A server that finds none takes what was copied while it changed for a data directory of its own.
        sys.exit(f"backup {backup.backup_id} has no backup_label, without which it must not be started")
    segments = sorted(name for name in log if len(name) == _NAME_LENGTH)
    found = {
        "backup": backup.backup_id,
        "ended": backup.end_time.isoformat(),
        "cluster": str(backup.systemid),
        "first": backup.begin_wal,
        "last": segments[-1] if segments else None,
    }
    print(json.dumps(found))


def _chosen(catalog: Any, name: str | None, to: dt.datetime | None) -> Any:
    backups: Mapping[str, Any] = catalog.get_backup_list()
    whole = {each.backup_id: each for each in backups.values() if each.status == "DONE"}
    if name is not None:
        if name not in whole:
            sys.exit(
                f"there is no whole backup {name} that can be read; there are {', '.join(sorted(whole)) or 'none'}"
            )
        return whole[name]
    early = [each for each in whole.values() if to is None or each.end_time <= to]
    if not early:
        sys.exit(
            f"there is no whole backup{f' that ended before {to}' if to else ''}; {len(backups)} in all can be read"
        )
    return max(early, key=lambda each: each.end_time)


def _needed(name: str, first: str) -> bool:
    """Say whether a file of the log may be asked for: histories of timelines, and segments from a place on."""
    return name.endswith(".history") or (len(name) == _NAME_LENGTH and name[8:] >= first[8:])


if __name__ == "__main__":
    main(sys.argv[1:])
