"""Refusals before anything is started."""

import os
import socket
from pathlib import Path

import pytest

from system.platforms.local import preflight, programs
from system.platforms.local.addresses import DEFAULT_BASE_PORT
from system.platforms.local.errors import PlatformError
from system.platforms.local.layout import Layout
from system.platforms.local.parts import postgres
from system.platforms.local.programs import Programs
from system.platforms.local.up import up


def test_a_disk_almost_full_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "LEAST_FREE_BYTES", 1 << 60)
    with pytest.raises(PlatformError, match=r"only [\d.]+ GiB are free"):
        preflight.check_state(Layout.of(tmp_path, DEFAULT_BASE_PORT))


def test_the_number_of_a_guardian_that_was_killed_is_forgotten_before_anything_takes_time(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout.make()
    layout.guardian_pid.write_text(str(os.getpid()))
    monkeypatch.setattr(preflight, "is_done", lambda: False)
    with pytest.raises(PlatformError, match="local setup` first"):
        up(layout, foreground=False, lifeline=None)
    assert not layout.guardian_pid.exists()


def test_missing_programs_name_the_command_to_run(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "is_done", lambda: False)
    with pytest.raises(PlatformError, match="local setup` first"):
        preflight.check_machine(layout)


def test_a_missing_ffmpeg_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "package_directory", lambda _: tmp_path)
    with pytest.raises(PlatformError, match="ffmpeg is missing"):
        Programs.find()


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(PlatformError, match="no_such_package is not installed"):
        programs.package_directory("no_such_package")


def test_root_without_user_namespaces_is_told_to_be_a_normal_user(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = ["sh", "-c", "echo 'unshare failed: Operation not permitted' >&2; exit 1", "sh"]
    monkeypatch.setattr(postgres, "unprivileged", lambda: refused)
    with pytest.raises(PlatformError, match=r"forbidden here \(unshare failed.*run as a normal user"):
        postgres.check_user_namespaces()


def test_a_port_that_the_store_would_take_beside_its_own_is_checked_too(layout: Layout) -> None:
    withheld = layout.addresses.withheld()[0]
    with (
        socket.create_server((withheld.address, withheld.port)),
        pytest.raises(PlatformError, match=f"port {withheld.port} for s3 is taken"),
    ):
        preflight.check_ports(layout)


def test_a_listener_on_every_address_takes_the_port(layout: Layout) -> None:
    port = layout.addresses.endpoint("redis").port
    with (
        socket.create_server(("0.0.0.0", port)),  # noqa: S104 - the case under test
        pytest.raises(PlatformError, match=f"port {port} for redis is taken on 0.0.0.0"),
    ):
        preflight.check_ports(layout)


def test_a_socket_that_another_user_left_in_tmp_is_named(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    left = layout.addresses.weed_sockets()[0]
    left.touch()
    owner = left.stat().st_uid
    monkeypatch.setattr("os.geteuid", lambda: owner + 1)
    try:
        with pytest.raises(PlatformError, match=f"{left} is left over from uid {owner}"):
            preflight.check_ports(layout)
    finally:
        left.unlink()


def test_what_watches_is_found_on_the_path_by_either_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert programs.on_path() is None
    for name in ("prometheus", "alertmanager"):
        (tmp_path / name).touch(mode=0o755)
    assert programs.on_path() == programs.Watchers(tmp_path / "prometheus", tmp_path / "alertmanager")


def test_what_watches_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "on_path", lambda: None)
    monkeypatch.setattr(programs, "MONITORING_TREE", tmp_path / "none")
    assert Programs.find().watchers is None
