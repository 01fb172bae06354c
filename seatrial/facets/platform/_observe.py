"""What the platform says of itself, and what a check may ask it for as its own."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from seatrial.errors import HarnessError, Invalid
from seatrial.platform import (
    Archived,
    Change,
    Cluster,
    Listeners,
    Place,
    PlatformClient,
    Process,
    Recovered,
    RegionPlan,
    Restored,
    Scan,
    Scratch,
    Status,
    Strength,
)
from seatrial.scope import Scope

# What a handle marks its own data with is longer.
MARKER_LEAST = 12


def platform_client(scope: Scope) -> PlatformClient:
    """Return this process's client of the control socket; raises Invalid where the profile names no platform."""
    socket = scope.profile.platform_socket
    if socket is None:
        raise Invalid("the profile names no [platform]")
    key = ("platform", str(socket))
    if key not in scope.clients:
        scope.clients[key] = PlatformClient(socket)
    client: PlatformClient = scope.clients[key]
    return client


class ObservePlatform:
    """Reads of the control protocol; an answer that is missing or malformed is an EnvironmentFault."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    @property
    def _client(self) -> PlatformClient:
        self._scope.meter.add(requests=1)
        return platform_client(self._scope)

    def offers(self, call: str) -> bool:
        """Say whether there is a platform that offers the call ("kill")."""
        return self._scope.profile.platform_socket is not None and self._client.offers(call)

    def status(self) -> Status:
        """Return the parts, their states and the release."""
        return self._client.status()

    def logs(self, part: str, lines: int = 200) -> list[str]:
        """Return the last lines of a part's log, oldest first."""
        return self._client.logs(part, lines)

    def plan(self) -> RegionPlan:
        """Return what is kept for a rebuild of the environment."""
        return self._client.plan()

    def processes(self) -> tuple[Process, ...]:
        """Return every process of the environment."""
        return self._client.processes()

    def listeners(self) -> Listeners:
        """Return the listening sockets of before `up` and of now."""
        return self._client.listeners()

    def config(self) -> dict[str, dict[str, str]]:
        """Return part -> variable -> value, "<secret>" for secrets, "<open secret>" for one that is not kept as one."""
        return self._client.config()

    def releases(self) -> tuple[Change, ...]:
        """Return what was deployed and rolled back, newest first."""
        return self._client.releases()

    def cluster(self) -> Cluster:
        """Return the database's servers as its failover manager knows them."""
        return self._client.cluster()

    def disks(self) -> Mapping[str, Place]:
        """Return where services keep their working files, by part: how large, how full, and with which files."""
        return self._client.disks()

    def secrets(self) -> tuple[Strength, ...]:
        """Return how strong each of the environment's own secrets is, and which are the same."""
        return self._client.secrets()

    def scan(self, texts: Mapping[str, str] | None = None, canaries: Sequence[str] = ()) -> Scan:
        """Have the platform look for its own secrets, and for these canaries: in the texts, or else in its logs and processes."""
        return self._client.scan(texts, canaries)

    def unknown(self) -> list[str]:
        """Return the references to files of secrets which this process holds and the platform does not know as its own.

        Each is handed to it over its own socket: what it does not know it cannot have looked for.
        """
        held = {name: text for name, text in self._scope.held().items() if name.startswith("file:")}
        return sorted(held.keys() - {each.place for each in self.scan(held).found}) if held else []


class ExercisePlatform(ObservePlatform):
    """Adds what leaves the environment itself as it is: an end of a segment of the log, and scratch servers."""

    def scratch(self) -> Scratch:
        """Start an empty PostgreSQL server; give `drop_scratch` to the handle's cleanup."""
        self._scope.meter.add(writes=1)
        return self._client.scratch()

    def archive(self) -> Archived:
        """End the log's segment of now, as the schedule does, and wait until it is archived."""
        self._scope.meter.add(writes=1)
        return self._client.archive()

    def restore(self, backup: str | None = None, to: datetime | None = None) -> Restored:
        """Recover a scratch server from a backup and the archived log; give `drop_scratch` to the handle's cleanup.

        Args:
            backup: which one; by default the newest that ended before `to`.
            to: the moment to recover to; by default everything that was archived.
        """
        self._scope.meter.add(writes=1)
        return self._client.restore(backup, to)

    def recover(self, bucket: str, at: datetime, *, name: str, dry_run: bool = False) -> Recovered:
        """Bring objects that are the check's own back to what they were at a moment: those below trial/NAME.

        Raises HarnessError for a name that is too short to be a marker, below which others' objects could lie.
        """
        if len(name) < MARKER_LEAST:
            raise HarnessError(f"{name!r} is no marker: objects of others could lie below trial/{name}")
        self._scope.meter.add(writes=0 if dry_run else 1)
        return self._client.recover(bucket, f"trial/{name}", at, dry_run=dry_run)

    def drop_scratch(self, scratch_id: str) -> None:
        """Remove a scratch server; one that is gone already is fine."""
        self._client.drop_scratch(scratch_id)

    def migrate(self, scratch_id: str, steps: int | None = None) -> dict[str, Any]:
        """Migrate a scratch server to head, or some steps towards it; {applied: [versions], head}."""
        self._scope.meter.add(writes=1)
        return self._client.migrate(scratch_id, steps=steps)

    def revert(self, scratch_id: str, steps: int = 1) -> dict[str, Any]:
        """Take the newest migrations of a scratch server back; {reverted: [versions], head}."""
        self._scope.meter.add(writes=1)
        return self._client.migrate(scratch_id, direction="down", steps=steps)
