"""The one client of the control protocol that every platform serves: HTTP and JSON on a unix socket."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from seatrial.platform_answers import (
    Archived,
    Change,
    Cluster,
    ClusterMember,
    Deployed,
    Listener,
    Listeners,
    Part,
    Patch,
    Place,
    Previous,
    Process,
    Recovered,
    RegionPlan,
    Restarted,
    Restored,
    Rotated,
    Scan,
    Scratch,
    Sighting,
    Status,
    Strength,
    Switched,
    listeners_of,
    part_of,
    restored_of,
    scratch_of,
    shaped,
)
from seatrial.platform_scan import added, batches, scan_of
from seatrial.platform_socket import PlatformSocket

__all__ = [
    "Archived",
    "Change",
    "Cluster",
    "ClusterMember",
    "Deployed",
    "Listener",
    "Listeners",
    "Part",
    "Patch",
    "Place",
    "PlatformClient",
    "Previous",
    "Process",
    "Recovered",
    "RegionPlan",
    "Restarted",
    "Restored",
    "Rotated",
    "Scan",
    "Scratch",
    "Sighting",
    "Status",
    "Strength",
    "Switched",
]

Settings = Mapping[str, Mapping[str, str | None]]
LinkMode = Literal["open", "latency", "loss", "partition"]


class PlatformClient(PlatformSocket):
    """Every call of the protocol, with its answer typed."""

    def offers(self, call: str) -> bool:
        """Say whether the platform offers the call ("kill")."""
        return call in self.status().calls

    def status(self) -> Status:
        """Return the parts, their states and the calls offered."""
        data = self._ask("GET", "status")
        return shaped(
            "status",
            lambda: Status(
                environment=data["environment"],
                ready=data["ready"],
                release=data["release"],
                public_address=data["public_address"],
                calls=frozenset(data["calls"]),
                parts=MappingProxyType({part["name"]: part_of(part) for part in data["parts"]}),
                declared_ports=listeners_of(data["declared_ports"]),
                timings=MappingProxyType(dict(data["timings"])),
                patched=tuple(data.get("patched", ())),
                reached=MappingProxyType(dict(data.get("reached", {}))),
                state=Path(data["state"]) if "state" in data else None,
            ),
        )

    def logs(self, part: str, lines: int = 200) -> list[str]:
        """Return the last lines of a part's log, oldest first."""
        data = self._ask("GET", "logs", params={"part": part, "lines": str(lines)})
        return shaped("logs", lambda: [str(line) for line in data["lines"]])

    def processes(self) -> tuple[Process, ...]:
        """Return every process of the environment."""
        data = self._ask("GET", "processes")
        return shaped(
            "processes",
            lambda: tuple(Process(row["part"], row["pid"], row["ppid"], row["command"]) for row in data["processes"]),
        )

    def listeners(self) -> Listeners:
        """Return the listening sockets of before `up` and of now."""
        data = self._ask("GET", "listeners")
        return shaped("listeners", lambda: Listeners(listeners_of(data["before"]), listeners_of(data["now"])))

    def config(self) -> dict[str, dict[str, str]]:
        """Return part -> variable -> value, "<secret>" for secrets, "<open secret>" for one that is not kept as one."""
        data = self._ask("GET", "config")
        return shaped("config", lambda: {part: dict(values) for part, values in data["parts"].items()})

    def releases(self) -> tuple[Change, ...]:
        """Return what was deployed and rolled back, newest first."""
        data = self._ask("GET", "releases")
        return shaped("releases", lambda: tuple(Change(**each) for each in data["changes"]))

    def cluster(self) -> Cluster:
        """Return what the database's failover manager knows."""
        data = self._ask("GET", "cluster")
        return shaped(
            "cluster",
            lambda: Cluster(
                data["primary"],
                data["maintenance"],
                MappingProxyType({each["name"]: ClusterMember(**each) for each in data["members"]}),
            ),
        )

    def secrets(self) -> tuple[Strength, ...]:
        """Return what can be said of the environment's secrets without saying any."""
        data = self._ask("GET", "secrets", params={"nonce": secrets.token_hex(16)})
        return shaped("secrets", lambda: tuple(Strength(**each) for each in data["secrets"]))

    def scan(self, texts: Mapping[str, str] | None = None, canaries: Sequence[str] = ()) -> Scan:
        """Have the platform look for its own secrets: in these texts, or else in its logs and processes.

        Texts of any length are handed over in pieces that overlap, so that nothing is missed where they are cut.
        """
        if not texts:
            return scan_of(self._ask("POST", "scan", {"canaries": list(canaries)}))
        answers = [self._ask("POST", "scan", {"texts": each, "canaries": list(canaries)}) for each in batches(texts)]
        return reduce(added, map(scan_of, answers))

    def restart(
        self,
        part: str,
        settings: Mapping[str, Any] | None = None,
        release: str | None = None,
        *,
        at_once: bool = False,
    ) -> Restarted:
        """Restart a part with these overrides alone (none: as shipped), on another release if one is given.

        With `at_once` the answer comes when it is started, and says nothing of whether it will be ready.
        """
        asked: dict[str, Any] = {"part": part, "settings": dict(settings or {})}
        asked |= {} if release is None else {"release": release}
        asked |= {"at_once": True} if at_once else {}
        data = self._ask("POST", "restart", asked)
        return Restarted(bool(data.get("ready", True)), str(data.get("state", "ready")))

    def start(self, part: str) -> None:
        """Start a stopped part and wait until it is ready."""
        self._ask("POST", "start", {"part": part})

    def stop(self, part: str) -> None:
        """Stop a part; it stays down."""
        self._ask("POST", "stop", {"part": part})

    def pause(self, part: str) -> None:
        """Freeze a part's processes (SIGSTOP)."""
        self._ask("POST", "pause", {"part": part})

    def resume(self, part: str) -> None:
        """Let a frozen part go on (SIGCONT)."""
        self._ask("POST", "resume", {"part": part})

    def kill(
        self,
        part: str,
        signal: Literal["KILL", "TERM"] = "KILL",
        child: str | None = None,
        *,
        stay_down: bool = False,
    ) -> None:
        """Signal a part, or those of its children whose command contains `child`; one that is to stay down is not restarted."""
        asked: dict[str, Any] = {"part": part, "signal": signal} | ({"child": child} if child else {})
        self._ask("POST", "kill", asked | ({"stay_down": True} if stay_down else {}))

    def lose(self, part: str) -> None:
        """Kill a member of the database's cluster, and replace it by one without data; nobody waits until it is filled."""
        self._ask("POST", "lose", {"part": part})

    def lose_region(self) -> None:
        """Lose everything but what the store holds and the plan for a rebuild; the platform ends with it."""
        self._ask("POST", "lose_region", {})

    def plan(self) -> RegionPlan:
        """Return what is kept for a rebuild."""
        data = self._ask("GET", "plan")
        return shaped("plan", lambda: RegionPlan(tuple(data["secrets"]), tuple(data["buckets"]), data["current"]))

    def keep(self, without: Sequence[str] = (), *, hold: bool = False) -> None:
        """Write the plan anew, without some secrets or buckets; with `hold` it is not kept up with later changes."""
        self._ask("POST", "keep", {"without": list(without), "hold": hold})

    def link(self, part: str, mode: LinkMode) -> int:
        """Slow the link into a part down, make it lossy, cut it, or open it again; return how many sockets that changed."""
        data = self._ask("POST", "link", {"part": part, "mode": mode})
        return shaped("link", lambda: int(data["sockets"]))

    def switchover(self, to: str) -> Switched:
        """Make a part the primary of its kind in order, once it has all that the one of now has."""
        data = self._ask("POST", "switchover", {"to": to})
        return shaped("switchover", lambda: Switched(**data))

    def maintenance(self, *, on: bool) -> None:
        """Keep the database's failover manager from acting, or let it act again."""
        self._ask("POST", "maintenance", {"on": on})

    def deploy(
        self,
        patch: Sequence[Patch] = (),
        services: Sequence[str] = (),
        *,
        settings: Settings | None = None,
        at_once: bool = False,
    ) -> Deployed:
        """Build a release from a patched copy of the source, with settings of services, and roll it out, these first.

        `at_once` restarts every instance together, with an outage of seconds, instead of one after the other. A release
        that does not become ready is rolled back by the platform, whose line then says why.
        """
        asked: dict[str, Any] = {"patch": list(patch)} | ({"services": list(services)} if services else {})
        asked |= {"settings": settings} if settings else {}
        asked |= {"at_once": True} if at_once else {}
        data = self._ask("POST", "deploy", asked)
        return shaped("deploy", lambda: Deployed(data["release"], data["previous"]))

    def previous(self) -> Previous:
        """Build the release before the one in the tree, ready to be rolled back to."""
        data = self._ask("POST", "previous", {})
        return shaped("previous", lambda: Previous(data["release"], data["commit"]))

    def rollback(self, release: str, *, at_once: bool = False) -> str:
        """Roll every service to an earlier release and return it; `at_once` as for `deploy`."""
        data = self._ask("POST", "rollback", {"release": release} | ({"at_once": True} if at_once else {}))
        return shaped("rollback", lambda: str(data["release"]))

    def canary(self, instances: Sequence[str], patch: Sequence[Patch] = ()) -> Deployed:
        """Build a release as `deploy` does and put it on these instances alone."""
        data = self._ask("POST", "canary", {"instances": list(instances), "patch": list(patch)})
        return shaped("canary", lambda: Deployed(data["release"], data["previous"]))

    def patch(self, patch: Sequence[Patch]) -> None:
        """Have every later release built with these edits, in the place of those of before."""
        self._ask("POST", "patch", {"patch": list(patch)})

    def scale(self, service: str, count: int) -> int:
        """Run so many instances of a service, and return how many there were."""
        data = self._ask("POST", "scale", {"service": service, "count": count})
        return shaped("scale", lambda: int(data["previous"]))

    def certificate(self, part: str, **how: Any) -> None:
        """Give a part a new certificate: `names`, `days`, `self_signed`, `seconds`, `lost`; without any the proper one."""
        self._ask("POST", "certificate", {"part": part, **how})

    def clock(self, part: str, seconds: int) -> None:
        """Have the clock of a service's instance be so many seconds ahead, behind where negative; 0: as it should be."""
        self._ask("POST", "clock", {"part": part, "seconds": seconds})

    def rotate(self, secret: str, step: Literal["begin", "complete"], by: str | None = None) -> Rotated:
        """Bring a new value of a secret into use beside the old one (begin), or end the old one (complete).

        With `by`, a name, only what was begun with the same name is ended.
        """
        data = self._ask("POST", "rotate", {"secret": secret, "step": step} | ({"by": by} if by else {}))
        return shaped("rotate", lambda: Rotated(data["secret"], data["rotating"], data["seconds"]))

    def account(self, email: str, *, replace: bool = False) -> Path:
        """Make an account, or set what its file says, with `replace` a new password, and return the file with its password."""
        data = self._ask("POST", "account", {"email": email, "replace": replace})
        return shaped("account", lambda: Path(data["password_file"]))

    def disks(self) -> Mapping[str, Place]:
        """Return where services keep their working files, by part."""
        data = self._ask("GET", "disk")
        return shaped(
            "disk", lambda: {row["part"]: Place(**{**row, "files": frozenset(row["files"])}) for row in data["places"]}
        )

    def disk(self, part: str, *, full: bool) -> None:
        """Leave no byte free where a part keeps its working files, or give the room back."""
        self._ask("POST", "disk", {"part": part, "full": full})

    def migrate(
        self,
        database: str | None = None,
        through: str | None = None,
        *,
        direction: Literal["up", "down"] | None = None,
        steps: int | None = None,
        to: str | None = None,
    ) -> dict[str, Any]:
        """Migrate the live database, or the scratch server of that id, to head; {applied: [versions], head}.

        `through` names a part that the runner connects to in the place of the live server, such as a pooler. A scratch
        server can be moved some `steps` only, and down: {reverted: [versions], head}; the live one up or down `to` a revision.
        """
        asked = {"database": database, "through": through, "direction": direction, "steps": steps, "to": to}
        return self._ask("POST", "migrate", {name: value for name, value in asked.items() if value})

    def backup(self) -> None:
        """Make a base backup of the live database, and wait for its end."""
        self._ask("POST", "backup", {})

    def archive(self) -> Archived:
        """End the log's segment of now and wait until it is archived."""
        data = self._ask("POST", "archive", {})
        return shaped("archive", lambda: Archived(data["segment"], data["seconds"]))

    def restore(self, backup: str | None = None, to: datetime | None = None) -> Restored:
        """Recover a scratch server from a backup, by default the newest that ended before `to`, to that moment or to the end."""
        asked = ({"backup": backup} if backup else {}) | ({"to": to.isoformat()} if to else {})
        data = self._ask("POST", "restore", asked)
        return shaped("restore", lambda: restored_of(data))

    def recover(self, bucket: str, prefix: str, at: datetime, *, dry_run: bool = False) -> Recovered:
        """Bring the objects below a prefix back to what they were at a moment, or say which would be."""
        asked = {"bucket": bucket, "prefix": prefix, "at": at.isoformat()} | ({"dry_run": True} if dry_run else {})
        data = self._ask("POST", "recover", asked)
        return shaped(
            "recover",
            lambda: Recovered(
                MappingProxyType({row["key"]: row["was"] for row in data["taken"]}), data["unchanged"], data["later"]
            ),
        )

    def scratch(self) -> Scratch:
        """Start an empty PostgreSQL server of the environment's major version."""
        data = self._ask("POST", "scratch", {})
        return shaped("scratch", lambda: scratch_of(data))

    def drop_scratch(self, scratch_id: str) -> None:
        """Remove a scratch server; one that is gone already is fine."""
        self._ask("DELETE", f"scratch/{scratch_id}", missing_ok=True)
