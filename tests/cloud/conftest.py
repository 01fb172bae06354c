"""The stand-in on loopback, and the section of a profile that declares what is in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.apps import APP
from tests.cloud.stand_in import DATABASE, FIREWALL, VPC, StandIn
from tests.probes.conftest import Authority
from tests.serving import answering


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    folder = tmp_path / "authority"
    folder.mkdir()
    return Authority(folder)


@pytest.fixture
def cloud(authority: Authority) -> Iterator[StandIn]:
    stand_in = StandIn()
    with answering(stand_in.handler(), authority.context(names=("127.0.0.1",))) as stand_in.port:
        yield stand_in
        stand_in.released.set()


def section(cloud: StandIn, ca: Path) -> str:
    """Return the profile's [cloud] that the stand-in's first state fulfils."""
    return f"""
[cloud]
endpoint = "{cloud.endpoint}"
ca = "{ca}"

[cloud.vpc]
id = "{VPC}"
range = "10.20.0.0/20"
members = ["do:droplet:102", "do:droplet:101", "do:dbaas:{DATABASE}"]

[cloud.databases.postgres]
id = "{DATABASE}"
trusted = ["app:{APP}", "ip_addr:10.20.0.0/20"]

[cloud.firewalls.gpu]
id = "{FIREWALL}"
tags = ["gpu"]
inbound = [{{ protocol = "tcp", ports = "22", addresses = ["203.0.113.7/32"] }}]
outbound = [
  {{ protocol = "icmp", addresses = ["0.0.0.0/0"] }},
  {{ protocol = "tcp", ports = "all", addresses = ["0.0.0.0/0", "::/0"] }},
]
"""
