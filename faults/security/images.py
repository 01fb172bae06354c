"""What a change to the images' files can open; each is a patched copy of the tree, for nothing is built here."""

from faults._tree import PatchedTree
from seatrial import Observe, fault

DOCKERFILE = "system/platforms/compose/Dockerfile"
IGNORED = f"{DOCKERFILE}.dockerignore"
COMPOSE = "system/platforms/compose/compose.yaml"
EDGE = 'FROM runtime AS edge\nCMD ["python", "-m", "system.edge"]'


@fault("img-root", kind="configuration", caught_by={"SEC-IMG-01": "target edge runs as root (USER root)"})
class Root(PatchedTree):
    """An image needed a right for its cache folder, and got them all.

    Source: https://cwe.mitre.org/data/definitions/250.html (execution with unnecessary privileges)
    """

    edits = ({"file": DOCKERFILE, "find": EDGE, "replace": EDGE.replace("\n", "\nUSER root\n")},)


@fault("img-no-user", kind="configuration", caught_by={"SEC-IMG-01": "runs as root (no USER)"})
class NoUser(PatchedTree):
    """The USER line was lost in a rewrite, and root is what is left.

    Source: https://docs.docker.com/build/building/best-practices/ (section "USER")
    """

    edits = (
        {"file": DOCKERFILE, "find": "USER 10001:10001\nEXPOSE 8080", "replace": "EXPOSE 8080"},
        {
            "file": DOCKERFILE,
            "find": "# Root owns what is served, so that a service cannot rewrite itself.\n",
            "replace": "",
        },
    )

    def in_effect(self, observe: Observe) -> bool:
        """Find no USER in the stage that the services are made from."""
        stage = (observe.tree / DOCKERFILE).read_text().partition(" AS runtime\n")[2].partition("\nFROM ")[0]
        return bool(stage) and "USER" not in stage


@fault("img-tag", kind="configuration", caught_by={"SEC-IMG-01": "base image python:3.12-slim is not pinned by digest"})
class Tag(PatchedTree):
    """A base was raised in a hurry, by tag alone; a tag can be moved to other bytes, as happened to a popular action.

    Source: https://nvd.nist.gov/vuln/detail/CVE-2025-30066 (tags of tj-actions/changed-files pointed at malicious code)
    """

    edits = (
        {
            "file": DOCKERFILE,
            "find": "FROM python:3.11-slim-bookworm@sha256:0bee7276f83efd4a1ee05bbbf4281d95ed28e079220a9457f25a93e3f1e3c31b AS runtime",
            "replace": "FROM python:3.12-slim AS runtime",
        },
    )


@fault("img-writable", kind="configuration", caught_by={"SEC-IMG-01": "read_only is not true"})
class Writable(PatchedTree):
    """Somebody let a container write its root filesystem, to try something out in it.

    Source: https://owasp.org/www-project-docker-top-10/ (D04, resource protection; D05, immutable root filesystem)
    """

    edits = ({"file": COMPOSE, "find": "  read_only: true\n", "replace": "  read_only: false\n"},)


@fault("img-compose-tag", kind="configuration", caught_by={"SEC-IMG-01": "image postgres:16 is not pinned by digest"})
class ComposeTag(PatchedTree):
    """The database's image is named by a tag that follows every release.

    Source: https://cwe.mitre.org/data/definitions/829.html (functionality from an untrusted control sphere)
    """

    edits = (
        {
            "file": COMPOSE,
            "find": "postgres:16-bookworm@sha256:efedf3595f1d6f415c08568ba171029bf54052e754cc9f030e3f2412b21f3d67",
            "replace": "postgres:16\n",
        },
    )


@fault("img-env-secret", kind="data", caught_by={"SEC-IMG-01": "ENV DATABASE_PASSWORD puts a secret into the image"})
class EnvSecret(PatchedTree):
    """A password was written into the image, so that it starts without configuration.

    Source: https://cwe.mitre.org/data/definitions/798.html (hard-coded credentials)
    """

    edits = (
        {
            "file": DOCKERFILE,
            "find": EDGE,
            "replace": EDGE.replace("\n", "\nENV DATABASE_PASSWORD=correct-horse\n"),
        },
    )


@fault("img-key-file", kind="data", caught_by={"SEC-IMG-01": "takes system/common/signing.pem"})
class KeyFile(PatchedTree):
    """A private key lies in the folder that COPY takes as a whole.

    Source: https://cwe.mitre.org/data/definitions/538.html (sensitive information in an externally accessible file)
    """

    edits = ({"file": "system/common/signing.pem", "find": "", "replace": "a key would stand here\n"},)


@fault("img-fetch", kind="configuration", caught_by={"SEC-IMG-01": "fetches without a checksum"})
class Fetch(PatchedTree):
    """A build takes a file from the network, whatever it holds that day.

    Source: https://cwe.mitre.org/data/definitions/494.html (download of code without integrity check)
    """

    edits = (
        {
            "file": DOCKERFILE,
            "find": EDGE,
            "replace": EDGE.replace("\n", "\nADD https://example.com/tool.tar.gz /opt/tool.tar.gz\n"),
        },
    )


@fault("img-lint", kind="configuration", caught_by={"SEC-IMG-01": "DL3008"})
class Lint(PatchedTree):
    """The build installs whatever version of a package its mirror has that day.

    Source: https://github.com/hadolint/hadolint/wiki/DL3008
    """

    edits = (
        {
            "file": DOCKERFILE,
            "find": "WORKDIR /app\n",
            "replace": "WORKDIR /app\nRUN apt-get update && apt-get install -y curl\n",
        },
    )
