"""Backups of a real instance: what is archived, and a restore of it into another server."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from system.platforms.local.addresses import Endpoint
from system.platforms.local.barman import shell_command
from system.platforms.local.parts.postgres import unprivileged
from system.platforms.local.programs import Programs
from tests.platform.bench import Running
from tests.platform.stored import ask, backups, live, tool
from tests.waiting import wait_for

LAST_ARCHIVED = "select last_archived_wal from pg_stat_archiver"


def archive_now(running: Running) -> None:
    """Have everything written so far archived."""
    ((segment,),) = live(running, "select pg_walfile_name(pg_switch_wal())")
    wait_for(lambda: str(live(running, LAST_ARCHIVED)[0][0])[:24] >= segment, 60)


@contextmanager
def restored(running: Running, directory: Path, server: Endpoint) -> Iterator[None]:
    """Restore the newest backup, and everything archived since, into a server that does not archive itself."""
    layout = running.layout
    done = tool(layout, "restore", str(backups(layout)[-1]["backup_id"]), str(directory))
    assert done.returncode == 0, done.stderr
    (directory / "recovery.signal").touch()
    settings = {
        "listen_addresses": server.address,
        "port": str(server.port),
        "archive_mode": "off",
        "synchronous_standby_names": "",
        "hba_file": str(directory / "pg_hba.conf"),
        "ident_file": str(directory / "pg_ident.conf"),
        "restore_command": shell_command(layout, "wal-restore", "%f", "%p"),
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    line = [*unprivileged(), str(Programs.find().postgres / "postgres"), "-D", str(directory), *options]
    with (directory.parent / "restored.log").open("w") as log:
        process = subprocess.Popen(line, env={"PATH": "/usr/bin:/bin"}, cwd=directory, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def recovered(running: Running, server: Endpoint) -> bool:
    try:
        return ask(running, server, "select pg_is_in_recovery()") == [(False,)]
    except psycopg.OperationalError:
        return False


def test_a_restore_has_what_was_written_after_the_backup(running: Running, tmp_path: Path) -> None:
    server = running.layout.addresses.scratch(running.layout.addresses.scratch_places - 1)
    live(running, "create table kept as select generate_series(1, 1000) as n")
    archive_now(running)
    with restored(running, tmp_path / "data", server):
        wait_for(lambda: recovered(running, server), 120)
        assert ask(running, server, "select count(*), sum(n) from kept") == [(1000, 500500)]
        assert ask(running, server, "select count(*) > 0 from accounts") == [(True,)]
        assert ask(running, server, "show archive_mode") == [("off",)]
    live(running, "drop table kept")


def test_the_role_that_backs_up_reads_no_table_and_is_no_superuser(running: Running) -> None:
    primary = running.layout.addresses.endpoint("postgres")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        ask(running, primary, "select 1", user="backup")
    rights = "select rolsuper, rolcreaterole, rolcreatedb, rolreplication from pg_roles where rolname = 'backup'"
    assert live(running, rights) == [(False, False, False, False)]


def test_only_the_primary_archives(running: Running) -> None:
    standby = running.layout.addresses.endpoint("postgres-standby")
    assert ask(running, standby, "show archive_mode") == [("on",)]  # "always" would be a standby, too
    assert ask(running, standby, "select count(*) from pg_ls_archive_statusdir() where name like '%.ready'") == [(0,)]


def test_no_secret_is_on_a_command_line(running: Running) -> None:
    command = shell_command(running.layout, "wal-archive", "%p")
    secret = (running.layout.secrets / "s3-backup.secret").read_text()
    assert secret not in command
    assert command.endswith(" wal-archive %p")


def test_archiving_goes_on_after_the_store_was_away(running: Running) -> None:
    running.post("stop", {"part": "s3"})
    try:
        live(running, "select pg_logical_emit_message(true, 'test', 'x'), pg_switch_wal()")
        wait_for(lambda: live(running, "select failed_count > 0 from pg_stat_archiver") == [(True,)], 60)
    finally:
        running.post("restart", {"part": "s3"})
    archive_now(running)
