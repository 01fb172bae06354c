"""A cloud's network and app as its own API tells them."""

from collections.abc import Mapping
from typing import Any

from seatrial.errors import Failure, Invalid
from seatrial.probes import cloud
from seatrial.probes.cloud import CloudAnswer
from seatrial.scope import CloudPlace, Identified, Scope

PER_PAGE = 200


def place(scope: Scope) -> CloudPlace:
    """Return the cloud and what the environment has in it; raises Invalid when the profile names none."""
    if scope.profile.cloud is None:
        raise Invalid("the profile names no [cloud]")
    return scope.profile.cloud


def call(scope: Scope, operation: str, *arguments: Any, **options: Any) -> CloudAnswer:
    """Make one call with the level's own token; the client is kept, the meter is the caller's."""
    own, where = scope.credentials("cloud"), place(scope)
    key = ("cloud", where.endpoint, own.user)
    if key not in scope.clients:
        scope.clients[key] = cloud.client(where.endpoint, where.ca, own.password)
    return cloud.call(scope.clients[key], scope.meter, operation, *arguments, **options)


def read(scope: Scope, what: str, operation: str, *arguments: Any, **options: Any) -> Mapping[str, Any]:
    """Read something declared: what is not there is a Failure, what cannot be asked is Invalid."""
    answer = call(scope, operation, *arguments, **options)
    if answer.status == 404:
        raise Failure(f"{what} in the cloud", f"not there: {answer.error}", "cloud")
    if answer.status in {401, 403}:
        raise Invalid(f"the cloud refuses the token to read {what}: {answer.error}")
    if not answer.ok:
        raise Invalid(f"the cloud cannot be asked for {what}: {answer.error}")
    return answer.data


class ObserveCloud:
    """Reads of network and app; everything is named as the profile names it.

    Raises Failure for what the profile declares and the cloud has not, Invalid where the cloud cannot be asked.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def vpc(self) -> dict[str, Any]:
        """Return the VPC."""
        where = place(self._scope).vpc
        return _object(read(self._scope, f"VPC {where.id}", "vpcs.get", where.id), "vpc")

    def vpc_members(self) -> list[dict[str, Any]]:
        """Return every member of the VPC, all pages."""
        where, found, page = place(self._scope).vpc, list[dict[str, Any]](), 1
        while True:
            data = read(self._scope, f"VPC {where.id}", "vpcs.list_members", where.id, per_page=PER_PAGE, page=page)
            found += _objects(data, "members")
            if not ((data.get("links") or {}).get("pages") or {}).get("next"):
                return found
            page += 1

    def firewall(self, name: str) -> dict[str, Any]:
        """Return a firewall."""
        where = self._named("firewalls", name)
        return _object(read(self._scope, f"firewall {name} ({where.id})", "firewalls.get", where.id), "firewall")

    def database(self, name: str) -> dict[str, Any]:
        """Return a database cluster."""
        where = self._named("databases", name)
        return _object(
            read(self._scope, f"database {name} ({where.id})", "databases.get_cluster", where.id), "database"
        )

    def trusted_sources(self, name: str) -> list[dict[str, Any]]:
        """Return who may connect to a database cluster."""
        where = self._named("databases", name)
        what = f"database {name} ({where.id})"
        return _objects(read(self._scope, what, "databases.list_firewall_rules", where.id), "rules")

    def app(self) -> dict[str, Any]:
        """Return the app: its spec, and what is deployed, on its way and pinned."""
        where = self._app()
        return _object(read(self._scope, f"app {where}", "apps.get", where), "app")

    def app_spec(self) -> dict[str, Any]:
        """Return the spec that the app has now; secrets in it are encrypted."""
        return _object(self.app(), "spec")

    def app_deployments(self) -> list[dict[str, Any]]:
        """Return the app's newest deployments, newest first, each with the spec that it was made from."""
        where = self._app()
        return _objects(read(self._scope, f"app {where}", "apps.list_deployments", where), "deployments")

    def _app(self) -> str:
        where = place(self._scope).app
        if where is None:
            raise Invalid("the profile has no cloud.app")
        return where

    def _named(self, kind: str, name: str) -> Identified:
        known: Mapping[str, Identified] = getattr(place(self._scope), kind)
        if name not in known:
            raise Invalid(f"the profile has no cloud.{kind}.{name}")
        return known[name]


def _object(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    if not isinstance(data.get(key), dict):
        raise Invalid(f"the cloud's answer holds no {key}")
    return dict(data[key])


def _objects(data: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    rows = data.get(key)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Invalid(f"the cloud's answer holds no list of {key}")
    return rows
