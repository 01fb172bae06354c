"""What of the platform's controls may lose data."""

from typing import Any

from seatrial.facets.platform._disrupt import DisruptPlatform
from seatrial.facets.platform._observe import platform_client
from seatrial.inverses import inverse
from seatrial.scope import Scope


class DestroyPlatform(DisruptPlatform):
    """Takes revisions of the live schema back, and with them what they hold; lets go of archived log and of servers."""

    def migrate_to(self, revision: str | None, *, back_to: str) -> dict[str, Any]:
        """Move the live schema up or down to a revision, None for the release's newest; {applied, reverted, head}.

        The inverse moves it to `back_to`; rows that a way down has dropped do not come back.
        """
        self._strike("migrate_to", revision=back_to)
        return self._client.migrate(to=revision)

    def lose(self, part: str) -> None:
        """Lose a member of the database's cluster with its data; one without any takes its place. The inverse waits until it is filled."""
        pid = self._keep_primary(part).pid
        self._strike("recover", part=part, pid=pid)
        self._client.lose(part)

    def lose_log(self) -> None:
        """Announce that a part of the log is about to be lost; the inverse makes a base backup, for no restore gets past the gap."""
        self._strike("backup")


@inverse("platform.migrate_to")
def _migrate_to(scope: Scope, *, revision: str) -> None:
    platform_client(scope).migrate(to=revision)


@inverse("platform.backup")
def _backup(scope: Scope) -> None:
    platform_client(scope).backup()
