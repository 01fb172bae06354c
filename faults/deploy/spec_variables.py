"""What a change to the variables of a deployment's files can get wrong; each is a patched copy of the tree."""

from faults._tree import PatchedTree
from seatrial import Observe, fault

APP = "system/platforms/digitalocean/app.yaml"
TOFU = "system/platforms/digitalocean/tofu"
COMPOSE = "system/platforms/compose/compose.yaml"


@fault("spec-open-secret", kind="configuration", caught_by={"DEP-SPEC-01": "JWT_KEY: a secret in the open"})
class OpenSecret(PatchedTree):
    """The key that signs tokens is a variable of type GENERAL, shown to whoever may look at the app.

    Source: https://docs.digitalocean.com/products/app-platform/how-to/use-environment-variables/
    """

    edits = (
        {
            "file": APP,
            "find": '{ key: JWT_KEY, value: "EV[replace]", scope: RUN_TIME, type: SECRET }',
            "replace": '{ key: JWT_KEY, value: "EV[replace]", scope: RUN_TIME, type: GENERAL }',
        },
    )


@fault("spec-written-secret", kind="data", caught_by={"DEP-SPEC-01": "JWT_KEY: a secret's value stands in the file"})
class WrittenSecret(PatchedTree):
    """Somebody put a secret's value into the file, which the repository then keeps.

    Source: https://cwe.mitre.org/data/definitions/798.html (hard-coded credentials)
    """

    edits = (
        {
            "file": APP,
            "find": '{ key: JWT_KEY, value: "EV[replace]"',
            "replace": '{ key: JWT_KEY, value: "correct-horse-battery-staple-correct-horse"',
        },
    )


@fault(
    "spec-misspelt-variable",
    kind="configuration",
    caught_by={"DEP-SPEC-01": "LINK_LIFETIME: api reads no such variable"},
)
class MisspeltVariable(PatchedTree):
    """An operator shortened links' lives by a variable that no program reads, and believes that they are short.

    Source: https://12factor.net/config
    """

    edits = (
        {
            "file": APP,
            "find": '      - { key: MASTER_RETENTION_S, value: "2592000", scope: RUN_TIME, type: GENERAL }',
            "replace": '      - { key: MASTER_RETENTION_S, value: "2592000", scope: RUN_TIME, type: GENERAL }\n'
            '      - { key: LINK_LIFETIME, value: "60", scope: RUN_TIME, type: GENERAL }',
        },
    )


@fault("spec-missing-variable", kind="configuration", caught_by={"DEP-SPEC-01": "CACHE_MAX_BYTES: is missing"})
class MissingVariable(PatchedTree):
    """A new release reads a variable that the spec does not give: every instance ends at its start.

    Source: https://docs.digitalocean.com/products/app-platform/how-to/use-environment-variables/
    """

    edits = (
        {
            "file": APP,
            "find": '      - { key: CACHE_MAX_BYTES, value: "1073741824", scope: RUN_TIME, type: GENERAL }\n',
            "replace": "",
        },
    )

    def in_effect(self, observe: Observe) -> bool:
        """Find the variable nowhere in the file."""
        return "CACHE_MAX_BYTES" not in (observe.tree / APP).read_text()


@fault(
    "spec-undeclared-reference", kind="configuration", caught_by={"DEP-SPEC-01": "there is no digitalocean_vpc.main"}
)
class UndeclaredReference(PatchedTree):
    """A resource was renamed, and one of those that refer to it was not.

    Source: https://opentofu.org/docs/language/expressions/references/
    """

    edits = (
        {
            "file": f"{TOFU}/worker.tf",
            "find": "vpc_uuid   = digitalocean_vpc.this.id",
            "replace": "vpc_uuid   = digitalocean_vpc.main.id",
        },
    )


@fault(
    "spec-compose-variable",
    kind="configuration",
    caught_by={"DEP-SPEC-01": "BUCKET_PREVIEW: edge reads no such variable"},
)
class ComposeVariable(PatchedTree):
    """A variable is misspelt in the compose file alone.

    Source: https://12factor.net/config
    """

    edits = (
        {
            "file": COMPOSE,
            "find": "BUCKET_PREVIEWS: previews\n      LINK_KEYS_FILE: /run/secrets/links\n      CACHE_DIR",
            "replace": "BUCKET_PREVIEW: previews\n      LINK_KEYS_FILE: /run/secrets/links\n      CACHE_DIR",
        },
    )
