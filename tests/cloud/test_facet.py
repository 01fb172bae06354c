"""Reads and strikes on a cloud: what is measured, what cannot be, and what the undo log can put back."""

import copy
import json
import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from seatrial.declared import CloudSection
from seatrial.errors import Failure, HarnessError, Invalid
from seatrial.facets.cloud import DestroyCloud, ObserveCloud
from seatrial.inverses import invert
from seatrial.outcome import Level
from seatrial.probes import cloud as probe
from seatrial.scope import Credential, Meter, Scope
from tests.cloud.conftest import section
from tests.cloud.stand_in import StandIn
from tests.probes.conftest import Authority
from tests.probes.conftest import scope as scope  # noqa: PLC0414 - a fixture

Logged = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def logged() -> Logged:
    return []


@pytest.fixture
def inside(
    cloud: StandIn, authority: Authority, scope: Callable[..., Scope], logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> Scope:
    monkeypatch.setattr(probe, "RETRIES", 0)
    declared = CloudSection(**tomllib.loads(section(cloud, authority.ca))["cloud"])
    made = scope(Level.DESTROY, undo=lambda do, args: logged.append((do, args)), cloud=declared)
    object.__setattr__(made, "credentials", lambda _: Credential("token", "writer"))
    return made


def test_members_come_from_every_page(inside: Scope, cloud: StandIn) -> None:
    cloud.page_size = 1

    assert len(ObserveCloud(inside).vpc_members()) == 3


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("429", "cannot be asked for VPC .*: 429"),
        ("500", "cannot be asked for VPC .*: 500"),
        ("503", "cannot be asked for VPC .*: 503"),
        ("401", "refuses the token to read VPC .*: 401"),
        ("403", "refuses the token to read VPC .*: 403"),
        ("garbage", "cannot be asked for VPC"),
        ("list", "cannot be asked for VPC .*not an object"),
    ],
)
def test_what_cannot_be_asked_is_invalid_with_its_reason(inside: Scope, cloud: StandIn, wrong: str, words: str) -> None:
    cloud.wrong = wrong

    with pytest.raises(Invalid, match=words):
        ObserveCloud(inside).vpc()


def test_an_hour_that_the_api_asks_for_is_not_waited_for(cloud: StandIn, authority: Authority) -> None:
    cloud.wrong = "429"
    client = probe.client(cloud.endpoint, authority.ca, "reader", retries=2, timeout_s=5)

    answer = probe.call(client, Meter(), "account.get")

    client.close()
    assert (answer.status, answer.ok, len(cloud.asked)) == (429, False, 3)


def test_silence_is_invalid(inside: Scope, cloud: StandIn, authority: Authority) -> None:
    cloud.wrong = "silent"
    client = probe.client(cloud.endpoint, authority.ca, "reader", retries=0, timeout_s=1)

    answer = probe.call(client, Meter(), "account.get")

    client.close()
    assert (answer.status, answer.ok) == (None, False)
    assert answer.error


def test_what_is_declared_and_not_there_is_a_failure_although_nothing_raises(inside: Scope, cloud: StandIn) -> None:
    cloud.state["firewall"] = None

    with pytest.raises(Failure, match="not there: 404"):
        ObserveCloud(inside).firewall("gpu")


def test_a_token_goes_nowhere_without_tls(cloud: StandIn) -> None:
    client = probe.client(cloud.endpoint.replace("https", "http"), None, "reader", retries=0, timeout_s=1)

    answer = probe.call(client, Meter(), "account.get")

    client.close()
    assert "TLS" in answer.error
    assert cloud.asked == []


@pytest.mark.parametrize(
    "strike",
    [
        lambda cloud: cloud.add_trusted_source("postgres", "ip_addr", "0.0.0.0/0"),
        lambda cloud: cloud.clear_trusted_sources("postgres"),
        lambda cloud: cloud.add_firewall_rule(
            "gpu", "inbound", {"protocol": "tcp", "ports": "1", "sources": {"tags": ["x"]}}
        ),
        lambda cloud: cloud.remove_firewall_rules("gpu", "outbound", "0"),
        lambda cloud: cloud.untag_firewall("gpu", "gpu"),
    ],
    ids=["source added", "sources cleared", "rule added", "rules removed", "untagged"],
)
def test_every_strike_is_undone_from_the_log_alone(
    inside: Scope, cloud: StandIn, logged: Logged, strike: Callable[[DestroyCloud], None]
) -> None:
    before = copy.deepcopy(cloud.state)

    strike(DestroyCloud(inside))

    assert without_times(cloud.state) != without_times(before)
    ((do, args),) = json.loads(json.dumps(logged))
    for _ in range(2):
        invert(do, args, inside)
    assert without_times(cloud.state) == without_times(before)


def without_times(state: dict[str, Any]) -> dict[str, Any]:
    return {**state, "rules": [{**rule, "created_at": ""} for rule in state["rules"]]}


def test_a_strike_that_would_change_nothing_is_refused_before_the_log(inside: Scope, logged: Logged) -> None:
    struck = DestroyCloud(inside)
    with pytest.raises(HarnessError, match="no inbound rule"):
        struck.remove_firewall_rules("gpu", "inbound", "99")
    with pytest.raises(HarnessError, match="does not guard"):
        struck.untag_firewall("gpu", "nobody")

    assert logged == []
