"""A profile's [cloud] and [external]: what is wrong is said with file, line and what was meant."""

from pathlib import Path

import pytest

from seatrial.errors import ProfileError
from seatrial.profile import load
from tests.cloud.conftest import section
from tests.cloud.stand_in import StandIn

EXTERNAL = """
[external.mail]
kind = "smtp"
credential = "smtp"
endpoint = "smtp.example.com:587"
scope = ["login"]
[credentials.exercise]
smtp = { user = "me", password = "env:SMTP" }
"""


def problem(folder: Path, body: str) -> str:
    """Return what is said of a profile with that body, "" when it is well formed."""
    file = folder / "here.toml"
    file.write_text(f'name = "here"\nmax_impact = "exercise"\n[urls]\n{body}')
    try:
        load(file)
    except ProfileError as error:
        return str(error)
    return ""


def line_of(folder: Path, text: str) -> int:
    lines = (folder / "here.toml").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


@pytest.mark.parametrize(
    ("change", "at", "words"),
    [
        (('range = "10.20.0.0/20"', 'range = "10.20.0.1/20"'), "range =", "host bits set"),
        (('"do:droplet:101"', '"droplet 101"'), "members =", "named by its URN"),
        (('"app:', '"application:'), "trusted =", "a trusted source is"),
        (('"ip_addr:10.20.0.0/20"', '"ip_addr:everywhere"'), "trusted =", "everywhere"),
        (('tags = ["gpu"]', 'tag = ["gpu"]'), "tag =", "did you mean 'tags'?"),
        (('ports = "22"', 'ports = "ssh"'), "inbound =", "ports are"),
        (('protocol = "icmp"', 'protocol = "ping"'), "outbound =", "'tcp', 'udp' or 'icmp'"),
        (("[cloud.vpc]\nid", "[cloud.vpc]\nname"), "[cloud.vpc]", "cloud.vpc.id: is missing"),
    ],
    ids=["host bits", "urn", "source", "address", "unknown key", "ports", "protocol", "missing"],
)
def test_a_wrong_topology_is_named_with_its_line(
    tmp_path: Path, cloud: StandIn, change: tuple[str, str], at: str, words: str
) -> None:
    whole = section(cloud, tmp_path / "ca.crt")
    assert problem(tmp_path, whole) == ""
    assert change[0] in whole

    said = problem(tmp_path, whole.replace(*change))

    assert words in said
    assert f"here.toml:{line_of(tmp_path, at)}: cloud" in said


def test_a_database_without_trusted_sources_cannot_be_declared(tmp_path: Path, cloud: StandIn) -> None:
    lines = section(cloud, tmp_path / "ca.crt").splitlines()
    body = "\n".join("trusted = []" if line.startswith("trusted") else line for line in lines)

    assert "at least 1 item" in problem(tmp_path, body)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('kind = "smtp"', 'kind = "fax"'), "'digitalocean', 's3', 'sentry', 'slack' or 'smtp'"),
        (('credential = "smtp"', 'credential = "mail"'), "no credential 'mail'"),
        (("smtp.example.com:587", "smtp.example.com"), "HOST:PORT"),
        (('scope = ["login"]', "scope = []"), "at least 1 item"),
        (('scope = ["login"]', 'scopes = ["login"]'), "did you mean 'scope'?"),
        (('scope = ["login"]', 'scope = ["login"]\nissued = "yesterday"'), "issued"),
        (('scope = ["login"]', 'scope = ["login"]\nmax_age_days = 0'), "max_age_days"),
    ],
    ids=["kind", "credential", "endpoint", "no scope", "unknown key", "day", "age"],
)
def test_a_wrong_key_is_named(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    assert problem(tmp_path, EXTERNAL) == ""

    assert words in problem(tmp_path, EXTERNAL.replace(*change))
