"""What lets two releases that follow each other not live with one schema."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

SESSIONS_FILE = "system/api/sessions.py"
NEW_FILE = "system/migrations/20270101000000_trial.sql"
QUERY = "select id::text, password_hash from accounts where email = %s"
STILL = "where id = %s and password_hash = %s for share"


def revision(up: str, down: str) -> Patch:
    """Add a revision."""
    text = f"-- phase: expand\n-- lock_timeout: 500ms\n\n-- migrate:up\n{up}\n\n-- migrate:down\n{down}\n"
    return Patch(file=NEW_FILE, find="", replace=text)


@fault(
    "release-renames-column", kind="code", takes_s=90.0, caught_by={"MIG-07": "the release before on the newest schema"}
)
class RenamesColumn(PatchedRelease):
    """A release renames a column and its query in one step: each of the two schemas fails one of the two releases.

    Source: https://gitlab.com/gitlab-org/gitlab/-/issues/388864 (a renamed column, and instances that asked for the old name)
    """

    services = ("edge",)
    patch: ClassVar = [
        revision(
            "alter table accounts rename column password_hash to password_digest;",
            "alter table accounts rename column password_digest to password_hash;",
        ),
        Patch(
            file=SESSIONS_FILE, find=QUERY, replace=QUERY.replace("password_hash", "password_digest as password_hash")
        ),
        Patch(file=SESSIONS_FILE, find=STILL, replace=STILL.replace("password_hash", "password_digest")),
    ]


@fault(
    "release-needs-its-revision",
    kind="code",
    takes_s=90.0,
    caught_by={"MIG-07": "the release of now on the schema from before"},
)
class NeedsItsRevision(PatchedRelease):
    """A release asks for a column that comes with it: its first instances fail until the revision is applied.

    Source: https://docs.gitlab.com/development/multi_version_compatibility.html (an update is never atomic)
    """

    services = ("edge",)
    patch: ClassVar = [
        revision("alter table accounts add column plan text;", "alter table accounts drop column plan;"),
        Patch(file=SESSIONS_FILE, find=QUERY, replace=QUERY.replace("password_hash", "password_hash, plan")),
    ]
