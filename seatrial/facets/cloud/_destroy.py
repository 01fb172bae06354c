"""Strikes on a cloud's network and app through its own API, each with its inverse in the undo log before it acts."""

from typing import Any, Literal

from seatrial.errors import EnvironmentFault, HarnessError
from seatrial.facets.cloud._observe import ObserveCloud, call
from seatrial.inverses import inverse
from seatrial.scope import Scope

Rule = dict[str, Any]
# What a firewall is made of; the rest of the answer is not for us to set.
_FIREWALL = ("name", "inbound_rules", "outbound_rules", "droplet_ids", "tags")
_TRUSTED = ("uuid", "type", "value", "description")


class DestroyCloud(ObserveCloud):
    """Changes to trusted sources, firewalls and the app; the inverse of each puts back the whole of now."""

    def add_trusted_source(self, database: str, kind: str, value: str) -> None:
        """Let one more source connect to a database cluster."""
        self._set_trusted(database, [*self._trusted(database), {"type": kind, "value": value}])

    def clear_trusted_sources(self, database: str) -> None:
        """Empty the list, which lets everybody connect."""
        self._set_trusted(database, [])

    def add_firewall_rule(self, firewall: str, direction: Literal["inbound", "outbound"], rule: Rule) -> None:
        """Add a rule as the API writes it."""
        now = self._firewall(firewall)
        key = f"{direction}_rules"
        self._set_firewall(firewall, {**now, key: [*(now[key] or []), rule]})

    def remove_firewall_rules(self, firewall: str, direction: Literal["inbound", "outbound"], ports: str) -> None:
        """Remove the rules of these ports."""
        now = self._firewall(firewall)
        key = f"{direction}_rules"
        kept = [rule for rule in now[key] or [] if rule.get("ports") != ports]
        if len(kept) == len(now[key] or []):
            raise HarnessError(f"firewall {firewall} has no {direction} rule of ports {ports}")
        self._set_firewall(firewall, {**now, key: kept})

    def untag_firewall(self, firewall: str, tag: str) -> None:
        """Let a firewall guard the machines of a tag no longer."""
        now = self._firewall(firewall)
        if tag not in (now["tags"] or []):
            raise HarnessError(f"firewall {firewall} does not guard tag {tag}")
        self._set_firewall(firewall, {**now, "tags": [each for each in now["tags"] if each != tag]})

    def put_app_spec(self, spec: dict[str, Any]) -> None:
        """Give the app another spec, which deploys it; secrets are sent back as they were read, encrypted."""
        where, now = self._app(), self.app_spec()
        if spec == now:
            raise HarnessError(f"app {where} has that spec already")
        self._scope.undo("cloud.put_app_spec", {"app": where, "spec": now})
        self._scope.meter.add(writes=1)
        _put_app_spec(self._scope, app=where, spec=spec)

    def _trusted(self, database: str) -> list[Rule]:
        return [{key: rule[key] for key in _TRUSTED if rule.get(key)} for rule in self.trusted_sources(database)]

    def _set_trusted(self, database: str, rules: list[Rule]) -> None:
        where = self._named("databases", database).id
        self._scope.undo("cloud.put_trusted_sources", {"database": where, "rules": self._trusted(database)})
        self._scope.meter.add(writes=1)
        _put_trusted(self._scope, database=where, rules=rules)

    def _firewall(self, name: str) -> dict[str, Any]:
        now = self.firewall(name)
        return {key: now.get(key) for key in _FIREWALL}

    def _set_firewall(self, name: str, body: dict[str, Any]) -> None:
        where = self._named("firewalls", name).id
        self._scope.undo("cloud.put_firewall", {"firewall": where, "body": self._firewall(name)})
        self._scope.meter.add(writes=1)
        _put_firewall(self._scope, firewall=where, body=body)


@inverse("cloud.put_trusted_sources")
def _put_trusted(scope: Scope, *, database: str, rules: list[Rule]) -> None:
    answer = call(scope, "databases.update_firewall_rules", database, {"rules": rules})
    if not answer.ok:
        raise EnvironmentFault(f"cloud: {answer}")


@inverse("cloud.put_firewall")
def _put_firewall(scope: Scope, *, firewall: str, body: dict[str, Any]) -> None:
    answer = call(scope, "firewalls.update", firewall, body)
    if not answer.ok:
        raise EnvironmentFault(f"cloud: {answer}")


@inverse("cloud.put_app_spec")
def _put_app_spec(scope: Scope, *, app: str, spec: dict[str, Any]) -> None:
    answer = call(scope, "apps.update", app, {"spec": spec})
    if not answer.ok:
        raise EnvironmentFault(f"cloud: {answer}")
