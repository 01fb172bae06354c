"""A rehearsal runs what stands in compose.yaml, with everything that confines it."""

import itertools
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from system.platforms.compose.rehearsal import FILE, Rehearsal, health_command, in_order, run_command
from system.platforms.local.ca import Authority
from system.platforms.local.layout import Layout
from system.platforms.local.programs import DEBIAN_TREE
from tests.waiting import wait_for

DOCUMENT: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES = DOCUMENT["services"]
NGINX = FILE.parents[2] / "edge/front/nginx.conf"


def rehearsal(tmp_path: Path, **images: str) -> Rehearsal:
    values = {"RELEASE": "r1", "SECRETS_DIR": str(tmp_path / "secrets"), "CONFIG_DIR": str(tmp_path / "configs")}
    return Rehearsal(DOCUMENT, values, images)


def test_every_service_comes_after_those_it_depends_on() -> None:
    order = in_order(SERVICES, sorted(SERVICES))

    assert sorted(order) == sorted(SERVICES)
    for name, service in SERVICES.items():
        for other in service.get("depends_on", {}):
            assert order.index(other) < order.index(name), f"{name} before {other}"


def test_what_is_not_wanted_is_left_out() -> None:
    assert in_order(SERVICES, ["front", "edge"]) == ["edge", "front"]


def test_a_circle_is_refused() -> None:
    circle: dict[str, Any] = {"a": {"depends_on": {"b": {}}}, "b": {"depends_on": {"a": {}}}}

    with pytest.raises(ValueError, match="a -> b -> a: they wait for each other"):
        in_order(circle, ["a", "b"])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_service_runs_less_confined_than_its_file_says(tmp_path: Path, name: str) -> None:
    command = run_command(rehearsal(tmp_path), name, {"edge": "10.77.0.10"}, "/run/netns/x")
    pairs = list(itertools.pairwise(command))

    assert "--read-only" in command
    assert ("--cap-drop", "all") in pairs
    assert ("--security-opt", "no-new-privileges:true") in pairs
    assert ("--user", SERVICES[name]["user"]) in pairs
    assert ("--add-host", "edge:10.77.0.10") in pairs
    assert not [word for word in command if re.search(r"\$\{", word)]


def test_secrets_are_files_and_never_arguments(tmp_path: Path) -> None:
    command = run_command(rehearsal(tmp_path), "edge", {}, "/run/netns/x")

    assert f"{tmp_path}/secrets/s3-edge.access:/run/secrets/s3-access:ro" in command
    assert "S3_ACCESS_KEY_FILE=/run/secrets/s3-access" in command


def test_a_directory_in_memory_belongs_to_the_containers_user(tmp_path: Path) -> None:
    command = run_command(rehearsal(tmp_path), "front", {}, "/run/netns/x")

    assert "/var/cache/nginx:size=128m,U,mode=0700" in command


def test_what_nginx_keeps_of_objects_is_on_a_disk_with_room_left_for_those_on_their_way(tmp_path: Path) -> None:
    command = run_command(rehearsal(tmp_path), "front", {}, "/run/netns/x")
    kept = re.findall(r"proxy_cache_path (\S+) .*keys_zone=bodies:.* min_free=1g ", NGINX.read_text())

    assert kept == ["/var/cache/nginx/bodies"]
    assert f"seatrial-front:{kept[0]}:U" in command


def test_an_entry_point_is_split_as_podman_wants_it(tmp_path: Path) -> None:
    command = run_command(rehearsal(tmp_path, s3="localhost/stand-in"), "s3", {}, "/run/netns/x")
    at = command.index("localhost/stand-in")

    assert command[at - 2 : at] == ["--entrypoint", "/usr/bin/weed"]
    assert command[at + 1 :] == [*SERVICES["s3"]["entrypoint"][1:], *SERVICES["s3"]["command"]]


def test_a_health_check_is_run_as_compose_would() -> None:
    assert health_command(SERVICES["front"])[:2] == ["curl", "-fsS"]
    assert health_command(SERVICES["redis"])[:2] == ["sh", "-c"]
    assert health_command(SERVICES["migrate"]) == []


@pytest.fixture
def healthy(layout: Layout, tmp_path: Path) -> Iterator[Callable[[], bool]]:
    """The file's Redis, run by Debian's with its command line and mounts, but on a free port; gives its health check."""
    layout.make()
    place, authority = layout.addresses.endpoint("redis"), Authority(layout.ca)
    authority.ensure_root()
    leaf = authority.ensure_leaf("redis", place)
    given = tmp_path / "given"
    secrets, configs = given / "secrets", given / "configs"
    secrets.mkdir(parents=True)
    configs.mkdir()
    (configs / "ca.crt").write_bytes(authority.root_certificate.read_bytes())
    (configs / "redis.crt").write_bytes(leaf.certificate.read_bytes())
    (configs / "redis.conf").write_text(f"bind 127.0.0.1\ndir {given}\n")
    (secrets / "redis.key").write_bytes(leaf.key.read_bytes())
    (secrets / "redis.acl").write_text("user default off resetpass ~* &* +@all\n")
    words = run_command(rehearsal(given), "redis", {}, "/run/netns/x")
    mounts = [word.removesuffix(":ro").split(":") for word in words if word.endswith(":ro")]
    debian = DEBIAN_TREE.resolve()
    environment = {"PATH": f"{debian}/usr/bin:/usr/bin:/bin", "LD_LIBRARY_PATH": f"{debian}/usr/lib/x86_64-linux-gnu"}

    def here(word: str) -> str:
        for source, target in mounts:
            word = word.replace(target, source)
        return word.replace("6379", str(place.port)).replace("redis-cli", f"redis-cli -p {place.port}")

    def ask() -> bool:
        check = list(map(here, health_command(SERVICES["redis"])))
        return not subprocess.run(check, env=environment, check=False, capture_output=True).returncode

    command = list(map(here, words[words.index(SERVICES["redis"]["image"]) + 1 :]))
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as server:
        yield ask
        server.terminate()


def test_redis_becomes_healthy_by_its_own_check(healthy: Callable[[], bool]) -> None:
    wait_for(healthy, 10)
