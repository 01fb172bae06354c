"""What of the platform's controls may lose data."""

import contextlib
from collections.abc import Sequence
from typing import Any

from seatrial import hosting
from seatrial.errors import EnvironmentFault
from seatrial.facets.platform._disrupt import DisruptPlatform
from seatrial.facets.platform._observe import platform_client
from seatrial.inverses import inverse
from seatrial.scope import Scope


class DestroyPlatform(DisruptPlatform):
    """Takes revisions of the live schema back, and with them what they hold; lets go of archived log, of servers, of all."""

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

    def lose_region(self) -> None:
        """Lose everything but what the store holds and the plan for a rebuild, and wait until nothing of it is left.

        The inverse puts back what was lost, unless it was rebuilt meanwhile: then that stays.
        """
        self._strike("region")
        self._client.lose_region()
        hosting.tell(self._scope.profile, "down")

    def rebuild(self) -> None:
        """Run the platform's command that makes a lost region anew; an EnvironmentFault has the line that it ends with."""
        self._scope.meter.add(writes=1)
        hosting.tell(self._scope.profile, "rebuild")

    def keep(self, without: Sequence[str] = (), *, hold: bool = False) -> None:
        """Leave names out of the plan for a rebuild, or leave it behind when secrets change; the inverse makes it whole."""
        self._strike("keep")
        self._client.keep(without, hold=hold)

    def lose_log(self) -> None:
        """Announce that a part of the log is about to be lost; the inverse makes a base backup, for no restore gets past the gap."""
        self._strike("backup")


@inverse("platform.migrate_to")
def _migrate_to(scope: Scope, *, revision: str) -> None:
    platform_client(scope).migrate(to=revision)


@inverse("platform.region")
def _region(scope: Scope) -> None:
    """Have a whole environment: a start puts a lost region back."""
    with contextlib.suppress(EnvironmentFault):  # it is down
        if platform_client(scope).status().ready:
            return
    for command in ("down", "up"):
        hosting.tell(scope.profile, command)


@inverse("platform.keep")
def _keep(scope: Scope) -> None:
    platform_client(scope).keep()


@inverse("platform.backup")
def _backup(scope: Scope) -> None:
    platform_client(scope).backup()
