"""What hands do to an app in its control panel, through the cloud's own API."""

from collections.abc import Iterable
from typing import Any

from seatrial import Destroy, Invalid, Observe, fault

Spec = dict[str, Any]


class ByHand:
    """A change of the live spec; in effect once the newest deployment was made from it."""

    def change(self, spec: Spec) -> None:
        """Change the spec in place."""
        raise NotImplementedError

    def shows(self, spec: Spec) -> bool:
        """Tell whether a deployment's spec holds the change."""
        raise NotImplementedError

    def strike(self, destroy: Destroy) -> None:
        """Read, change, and put back."""
        spec = destroy.cloud.app_spec()
        self.change(spec)
        destroy.cloud.put_app_spec(spec)

    def in_effect(self, observe: Observe) -> bool:
        """Find it in what is deployed, which another call tells."""
        deployments = observe.cloud.app_deployments()
        return bool(deployments) and self.shows(deployments[0]["spec"])


def _service(spec: Spec, having: str) -> Spec:
    """Return the first service that has a field."""
    return _first((each for each in spec.get("services", []) if each.get(having)), f"a service with {having}")


def _env(spec: Spec, kind: str) -> Spec:
    """Return the first variable of a kind that no release fills in."""
    found = (env for env in _service(spec, "envs")["envs"] if env["type"] == kind and env["key"] != "RELEASE")
    return _first(found, f"a variable of type {kind}")


def _first(found: Iterable[Spec], what: str) -> Spec:
    for each in found:
        return each
    raise Invalid(f"the live spec has no {what}")


@fault("drift-env", kind="cloud objects", caught_by={"DEP-SPEC-02": "is a value that is not told here, declared"})
class Env(ByHand):
    """A variable was changed in the control panel to try something.

    Source: https://12factor.net/config; https://docs.digitalocean.com/products/app-platform/how-to/use-environment-variables/
    """

    value = "changed-by-hand"

    def change(self, spec: Spec) -> None:
        """Give the first open variable another value."""
        _env(spec, "GENERAL")["value"] = self.value

    def shows(self, spec: Spec) -> bool:
        """Find that value."""
        return bool(_env(spec, "GENERAL")["value"] == self.value)


@fault("drift-secret-open", kind="cloud objects", caught_by={"DEP-SPEC-02": ".type = SECRET"})
class SecretOpen(ByHand):
    """A secret was pasted as an ordinary variable, where everybody who may read the app reads it.

    Source: https://cwe.mitre.org/data/definitions/312.html (cleartext storage of sensitive information)
    """

    value = "pasted-by-hand"

    def change(self, spec: Spec) -> None:
        """Replace the first secret by an open value."""
        _env(spec, "SECRET").update(type="GENERAL", value=self.value)

    def shows(self, spec: Spec) -> bool:
        """Find the open value."""
        return any(env["value"] == self.value for env in _service(spec, "envs")["envs"])


@fault("drift-count", kind="cloud objects", caught_by={"DEP-SPEC-02": "min_instance_count is 1, declared"})
class Count(ByHand):
    """Instances were saved at night, and nobody put them back.

    Source: https://docs.digitalocean.com/products/app-platform/how-to/scale-app/
    """

    def change(self, spec: Spec) -> None:
        """Let the first service that scales by itself go down to one."""
        _service(spec, "autoscaling")["autoscaling"]["min_instance_count"] = 1

    def shows(self, spec: Spec) -> bool:
        """Find one."""
        return bool(_service(spec, "autoscaling")["autoscaling"]["min_instance_count"] == 1)


@fault("drift-domain", kind="cloud objects", caught_by={"DEP-SPEC-02": "undeclared: domains.old.example.net"})
class Domain(ByHand):
    """A host of before was added by hand, and no certificate policy, rule or uptime check knows it.

    Source: https://docs.digitalocean.com/products/app-platform/how-to/manage-domains/
    """

    host = "old.example.net"

    def change(self, spec: Spec) -> None:
        """Add the host."""
        spec["domains"] = [*spec.get("domains", []), {"domain": self.host, "type": "ALIAS"}]

    def shows(self, spec: Spec) -> bool:
        """Find it."""
        return any(each["domain"] == self.host for each in spec["domains"])


@fault("drift-health-check", kind="cloud objects", caught_by={"DEP-SPEC-02": ".health_check.http_path = /readyz"})
class HealthCheck(ByHand):
    """The health check was removed because it kept a deployment from becoming active.

    Source: https://docs.digitalocean.com/products/app-platform/how-to/manage-health-checks/
    """

    def change(self, spec: Spec) -> None:
        """Remove the first one."""
        del _service(spec, "health_check")["health_check"]

    def shows(self, spec: Spec) -> bool:
        """Count fewer than there are services."""
        return any("health_check" not in each for each in spec["services"])
