"""App Platform's part of the stand-in: one app, its deployments, and how they end.

From the published description: a spec is proposed without effect, a PUT of an app makes a deployment, a deployment passes through
its phases, only one that became ACTIVE serves, a rollback is a new deployment which pins the app until it is committed or
reverted, values of type SECRET come back encrypted, and fields that were left out come back with their defaults.
"""

import copy
import hashlib
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

AT = "2026-11-01T00:00:00Z"
APP = str(uuid.UUID(int=4, version=4))
_NOWHERE = f"sha256:{'0' * 64}"
_PHASES = ("PENDING_BUILD", "PENDING_DEPLOY", "DEPLOYING")
_TOP = {
    "name", "region", "vpc", "egress", "alerts", "domains", "ingress", "databases", "services", "workers", "jobs", "envs",
    "features", "static_sites", "functions", "maintenance", "disable_edge_cache", "disable_email_obfuscation",
    "enhanced_threat_control_enabled",
}  # fmt: skip
Spec = dict[str, Any]


class RefusedError(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        self.status, self.kind = status, kind
        super().__init__(message)


@dataclass
class AppPlatform:
    """The apps of an account: none, or one.

    Attributes:
        spec: what the app shall be; None as long as there is no app.
        deployments: newest first.
        ends: how the next deployments end, in turn: "ACTIVE", "ERROR", "CANCELED", or "" for never; ACTIVE when used up.
        unfit: code with which a rollback is found impossible.
        warnings: codes that a rollback's validation warns of.
    """

    spec: Spec | None = None
    deployments: list[dict[str, Any]] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    pinned: str = ""
    before_rollback: Spec | None = None
    unfit: str = ""
    warnings: tuple[str, ...] = ()
    health: str = "HEALTHY"

    @property
    def active(self) -> dict[str, Any] | None:
        return next((each for each in self.deployments if each["phase"] == "ACTIVE"), None)

    def put(self, spec: Spec, cause: str = "app spec updated") -> None:
        """Take a spec and begin to deploy it."""
        self.spec = filled(spec)
        images = [each["image"]["digest"] for each in (*spec.get("services", []), *spec.get("jobs", []))]
        end = "ERROR" if _NOWHERE in images else self.ends.pop(0) if self.ends else "ACTIVE"
        self.deployments.insert(
            0,
            {
                "id": str(uuid.uuid4()),
                "spec": copy.deepcopy(self.spec),
                "phase": _PHASES[0],
                "cause": cause,
                "created_at": AT,
                "updated_at": AT,
                "progress": {"pending_steps": 3, "success_steps": 0, "error_steps": 0, "total_steps": 3, "steps": []},
                "_end": end,
            },
        )

    def settle(self) -> None:
        """Let every deployment come to its end."""
        for each in list(reversed(self.deployments)):
            while each["_end"] and each["phase"] in _PHASES:
                self.advance(each)

    def advance(self, deployment: dict[str, Any]) -> None:
        """Bring a deployment one phase on."""
        phase, progress = deployment["phase"], deployment["progress"]
        if phase not in _PHASES or (phase == _PHASES[-1] and not deployment["_end"]):
            return
        done = _PHASES.index(phase) + 1
        progress.update(success_steps=done, pending_steps=3 - done)
        if done < len(_PHASES):
            deployment["phase"] = _PHASES[done]
            return
        if deployment["_end"] == "ACTIVE" and (before := self.active):
            before["phase"] = "SUPERSEDED"
        if deployment["_end"] == "ERROR":
            progress.update(success_steps=2, error_steps=1)
            progress["steps"] = [
                {
                    "name": "deploy",
                    "status": "ERROR",
                    "steps": [
                        {
                            "name": "wait",
                            "component_name": "api",
                            "status": "ERROR",
                            "reason": {"code": "DeployContainerHealthChecksFailed", "message": "not healthy in time"},
                        }
                    ],
                }
            ]
        deployment["phase"] = deployment["_end"]

    def shown(self) -> dict[str, Any]:
        """Return the app as the API shows it."""
        moving = [each for each in self.deployments if each["phase"] in _PHASES]
        app: dict[str, Any] = {
            "id": APP,
            "spec": self.spec,
            "created_at": AT,
            "updated_at": AT,
            "default_ingress": "https://here-abcde.example.com",
            "domains": [
                {"id": domain["domain"], "spec": domain, "phase": "ACTIVE"}
                for domain in (self.spec or {}).get("domains", [])
            ],
        }
        if self.active:
            app["active_deployment"] = _public(self.active)
        if moving:
            app["in_progress_deployment"] = _public(moving[0])
        if self.pinned:
            app["pinned_deployment"] = _public(_deployment(self, self.pinned))
        return app


def filled(spec: Spec) -> Spec:
    """Return a spec with secrets encrypted and with what the platform fills in by itself."""
    made = copy.deepcopy(spec)
    made.setdefault("features", ["buildpack-stack=ubuntu-22"])
    if made.get("vpc"):
        made["vpc"]["egress_ips"] = [{"ip": "10.20.0.9"}]
    for component in (*made.get("services", []), *made.get("workers", []), *made.get("jobs", [])):
        if "autoscaling" not in component:
            component.setdefault("instance_count", 1)
        for env in component.get("envs", []):
            env.setdefault("scope", "RUN_AND_BUILD_TIME")
            env.setdefault("type", "GENERAL")
            if env["type"] == "SECRET" and not env["value"].startswith("EV["):
                env["value"] = f"EV[1:{hashlib.sha256(env['value'].encode()).hexdigest()[:24]}]"
    for service in made.get("services", []):
        service.setdefault("http_port", 8080)
        for name, threshold, delay in (("health_check", 9, 0), ("liveness_health_check", 18, 5)):
            if probe := service.get(name):
                for key, value in (
                    ("initial_delay_seconds", delay),
                    ("period_seconds", 10),
                    ("timeout_seconds", 1),
                    ("success_threshold", 1),
                    ("failure_threshold", threshold),
                ):
                    probe.setdefault(key, value)
        service.setdefault("termination", {}).setdefault("grace_period_seconds", 120)
    return made


def _refuse_wrong(spec: Any) -> None:
    if not isinstance(spec, dict) or not re.fullmatch(r"[a-z][a-z0-9-]{0,30}[a-z0-9]", str(spec.get("name"))):
        raise RefusedError(422, "unprocessable_entity", "error validating app spec field: name is required")
    if unknown := sorted(spec.keys() - _TOP):
        raise RefusedError(422, "unprocessable_entity", f"error validating app spec: unknown field {unknown[0]}")
    for component in (*spec.get("services", []), *spec.get("jobs", [])):
        for env in component.get("envs", []):
            if env["value"].startswith("EV[") and not re.fullmatch(r"EV\[1:[0-9a-f]{24}\]", env["value"]):
                raise RefusedError(
                    422, "unprocessable_entity", f"error validating app spec: {env['key']} not decryptable"
                )


def _public(deployment: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in deployment.items() if not key.startswith("_")}


def _deployment(apps: AppPlatform, name: str) -> dict[str, Any]:
    found = next((each for each in apps.deployments if each["id"] == name), None)
    if found is None:
        raise RefusedError(404, "not_found", "the resource you requested could not be found")
    return found


def _own(handler: Any, match: "re.Match[str]") -> AppPlatform:
    apps: AppPlatform = handler.stand_in.apps
    if apps.spec is None or match[1] != APP:
        raise RefusedError(404, "not_found", "the resource you requested could not be found")
    return apps


def _list(handler: Any, _: Any, __: Any, ___: Any) -> Any:
    return handler._page([handler.stand_in.apps.shown()] if handler.stand_in.apps.spec else [], "apps")


def _create(handler: Any, _: Any, __: Any, body: Any) -> Any:
    _refuse_wrong((body or {}).get("spec"))
    if handler.stand_in.apps.spec is not None:
        raise RefusedError(409, "conflict", f"app name {body['spec']['name']} already in use")
    handler.stand_in.apps.put(body["spec"], "initial deployment")
    return {"app": handler.stand_in.apps.shown()}


def _get(handler: Any, _: Any, match: Any, __: Any) -> Any:
    return {"app": _own(handler, match).shown()}


def _put(handler: Any, _: Any, match: Any, body: Any) -> Any:
    apps = _own(handler, match)
    _refuse_wrong(body.get("spec"))
    if apps.pinned:
        raise RefusedError(409, "conflict", "the app is pinned to a deployment")
    apps.put(body["spec"])
    return {"app": apps.shown()}


def _propose(handler: Any, _: Any, __: Any, body: Any) -> Any:
    del handler
    _refuse_wrong(body.get("spec"))
    return {"app_name_available": True, "app_cost": 118, "spec": filled(body["spec"])}


def _list_deployments(handler: Any, _: Any, match: Any, __: Any) -> Any:
    return handler._page([_public(each) for each in _own(handler, match).deployments], "deployments")


def _get_deployment(handler: Any, _: Any, match: Any, __: Any) -> Any:
    apps = _own(handler, match)
    found = _deployment(apps, match[2])
    apps.advance(found)
    return {"deployment": _public(found)}


def _cancel(handler: Any, _: Any, match: Any, __: Any) -> Any:
    found = _deployment(_own(handler, match), match[2])
    if found["phase"] not in _PHASES:
        raise RefusedError(409, "conflict", "the deployment has ended")
    found["phase"] = "CANCELED"
    return {"deployment": _public(found)}


def _health(handler: Any, _: Any, match: Any, __: Any) -> Any:
    apps = _own(handler, match)
    names = [each["name"] for each in (apps.spec or {})["services"]]
    return {
        "app_health": {
            "components": [
                {"name": name, "state": apps.health, "replicas_desired": 2, "replicas_ready": 2} for name in names
            ]
        }
    }


def _validate_rollback(handler: Any, _: Any, match: Any, body: Any) -> Any:
    apps = _own(handler, match)
    _deployment(apps, body["deployment_id"])
    code = apps.unfit or ("app_pinned" if apps.pinned else "")
    answer: dict[str, Any] = {
        "valid": not code,
        "warnings": [{"code": each, "message": each, "components": ["api"]} for each in apps.warnings],
    }
    return {**answer, "error": {"code": code, "message": f"cannot roll back: {code}"}} if code else answer


def _rollback(handler: Any, _: Any, match: Any, body: Any) -> Any:
    apps = _own(handler, match)
    target, now = _deployment(apps, body["deployment_id"]), copy.deepcopy(apps.spec)
    if apps.pinned:
        raise RefusedError(409, "conflict", "the app is pinned to a deployment")
    apps.put(target["spec"], "rollback")
    apps.before_rollback, apps.pinned = now, apps.deployments[0]["id"]
    return {"deployment": _public(apps.deployments[0])}


def _commit(handler: Any, _: Any, match: Any, __: Any) -> Any:
    apps = _own(handler, match)
    if not apps.pinned:
        raise RefusedError(409, "conflict", "no rollback to commit")
    apps.pinned, apps.before_rollback = "", None
    return {}


def _revert(handler: Any, _: Any, match: Any, __: Any) -> Any:
    apps = _own(handler, match)
    if not apps.pinned or apps.before_rollback is None:
        raise RefusedError(409, "conflict", "no rollback to revert")
    apps.put(apps.before_rollback, "rollback reverted")
    apps.pinned, apps.before_rollback = "", None
    return {"deployment": _public(apps.deployments[0])}


_ID = r"([0-9a-f-]{36})"
ROUTES: tuple[tuple[str, str, Callable[..., Any]], ...] = (
    (r"GET /v2/apps", "app:read", _list),
    (r"POST /v2/apps", "app:create", _create),
    (r"POST /v2/apps/propose", "app:read", _propose),
    (rf"GET /v2/apps/{_ID}", "app:read", _get),
    (rf"PUT /v2/apps/{_ID}", "app:update", _put),
    (rf"GET /v2/apps/{_ID}/deployments", "app:read", _list_deployments),
    (rf"GET /v2/apps/{_ID}/deployments/{_ID}", "app:read", _get_deployment),
    (rf"POST /v2/apps/{_ID}/deployments/{_ID}/cancel", "app:update", _cancel),
    (rf"GET /v2/apps/{_ID}/health", "app:read", _health),
    (rf"POST /v2/apps/{_ID}/rollback/validate", "app:update", _validate_rollback),
    (rf"POST /v2/apps/{_ID}/rollback", "app:update", _rollback),
    (rf"POST /v2/apps/{_ID}/rollback/commit", "app:update", _commit),
    (rf"POST /v2/apps/{_ID}/rollback/revert", "app:update", _revert),
)
