"""Ways in which secrets get out by accident: said, shown, handed over, or kept in the source."""

import base64
from typing import ClassVar

from faults._code import PatchedRelease
from faults._instance import started_with
from faults._tree import PatchedTree
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch

SERVICES, PROBLEM = "system/api/services.py", "system/common/problem.py"
POOL = "    pool = postgres_pool("
NOTES = "docs/notes.md"
# Put together here, so that this file holds nothing of the shape itself.
ACCESS_KEY = "AKIA" + "IOSFODNN7EXAMPLE"


def _before_the_pool(*lines: str) -> list[Patch]:
    return [Patch(file=SERVICES, find=POOL, replace="".join(f"    {line}\n" for line in lines) + POOL)]


class Exposed(PatchedRelease):
    """A release that lets a secret out; once it is taken back, the secret is replaced."""

    def strike(self, destroy: Destroy) -> None:
        """Announce it, and roll the release out."""
        destroy.platform.expose("postgres-api")
        super().strike(destroy)


@fault("secret-logged", kind="code", caught_by={"SEC-SEC-02": "in logs: api-1.log"}, takes_s=30.0)
class Logged(Exposed):
    """A service logs the connection string with which it opens its pool, password included.

    Source: https://cwe.mitre.org/data/definitions/532.html (insertion of sensitive information into log file)
    """

    services = ("api",)
    patch: ClassVar = _before_the_pool(
        "from system.common.logging import get_logger",
        'get_logger("database").warning("pool for api:%s", settings.database.passwords.now[-1])',
    )


@fault("secret-logged-encoded", kind="code", caught_by={"SEC-SEC-02": "postgres-api (base64"}, takes_s=30.0)
class LoggedEncoded(Exposed):
    """A service logs a header of basic authorization: the password is in it, and searching for the password finds nothing.

    Source: RFC 7617, section 4 (the scheme's encoding protects nothing)
    """

    services = ("api",)
    patch: ClassVar = _before_the_pool(
        "import base64",
        "from system.common.logging import get_logger",
        'pair = base64.b64encode(f"api:{settings.database.passwords.now[-1]}".encode()).decode()',
        'get_logger("database").warning("headers are %s", {"Authorization": f"Basic {pair}"})',
    )


@fault("secret-in-metrics", kind="code", caught_by={"SEC-SEC-02": "/metrics"}, takes_s=30.0)
class InMetrics(Exposed):
    """A label of a metric says which database is used, by its whole connection string.

    Source: https://cwe.mitre.org/data/definitions/200.html (exposure of sensitive information to an unauthorized actor)
    """

    services = ("api",)
    patch: ClassVar = _before_the_pool(
        "from prometheus_client import Info",
        'Info("database_pool", "Where it leads.").info({"target": f"api:{settings.database.passwords.now[-1]}"})',
    )


@fault("secret-in-errors", kind="code", caught_by={"SEC-SEC-02": "/no-such-path"}, takes_s=30.0)
class InErrors(Exposed):
    """An error answer tells how the service is configured, as a debug page does.

    Source: https://cwe.mitre.org/data/definitions/209.html (generation of error message containing sensitive information)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=PROBLEM,
            find='detail = "" if error.detail == HTTPStatus(error.status_code).phrase else error.detail',
            replace='import os, pathlib; detail = pathlib.Path(os.environ.get("DATABASE_PASSWORD_FILE", os.devnull)).read_text()',
        )
    ]


@fault("secret-in-arguments", kind="code", caught_by={"SEC-SEC-02": "in arguments: api-1"}, takes_s=30.0)
class InArguments(Exposed):
    """A helper process is given its password as an argument, which every user of the machine can list.

    Source: https://cwe.mitre.org/data/definitions/214.html (invocation of process using visible sensitive information)
    """

    services = ("api",)
    patch: ClassVar = _before_the_pool(
        "import os",
        'loop = "while sleep 1; do :; done"',
        'os.spawnl(os.P_NOWAIT, "/bin/sh", "sh", "-c", loop, "helper", settings.database.passwords.now[-1])',
    )


@fault("secret-in-environment", kind="configuration", caught_by={"SEC-SEC-02": "in environment: edge-1"})
class InEnvironment:
    """A service gets its signing keys in a variable in the place of a file; children and crash dumps take it along.

    Source: https://cwe.mitre.org/data/definitions/526.html (cleartext storage of sensitive information in an environment variable)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it with the value of the file."""
        destroy.platform.restart("edge-1", {"LINK_KEYS": destroy.credential("links").password})

    def in_effect(self, observe: Observe) -> bool:
        """Find the variable among the overrides, masked, and in the process' environment."""
        told = "LINK_KEYS" in observe.platform.status().part("edge-1").settings
        return told and started_with(observe, "edge-1", "LINK_KEYS")


@fault("secret-committed", kind="data", caught_by={"SEC-SEC-02": "an AWS access key"})
class Committed(PatchedTree):
    """A cloud's key was written into a document, as an example that works.

    Source: https://cwe.mitre.org/data/definitions/540.html (inclusion of sensitive information in source code)
    """

    edits = ({"file": NOTES, "find": "", "replace": f"Use this: {ACCESS_KEY}\n"},)


@fault("secret-in-history", kind="data", caught_by={"SEC-SEC-02": "blob"})
class InHistory:
    """A secret was committed and removed again by the next commit, which every clone takes along.

    Source: https://cwe.mitre.org/data/definitions/540.html (inclusion of sensitive information in source code)
    """

    def strike(self, destroy: Destroy) -> None:
        """Commit one of the environment's own, in base64, and revert it."""
        pair = base64.b64encode(f"api:{destroy.credential('redis-api').password}".encode()).decode()
        destroy.source.remember([Patch(file=NOTES, find="", replace=f"Authorization: Basic {pair}\n")])

    def in_effect(self, observe: Observe) -> bool:
        """Find a repository that had it in a commit, and whose files do not have it."""
        copy = observe.tree
        log = copy / ".git/logs/HEAD"
        had = copy != observe.profile.tree and log.exists() and "with the edits" in log.read_text()
        return had and not (copy / NOTES).exists()
