"""The stand-in answers in the vendor's published shapes, before and after it was written to."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from seatrial.probes import cloud as probe
from seatrial.probes.cloud import CloudAnswer
from seatrial.scope import Meter
from tests.cloud.apps import APP
from tests.cloud.stand_in import DATABASE, FIREWALL, VPC, StandIn
from tests.cloud.test_drift import SPEC, released
from tests.probes.conftest import Authority

SCHEMA = json.loads(Path(__file__).with_name("digitalocean.schema.json").read_text())


def fits(name: str, value: Any) -> None:
    schema = {**SCHEMA["properties"][name], "$defs": SCHEMA["$defs"]}
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(value)


@pytest.fixture
def ask(cloud: StandIn, authority: Authority) -> Any:
    client = probe.client(cloud.endpoint, authority.ca, "writer", retries=0, timeout_s=5)
    yield lambda operation, *arguments, **options: probe.call(client, Meter(), operation, *arguments, **options)
    client.close()


def test_every_object_has_the_published_shape(ask: Any) -> None:
    fits("vpc", ask("vpcs.get", VPC).data["vpc"])
    fits("firewall", ask("firewalls.get", FIREWALL).data["firewall"])
    fits("database_cluster", ask("databases.get_cluster", DATABASE).data["database"])
    for member in ask("vpcs.list_members", VPC).data["members"]:
        fits("vpc_member", member)
    for rule in ask("databases.list_firewall_rules", DATABASE).data["rules"]:
        fits("database_firewall_rule", rule)


def test_a_schema_that_everything_fits_would_prove_nothing() -> None:
    with pytest.raises(jsonschema.ValidationError):
        fits("firewall", {"status": "fine"})
    with pytest.raises(jsonschema.ValidationError):
        fits("database_firewall_rule", {"type": "anybody", "value": "x"})


def test_what_is_put_is_there_and_keeps_its_shape(ask: Any) -> None:
    put: CloudAnswer = ask("databases.update_firewall_rules", DATABASE, {"rules": [{"type": "tag", "value": "gpu"}]})
    rules = ask("databases.list_firewall_rules", DATABASE).data["rules"]

    assert (put.ok, put.status) == (True, 204)
    assert [(rule["type"], rule["value"]) for rule in rules] == [("tag", "gpu")]
    fits("database_firewall_rule", rules[0])


def test_pages_are_linked(ask: Any, cloud: StandIn) -> None:
    cloud.page_size = 2

    first, last = (ask("vpcs.list_members", VPC, page=number).data for number in (1, 2))

    assert (len(first["members"]), len(last["members"])) == (2, 1)
    assert "next" in first["links"]["pages"]
    assert "next" not in last["links"]["pages"]


def test_apps_have_the_published_shape_at_every_step(ask: Any, cloud: StandIn) -> None:
    cloud.apps.put(released(SPEC))
    cloud.apps.settle()
    first = cloud.apps.deployments[0]["id"]
    cloud.apps.ends, cloud.apps.warnings = ["ERROR"], ("image_source_missing_digest",)
    fits("app_propose_response", ask("apps.validate_app_spec", {"spec": released(SPEC)}).data)
    fits("app", ask("apps.update", APP, {"spec": released(SPEC, "r2")}).data["app"])
    second = cloud.apps.deployments[0]["id"]
    for _ in range(4):
        fits("deployment", ask("apps.get_deployment", APP, second).data["deployment"])
    fits("rollback_validation", ask("apps.validate_rollback", APP, {"deployment_id": first}).data)
    fits("deployment", ask("apps.create_rollback", APP, {"deployment_id": first}).data["deployment"])
    fits("rollback_validation", ask("apps.validate_rollback", APP, {"deployment_id": first}).data)
    fits("app", ask("apps.get", APP).data["app"])
    fits("deployment", ask("apps.revert_rollback", APP).data["deployment"])
    fits("app_health", ask("apps.get_health", APP).data["app_health"])
    for app in ask("apps.list").data["apps"]:
        fits("app", app)
    for each in ask("apps.list_deployments", APP).data["deployments"]:
        fits("deployment", each)
    assert [each["phase"] for each in cloud.apps.deployments] == ["PENDING_BUILD", "PENDING_BUILD", "ERROR", "ACTIVE"]
