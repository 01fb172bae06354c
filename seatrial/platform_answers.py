"""What a platform answers, as typed values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypedDict, TypeVar

from seatrial.errors import EnvironmentFault

T = TypeVar("T")


@dataclass(frozen=True)
class Listener:
    """A listening socket; `pid` and `part` where the platform knows them."""

    address: str
    port: int
    pid: int | None = None
    part: str | None = None


@dataclass(frozen=True)
class Part:
    """One supervised part of the environment.

    Attributes:
        name: "api-1"; service: "api".
        state: starting, ready, stopped, paused or failed.
        release: None for a part that is not ours, such as postgres.
        restarts: how often it was started again since `up`.
        settings: overrides in force; empty as shipped.
        role: primary, or standby or replica (of PostgreSQL, by its data; of Redis, by its Sentinels); None for any other part.
    """

    name: str
    service: str
    state: str
    pid: int | None = None
    address: str | None = None
    port: int | None = None
    release: str | None = None
    restarts: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    role: str | None = None


@dataclass(frozen=True)
class Status:
    """What the platform says of the environment.

    Attributes:
        calls: the calls that it offers.
        state: the folder that lives and dies with the environment, where that is on this machine.
        patched: edited files of the source.
        reached: step of the start -> seconds since `up` was called.
    """

    environment: str
    ready: bool
    release: str
    public_address: str
    calls: frozenset[str]
    parts: Mapping[str, Part]
    declared_ports: tuple[Listener, ...]
    timings: Mapping[str, float]
    patched: tuple[str, ...] = ()
    reached: Mapping[str, float] = field(default_factory=dict)
    state: Path | None = None

    def part(self, name: str) -> Part:
        """Return that part; raises EnvironmentFault naming the parts there are."""
        if name not in self.parts:
            raise EnvironmentFault(f"the platform has no part {name!r} (there are: {', '.join(self.parts)})")
        return self.parts[name]

    def instances(self, service: str) -> tuple[Part, ...]:
        """Return the parts of that service, in the platform's order."""
        return tuple(part for part in self.parts.values() if part.service == service)


@dataclass(frozen=True)
class ClusterMember:
    """One server as the failover manager knows it.

    Attributes:
        role: primary, sync_standby (whatever is acknowledged is there, too) or replica.
        state: the manager's word, such as running or streaming.
        timeline: of its log; None when the manager does not know it.
        nofailover: it is not to become the primary.
    """

    name: str
    role: str
    state: str
    timeline: int | None
    nofailover: bool


@dataclass(frozen=True)
class Cluster:
    """The database's servers; `primary` is None while nobody holds the lock, `maintenance` stops the manager from acting."""

    primary: str | None
    maintenance: bool
    members: Mapping[str, ClusterMember]

    def in_sync(self, name: str) -> bool:
        """Say whether whatever is acknowledged is with that member, too."""
        member = self.members.get(name)
        return member is not None and (member.role, member.state) == ("sync_standby", "streaming")


@dataclass(frozen=True)
class Place:
    """Where a service keeps its working files.

    Attributes:
        part: "worker-1".
        size_bytes: what it may hold now.
        free_bytes: what of it is free.
        full: it was filled, and its room has not been given back.
        files: paths of the service's files and directories in it.
    """

    part: str
    size_bytes: int
    free_bytes: int
    full: bool
    files: frozenset[str]


@dataclass(frozen=True)
class Switched:
    """Who is the primary after a switchover, who was it before, and the seconds between."""

    primary: str
    previous: str
    seconds: float


@dataclass(frozen=True)
class Process:
    """One process of the environment's tree."""

    part: str
    pid: int
    ppid: int
    command: str


@dataclass(frozen=True)
class Listeners:
    """Listening sockets: those that were there before `up`, which are not the system's, and those of now."""

    before: tuple[Listener, ...]
    now: tuple[Listener, ...]


@dataclass(frozen=True)
class Restarted:
    """What a part came to after a restart; `ready` False when its settings keep it from becoming ready."""

    ready: bool
    state: str


@dataclass(frozen=True)
class Deployed:
    """A release that was rolled out, and the one before."""

    release: str
    previous: str


@dataclass(frozen=True)
class Previous:
    """The release before the one in the tree, built, and the commit that it is of."""

    release: str
    commit: str


@dataclass(frozen=True)
class Change:
    """One move of all services to a release, as the platform remembers it.

    Attributes:
        at: when it had ended, RFC 3339.
        previous: the release before; None at the start.
        by: up, deploy or rollback.
        outcome: in force, rolled back, or failed (could not go back either).
        reason: why it did not come into force; empty when it did.
        seconds: how long it took, the way back included.
    """

    at: str
    release: str
    previous: str | None
    by: str
    outcome: str
    reason: str
    seconds: float


@dataclass(frozen=True)
class Scratch:
    """An empty throw-away PostgreSQL server; the password stands in `password_file`."""

    id: str
    host: str
    port: int
    dbname: str
    user: str
    password_file: Path


@dataclass(frozen=True)
class RegionPlan:
    """What is kept for a rebuild: names of secrets and buckets, and whether each secret has the value that is in force."""

    secrets: tuple[str, ...]
    buckets: tuple[str, ...]
    current: bool


@dataclass(frozen=True)
class Archived:
    """A segment of the log that was ended and is archived: what was written before can be restored."""

    segment: str
    seconds: float


@dataclass(frozen=True)
class Restored:
    """A scratch server that was recovered from a backup and the log behind it.

    Attributes:
        backup: the backup's name; `ended` says when it ended.
        cluster: the system identifier of the server that it is a copy of.
        timeline: the one that began where recovery ended.
        segment: the last segment that recovery took from the archive, None for none.
        lsn: where recovery ended.
        at: when the last recovered transaction was committed, None for none.
        seconds: stage -> its seconds.
    """

    scratch: Scratch
    backup: str
    ended: datetime
    cluster: str
    timeline: int
    segment: str | None
    lsn: str
    at: datetime | None
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Recovered:
    """What became of objects that were to be as they were at a moment.

    Attributes:
        taken: key -> what had become of it, deleted or overwritten, for those that were (or would be) brought back.
        unchanged: how many are as they were.
        later: how many were made after the moment, and left alone.
    """

    taken: Mapping[str, str]
    unchanged: int
    later: int


@dataclass(frozen=True)
class Rotated:
    """How far the rotation of a secret is: in overlap while `rotating`; `seconds` are those of the step."""

    secret: str
    rotating: bool
    seconds: float


@dataclass(frozen=True)
class Strength:
    """What may be said of one value of a secret.

    Attributes:
        name: where it is, "links k1"; never the value.
        purpose: the same for every copy of the value that is meant to be one.
        length: in characters.
        guesses_log10: how many guesses an attacker needs who knows words, sequences and repetitions, by zxcvbn.
        published: where everybody can read it or what it was made from; empty when nowhere.
        fingerprint: equal where the values are, within one answer.
    """

    name: str
    purpose: str
    length: int
    guesses_log10: float
    published: str
    fingerprint: str


@dataclass(frozen=True)
class Sighting:
    """A secret, or a canary, that stood where a scan looked.

    Attributes:
        kind: logs, arguments, environment or texts.
        place: "api-1.log".
        name: which secret, never its value.
        form: how it was written down.
    """

    kind: str
    place: str
    name: str
    form: str
    times: int

    def __str__(self) -> str:
        return f"{self.name} ({self.form}, {self.times} times) in {self.kind}: {self.place}"


@dataclass(frozen=True)
class Scan:
    """What a platform found of its own secrets.

    Attributes:
        secrets: how many it looked for.
        looked: kind -> how many places and bytes.
        canaries: where the caller's own strings stood, sought in the same way.
    """

    secrets: int
    looked: Mapping[str, Mapping[str, int]]
    found: tuple[Sighting, ...]
    canaries: tuple[Sighting, ...]


class Patch(TypedDict):
    """One literal replacement in a copy of the source; `find` occurs exactly once, or is empty for a new file."""

    file: str
    find: str
    replace: str


def shaped(call: str, build: Callable[[], T]) -> T:
    """Build a typed answer; raises EnvironmentFault naming what the platform's answer lacks."""
    try:
        return build()
    except (KeyError, TypeError, AttributeError) as error:
        raise EnvironmentFault(f"platform {call}: the answer lacks {error}") from None


def part_of(row: Mapping[str, Any]) -> Part:
    """Return a part from its row of `status`."""
    return Part(
        name=row["name"],
        service=row["service"],
        state=row["state"],
        pid=row.get("pid"),
        address=row.get("address"),
        port=row.get("port"),
        release=row.get("release"),
        restarts=row.get("restarts", 0),
        settings=MappingProxyType(dict(row.get("settings") or {})),
        role=row.get("role"),
    )


def scratch_of(data: Mapping[str, Any]) -> Scratch:
    """Return a scratch server from the answer that has it."""
    return Scratch(data["id"], data["host"], data["port"], data["dbname"], data["user"], Path(data["password_file"]))


def restored_of(data: Mapping[str, Any]) -> Restored:
    """Return a restored server from its answer."""
    return Restored(
        scratch_of(data),
        backup=data["backup"],
        ended=datetime.fromisoformat(data["ended"]),
        cluster=data["cluster"],
        timeline=data["timeline"],
        segment=data["segment"],
        lsn=data["lsn"],
        at=datetime.fromisoformat(data["at"]) if data["at"] is not None else None,
        seconds=MappingProxyType(dict(data["seconds"])),
    )


def listeners_of(rows: Sequence[Mapping[str, Any]]) -> tuple[Listener, ...]:
    """Return listeners from their rows."""
    return tuple(Listener(row["address"], row["port"], row.get("pid"), row.get("part")) for row in rows)
