"""Strikes through the platform, each with its inverse in the undo log before it acts."""

import secrets
import time
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, Literal

from seatrial.errors import EnvironmentFault, HarnessError, Invalid
from seatrial.eventually import eventually
from seatrial.facets.platform._observe import ExercisePlatform, platform_client
from seatrial.inverses import inverse
from seatrial.platform import (
    Deployed,
    Part,
    Patch,
    PlatformClient,
    Previous,
    Restarted,
    Rotated,
    Settings,
    Switched,
)
from seatrial.scope import Scope

RECOVER_S = 60.0
# How long the platform may take to see that a process has gone.
NOTICED_S = 2.0


class DisruptPlatform(ExercisePlatform):
    """Restarts, stops, freezes, kills, deploys and scales."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope)
        self._left: set[str] = set()
        self._counts: dict[str, int] = {}

    def restart(
        self,
        part: str,
        settings: Mapping[str, Any] | None = None,
        release: str | None = None,
        *,
        at_once: bool = False,
    ) -> Restarted:
        """Restart a part with these overrides alone (none: as shipped), on another release if one is given.

        With `at_once` nobody waits until it is ready, for one that is not to become so. The inverse restarts it with the
        overrides and the release that it has now.
        """
        now = self._keep_primary(part)
        before = {"release": now.release, "since": self._newest()} if release else {"release": None}
        self._strike("restart", part=part, settings=dict(now.settings), **before)
        return self._client.restart(part, settings, release, at_once=at_once)

    def stop(self, part: str) -> None:
        """Stop a part; the inverse starts it."""
        self._keep_primary(part)
        self._strike("start", part=part)
        self._client.stop(part)

    def start(self, part: str) -> None:
        """Start a stopped part; needs no inverse, since every part of an environment is meant to run."""
        self._scope.meter.add(writes=1)
        self._client.start(part)

    def pause(self, part: str) -> None:
        """Freeze a part; the inverse lets it go on."""
        self._keep_primary(part)
        self._strike("resume", part=part)
        self._client.pause(part)

    def resume(self, part: str) -> None:
        """Let a frozen part go on; needs no inverse."""
        self._scope.meter.add(writes=1)
        self._client.resume(part)

    def kill(
        self,
        part: str,
        child: str | None = None,
        signal: Literal["KILL", "TERM"] = "KILL",
        *,
        stay_down: bool = False,
    ) -> None:
        """Kill a part, or those of its children whose command contains `child`; the inverse waits until it is back.

        With `stay_down` the platform does not restart it, as if its machine were gone; the inverse starts it.
        """
        now = self._keep_primary(part)
        if stay_down:
            self._strike("start", part=part)
        else:
            self._strike("recover", part=part, pid=None if child else now.pid)
        self._client.kill(part, signal, child, stay_down=stay_down)

    def link(self, part: str, mode: Literal["latency", "loss", "partition"]) -> None:
        """Slow the link into a part down for everybody, lose some of what arrives, or all without a word; the inverse opens it."""
        if mode != "latency":
            self._keep_primary(part)
        self._strike("open", part=part)
        self._client.link(part, mode)

    def switchover(self, to: str) -> Switched:
        """Make a member of the database's cluster the primary in order; the inverse makes the one of now primary again."""
        before = self._client.cluster().primary
        if before is None:
            raise EnvironmentFault("the cluster has no primary to switch over from")
        self._strike("primary", part=before)
        return self._client.switchover(to)

    def maintenance(self) -> None:
        """Keep the database's failover manager from acting; the inverse lets it act again."""
        self._strike("act_again")
        self._client.maintenance(on=True)

    def migrate_through(self, part: str) -> dict[str, Any]:
        """Migrate the live database to head through a part; at head it changes nothing, and needs no inverse."""
        self._scope.meter.add(writes=1)
        return self._client.migrate(through=part)

    def previous(self) -> Previous:
        """Have the release before the one in the tree built; nothing runs it yet."""
        self._scope.meter.add(writes=1)
        return self._client.previous()

    def deploy_built(self, release: str) -> str:
        """Go to a release that is built already, all instances at once, and return it; the inverse goes back."""
        self._keep_release(at_once=True)
        return self._client.rollback(release, at_once=True)

    def migrate_live(self) -> dict[str, Any]:
        """Have the release in force migrate the live database to its head; there, it changes nothing, and needs no inverse."""
        self._scope.meter.add(writes=1)
        return self._client.migrate()

    def deploy(
        self,
        patch: Sequence[Patch] = (),
        services: Sequence[str] = (),
        *,
        settings: Settings | None = None,
        at_once: bool = False,
    ) -> Deployed:
        """Roll out a release with a patch or with settings of services; the inverse rolls back to the release of now.

        `at_once` restarts every instance together, both ways: quicker, with an outage of seconds.
        """
        self._left.add(self._keep_release(at_once=at_once))
        return self._client.deploy(patch, services, settings=settings, at_once=at_once)

    def rollback(self, release: str, *, at_once: bool = False) -> str:
        """Roll every service back to a release from which this handle has deployed another one, and return it.

        It needs no inverse: that of the deploy leads to the same release. Raises HarnessError for any other release.
        """
        if release not in self._left:
            raise HarnessError(f"nothing was deployed over release {release} here, so that nobody would undo this")
        self._scope.meter.add(writes=1)
        return self._client.rollback(release, at_once=at_once)

    def scale(self, service: str, count: int) -> None:
        """Run so many instances of a service; the inverse runs as many as there are now.

        As many as there were at first need no inverse: that of the first call leads to the same count.
        """
        now = len(self._client.status().instances(service))
        if self._counts.setdefault(service, now) == count:
            self._scope.meter.add(writes=1)
        else:
            self._strike("scale", service=service, count=now)
        self._client.scale(service, count)

    def canary(self, instances: Sequence[str], patch: Sequence[Patch] = ()) -> Deployed:
        """Put a new release on these instances alone; the inverse rolls back to the release of now."""
        self._keep_release(at_once=False)
        return self._client.canary(instances, patch)

    def patch(self, patch: Sequence[Patch]) -> None:
        """Have every later release built from a patched source; the inverse builds from the source as it is."""
        self._strike("unpatch")
        self._client.patch(patch)

    def certificate(self, part: str, **how: Any) -> None:
        """Give a part another certificate, or with `lost` lose the ingress' authority; the inverse gives it a proper one.

        Others than the proper one: `names`, `days`, `self_signed`, and `seconds` for those that the ingress renews.
        """
        self._strike("certificate", part=part)
        self._client.certificate(part, **how)

    def fill(self, part: str) -> None:
        """Leave no byte free where a part keeps its working files; the inverse gives the room back."""
        self._strike("disk", part=part)
        self._client.disk(part, full=True)

    def clock(self, part: str, seconds: int) -> None:
        """Have the clock of a service's instance be so many seconds ahead, behind where negative; the inverse sets it right."""
        self._strike("clock", part=part)
        self._client.clock(part, seconds)

    def renew(self, part: str) -> None:
        """Give a part a new certificate of the proper kind, at the ingress from a new authority; needs no inverse."""
        self._scope.meter.add(writes=1)
        self._client.certificate(part)

    def rotate(self, secret: str) -> Rotated:
        """Bring a new value of a secret into use beside the old one; the inverse ends the old one.

        A rotation cannot be taken back: the old value may be why it was begun. What can be left behind is its middle. One
        that somebody else has begun is an EnvironmentFault, and not ended.
        """
        by = secrets.token_hex(8)
        self._strike("rotate_complete", secret=secret, by=by)
        return self._client.rotate(secret, "begin", by)

    def expose(self, secret: str) -> None:
        """Announce that this secret is about to get out; the inverse replaces it, for what was said cannot be unsaid.

        Raises Invalid while somebody else's rotation is under way, which would have to be ended for that.
        """
        by = secrets.token_hex(8)
        if self._client.rotate(secret, "complete", by).rotating:  # of a name that began nothing it ends nothing
            raise Invalid(f"a rotation of {secret} is under way: retire it first")
        self._strike("replace_secret", secret=secret, by=by)

    def retire(self, secret: str) -> Rotated:
        """End the overlap of a rotation: the old value is refused; needs no inverse."""
        self._scope.meter.add(writes=1)
        return self._client.rotate(secret, "complete")

    def replace_password(self, email: str) -> None:
        """Give an account another password, for good; the inverse sets that of its file, if the call was cut off in between."""
        self._strike("account", email=email)
        self._client.account(email, replace=True)

    def _keep_primary(self, part: str) -> Part:
        """Return a part as it is; where it is a primary, the inverse, run after others, makes it that again."""
        now = self._client.status().part(part)
        if now.role == "primary":
            self._strike("primary", part=part)
        return now

    def _keep_release(self, *, at_once: bool) -> str:
        """Return the release of now; the inverse rolls back to it."""
        release = self._client.status().release
        self._strike("rollback", release=release, at_once=at_once, since=self._newest())
        return release

    def _newest(self) -> str | None:
        return next((change.at for change in self._client.releases()), None)

    def _strike(self, name: str, **args: Any) -> None:
        self._scope.undo(f"platform.{name}", args)
        self._scope.meter.add(writes=1)


# What follows asks for the state of before, whatever the platform says: a change that was cut off goes on behind the caller's
# back and shows late, and the platform makes one after the other.


@inverse("platform.restart")
def _restart(
    scope: Scope, *, part: str, settings: dict[str, Any], release: str | None, since: str | None = None
) -> None:
    client = platform_client(scope)
    back = client.restart(part, settings, None if _started_since(client, since) else release)
    if not back.ready:
        raise EnvironmentFault(f"{part} did not become ready with its settings of before: it is {back.state}")


def _started_since(client: PlatformClient, change: str | None) -> bool:
    """Say whether the platform was started after that change: it runs its tree's release then, and none of before."""
    return change is not None and any(
        each.by == "up" for each in takewhile(lambda each: each.at != change, client.releases())
    )


@inverse("platform.recover")
def _recover(scope: Scope, *, part: str, pid: int | None) -> None:
    """Wait for another process than `pid`; one that is ready all the same after a while was never killed."""
    client = platform_client(scope)
    began = time.monotonic()
    while (waited_s := time.monotonic() - began) < RECOVER_S:
        now = client.status().part(part)
        if now.state == "ready" and (pid is None or now.pid != pid or waited_s > NOTICED_S):
            return
        if now.state in {"stopped", "failed"}:
            client.start(part)
        time.sleep(0.1)
    raise EnvironmentFault(f"{part} was killed and is not ready {RECOVER_S:g} s later: it is {now.state}")


@inverse("platform.start")
def _start(scope: Scope, *, part: str) -> None:
    platform_client(scope).start(part)


@inverse("platform.open")
def _open(scope: Scope, *, part: str) -> None:
    platform_client(scope).link(part, "open")


@inverse("platform.primary")
def _primary(scope: Scope, *, part: str) -> None:
    """Make the part the primary again, unless it is, and wait until each standby is in sync with its primary."""
    client = platform_client(scope)
    if client.switchover(part).previous == part:
        return
    standbys = [each.name for each in client.status().parts.values() if each.role == "standby"]

    def in_sync() -> bool:
        cluster = client.cluster()
        return all(cluster.in_sync(name) for name in standbys)

    if standbys:
        eventually(in_sync, within_s=RECOVER_S, what=f"{', '.join(standbys)} in sync with the primary")


@inverse("platform.act_again")
def _act_again(scope: Scope) -> None:
    platform_client(scope).maintenance(on=False)


@inverse("platform.resume")
def _resume(scope: Scope, *, part: str) -> None:
    client = platform_client(scope)
    if client.status().part(part).state == "paused":
        client.resume(part)


@inverse("platform.rollback")
def _rollback(scope: Scope, *, release: str, at_once: bool, since: str | None = None) -> None:
    client = platform_client(scope)
    if not _started_since(client, since):
        client.rollback(release, at_once=at_once)


@inverse("platform.unpatch")
def _unpatch(scope: Scope) -> None:
    platform_client(scope).patch([])


@inverse("platform.scale")
def _scale(scope: Scope, *, service: str, count: int) -> None:
    platform_client(scope).scale(service, count)


@inverse("platform.rotate_complete")
def _rotate_complete(scope: Scope, *, secret: str, by: str | None = None) -> None:
    platform_client(scope).rotate(secret, "complete", by)


@inverse("platform.replace_secret")
def _replace_secret(scope: Scope, *, secret: str, by: str | None = None) -> None:
    client = platform_client(scope)
    for step in ("complete", "begin", "complete"):  # the first ends what an earlier attempt has begun
        client.rotate(secret, step, by)


@inverse("platform.account")
def _account(scope: Scope, *, email: str) -> None:
    platform_client(scope).account(email)


@inverse("platform.disk")
def _disk(scope: Scope, *, part: str) -> None:
    platform_client(scope).disk(part, full=False)


@inverse("platform.certificate")
def _certificate(scope: Scope, *, part: str) -> None:
    platform_client(scope).certificate(part)


@inverse("platform.clock")
def _clock(scope: Scope, *, part: str) -> None:
    platform_client(scope).clock(part, 0)
