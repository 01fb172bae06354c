"""The page about the topology names every socket of the local platform, and no other one."""

import re
from pathlib import Path

import yaml

from system.platforms.local.addresses import DEFAULT_BASE_PORT, Addresses

PAGE = Path("docs/topology.md").read_text()
GRPC = 10000


def test_the_page_names_every_socket_of_the_local_platform_and_no_other() -> None:
    declared = [each for part in Addresses(DEFAULT_BASE_PORT).declared().values() for each in part]
    wanted = {str(each) for each in declared if each.port < DEFAULT_BASE_PORT + GRPC}

    assert set(re.findall(r"\b127\.\d+\.\d+\.\d+:\d{5}\b", PAGE)) == wanted


def test_the_page_gives_the_connection_strings_of_the_spec() -> None:
    spec = yaml.safe_load(Path("system/platforms/digitalocean/app.yaml").read_text())
    urls = {
        env["value"]
        for part in (*spec["services"], *spec["jobs"])
        for env in part["envs"]
        if env["key"] in {"DATABASE_URL", "REDIS_URL"}
    }

    assert len(urls) == 3
    assert [url for url in sorted(urls) if f"`{url}`" not in PAGE] == []
