"""What a change to a deployment's files can get wrong; each is a patched copy of the tree, for nothing is deployed here."""

from faults._tree import PatchedTree
from seatrial import fault

APP = "system/platforms/digitalocean/app.yaml"
TOFU = "system/platforms/digitalocean/tofu"
DOCKERFILE = "system/platforms/compose/Dockerfile"
READY = "    health_check: &ready { http_path: /readyz, initial"


@fault(
    "spec-no-health-check", kind="configuration", caught_by={"DEP-SPEC-01": "services.2.health_check: Field required"}
)
class NoHealthCheck(PatchedTree):
    """The frontend's health check was lost; App Platform then only tries whether the port takes a connection.

    Source: https://docs.digitalocean.com/products/app-platform/how-to/manage-health-checks/
    """

    edits = (
        {
            "file": APP,
            "find": "metrics: { cpu: { percent: 70 } } }\n    health_check: *ready\n    liveness_health_check: *live\n"
            "    termination: *drain\n    alerts: *alerts\n    envs:\n"
            '      - { key: RELEASE, value: "unreleased", scope: RUN_TIME, type: GENERAL }\n'
            '      - { key: LISTEN_PORT, value: "8080", scope: RUN_TIME, type: GENERAL }\n'
            "      - { key: API_INTERNAL_URL",
            "replace": "metrics: { cpu: { percent: 70 } } }\n    liveness_health_check: *live\n"
            "    termination: *drain\n    alerts: *alerts\n    envs:\n"
            '      - { key: RELEASE, value: "unreleased", scope: RUN_TIME, type: GENERAL }\n'
            '      - { key: LISTEN_PORT, value: "8080", scope: RUN_TIME, type: GENERAL }\n'
            "      - { key: API_INTERNAL_URL",
        },
    )


@fault(
    "spec-health-path",
    kind="configuration",
    caught_by={"DEP-SPEC-01": "health_check asks /livez, and the image is ready at /readyz"},
)
class HealthPath(PatchedTree):
    """Traffic follows liveness, so that an instance without its database still gets requests.

    Source: https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
    """

    edits = ({"file": APP, "find": READY, "replace": READY.replace("/readyz", "/livez")},)


@fault(
    "spec-liveness-of-dependencies",
    kind="configuration",
    caught_by={"DEP-SPEC-01": "liveness_health_check asks /readyz, not /livez"},
)
class LivenessOfDependencies(PatchedTree):
    """Liveness asks what fails with a dependency: an outage of the database restarts every instance as well.

    Source: https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/ (section "Liveness probe")
    """

    edits = ({"file": APP, "find": "&live { http_path: /livez", "replace": "&live { http_path: /readyz"},)


@fault(
    "spec-unknown-field",
    kind="configuration",
    caught_by={"DEP-SPEC-01": "services.1.helth_check: Extra inputs are not permitted"},
)
class UnknownField(PatchedTree):
    """A field's name is misspelt, which the API would take without a word.

    Source: https://github.com/digitalocean/doctl (internal/apps/apps.go refuses unknown fields; the API's schema does not)
    """

    edits = (
        {
            "file": APP,
            "find": "max_instance_count: 8, metrics: { cpu: { percent: 70 } } }\n    health_check: *ready",
            "replace": "max_instance_count: 8, metrics: { cpu: { percent: 70 } } }\n    helth_check: *ready",
        },
    )


@fault("spec-old-tls", kind="configuration", caught_by={"DEP-SPEC-01": "domains.0.minimum_tls_version"})
class OldTls(PatchedTree):
    """A host takes TLS 1.1 again, for the sake of one old client.

    Source: https://www.rfc-editor.org/rfc/rfc8996 (TLS 1.0 and 1.1 must not be used)
    """

    edits = (
        {
            "file": APP,
            "find": 'app.example.com, type: PRIMARY, minimum_tls_version: "1.2"',
            "replace": 'app.example.com, type: PRIMARY, minimum_tls_version: "1.1"',
        },
    )


@fault(
    "spec-short-drain",
    kind="configuration",
    caught_by={"DEP-SPEC-01": "grace_period_seconds is 5, and the service drains for 10 s"},
)
class ShortDrain(PatchedTree):
    """Instances are killed while they still answer, at each deployment.

    Source: https://docs.digitalocean.com/products/app-platform/reference/app-spec/ (termination)
    """

    edits = (
        {
            "file": APP,
            "find": "drain_seconds: 15, grace_period_seconds: 30",
            "replace": "drain_seconds: 15, grace_period_seconds: 5",
        },
    )


@fault(
    "spec-gpu-without-encoder",
    kind="configuration",
    caught_by={"DEP-SPEC-01": "has size gpu-h100x1-80gb, whose GPU has no encoder"},
)
class GpuWithoutEncoder(PatchedTree):
    """The worker got a larger GPU, which computes faster and has no video encoder at all.

    Source: https://developer.nvidia.com/video-encode-decode-support-matrix
    """

    edits = (
        {
            "file": f"{TOFU}/variables.tf",
            "find": 'default     = "gpu-4000adax1-20gb"',
            "replace": 'default     = "gpu-h100x1-80gb"',
        },
    )


@fault(
    "spec-autoscaling-bounds",
    kind="configuration",
    caught_by={"DEP-SPEC-01": "max_instance_count 1 is below min_instance_count 2"},
)
class AutoscalingBounds(PatchedTree):
    """The upper bound was lowered to save money, below the lower one.

    Source: https://docs.digitalocean.com/products/app-platform/how-to/scale-app/
    """

    edits = ({"file": APP, "find": "max_instance_count: 8", "replace": "max_instance_count: 1"},)


@fault(
    "spec-one-instance", kind="configuration", caught_by={"DEP-SPEC-01": "there may be 1 instance, expected 2 at least"}
)
class OneInstance(PatchedTree):
    """A service scales down to one instance, whose restart is an outage.

    Source: https://docs.digitalocean.com/products/app-platform/how-to/scale-app/
    """

    edits = (
        {
            "file": APP,
            "find": "min_instance_count: 2, max_instance_count: 6",
            "replace": "min_instance_count: 1, max_instance_count: 6",
        },
    )


@fault(
    "spec-rule-to-nothing",
    kind="configuration",
    caught_by={"DEP-SPEC-01": "an ingress rule leads to edge-verifier, and there is no such service"},
)
class RuleToNothing(PatchedTree):
    """A component was renamed, and the rule that leads to it was not.

    Source: https://docs.digitalocean.com/products/app-platform/reference/app-spec/ (ingress)
    """

    edits = (
        {
            "file": APP,
            "find": "component: { name: edge, preserve",
            "replace": "component: { name: edge-verifier, preserve",
        },
    )


@fault("spec-no-alert", kind="configuration", caught_by={"DEP-SPEC-01": "no alert RESTART_COUNT"})
class NoAlert(PatchedTree):
    """Nobody is told of a service that restarts again and again.

    Source: https://docs.digitalocean.com/products/app-platform/how-to/create-alerts/
    """

    edits = (
        {
            "file": APP,
            "find": "      - { rule: RESTART_COUNT, operator: GREATER_THAN, value: 2, window: TEN_MINUTES }\n",
            "replace": "      - { rule: RESTART_COUNT, operator: GREATER_THAN, value: 2, window: TEN_MINUTES, disabled: true }\n",
        },
    )


@fault(
    "spec-threat-control",
    kind="configuration",
    caught_by={"DEP-SPEC-01": "enhanced_threat_control_enabled is not true"},
)
class ThreatControl(PatchedTree):
    """The platform's own defence against floods was switched off during an incident, and stayed off.

    Source: https://docs.digitalocean.com/products/app-platform/reference/app-spec/ (enhanced_threat_control_enabled)
    """

    edits = (
        {
            "file": APP,
            "find": "enhanced_threat_control_enabled: true",
            "replace": "enhanced_threat_control_enabled: false",
        },
    )


@fault("spec-no-migration", kind="configuration", caught_by={"DEP-SPEC-01": "no PRE_DEPLOY job migrates"})
class NoMigration(PatchedTree):
    """The migration runs after the new code, which meets the old schema.

    Source: https://docs.digitalocean.com/products/app-platform/how-to/manage-jobs/
    """

    edits = ({"file": APP, "find": "kind: PRE_DEPLOY", "replace": "kind: POST_DEPLOY"},)


@fault(
    "spec-pooled-migration",
    kind="configuration",
    caught_by={"DEP-SPEC-01": "the pooler's: its session's lock would not hold"},
)
class PooledMigration(PatchedTree):
    """The migration goes through the pooler, which gives each transaction another session.

    Source: https://www.pgbouncer.org/features.html (session features that transaction pooling breaks, advisory locks among them)
    """

    edits = (
        {
            "file": APP,
            "find": "migrator@private-production-db.example.com:25060/seatrial",
            "replace": "migrator@private-production-db.example.com:25061/api",
        },
    )


@fault(
    "spec-open-cluster",
    kind="configuration",
    caught_by={"DEP-SPEC-01": "valkey trusts ip_addr 0.0.0.0/0, which is not the VPC"},
)
class OpenCluster(PatchedTree):
    """Every address in the world may try the stream's password.

    Source: https://docs.digitalocean.com/products/databases/valkey/how-to/secure/
    """

    edits = (
        {
            "file": f"{TOFU}/databases.tf",
            "find": 'cluster_id = digitalocean_database_cluster.valkey.id\n  rule {\n    type  = "ip_addr"\n    value = digitalocean_vpc.this.ip_range',
            "replace": 'cluster_id = digitalocean_database_cluster.valkey.id\n  rule {\n    type  = "ip_addr"\n    value = "0.0.0.0/0"',
        },
    )


@fault("spec-large-pools", kind="configuration", caught_by={"DEP-SPEC-01": "pools of postgres take 110 connections"})
class LargePools(PatchedTree):
    """A pool was enlarged past what the cluster has, and nobody else gets a connection, the migration first of all.

    Source: https://docs.digitalocean.com/products/databases/postgresql/details/limits/
    """

    edits = (
        {"file": f"{TOFU}/databases.tf", "find": "{ api = 40, worker = 20 }", "replace": "{ api = 90, worker = 20 }"},
    )


@fault(
    "spec-image-port",
    kind="configuration",
    caught_by={"DEP-SPEC-01": "it exposes 8000 and its health is asked at 8080"},
)
class ImagePort(PatchedTree):
    """The image says another port than the one that its service listens on.

    Source: https://docs.docker.com/reference/dockerfile/ (section "EXPOSE")
    """

    edits = ({"file": DOCKERFILE, "find": "EXPOSE 8080", "replace": "EXPOSE 8000"},)
