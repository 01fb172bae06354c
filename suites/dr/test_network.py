"""The measured drill on the network: each link slow, each link lossy, each link cut."""

import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from seatrial import BLOCKER, Disrupt, Invalid, Plan, check, require
from seatrial.drills import RTO, Drill, stage_rows
from seatrial.platform import Part
from seatrial.traffic import Shot
from suites.client import Asset, Session, instances, remove, signed_in, small_clip
from suites.client.instances import HOSTS
from suites.dr._felt import WAITED_S, Felt, Watching, keeps_waiting, loses, notes
from suites.dr._people import LEAST, PAST_THE_BALANCER, Must, People, Said, judge
from suites.dr._queue import STREAM
from suites.dr._steady import steady
from suites.infra._pools import pools_of

POOLER, STORE = "pgbouncer", "s3"
SLOW_FOR_S, CUT_BEYOND_S = 4.0, 1.0
DISTANCE_S = 0.1  # of the 200 ms that the platform adds, or that a lost segment costs
LOSSY_FOR_S, FELT_WITHIN_S = 8.0, 15.0  # one exchange in twenty meets a loss
SERVED_SHARE = 0.9
SILENT_S = 0.3
IN_FLIGHT = re.compile(r"^http_requests_in_flight ([0-9.e+]+)$", re.MULTILINE)
IDLE = 8.0  # requests that API instances may be serving at a moment, of those that fall due all the time
FEW, LATE_S, LATE_SHARE = 8, 1.0, 0.05
ALL_SERVED = dict.fromkeys(("list", "announce", "page", "sign-in page", "play"), Must.SERVE)
ALL_TOLD = dict.fromkeys(ALL_SERVED, Must.SAY_SO)
Ask = Callable[[], Said]


@check(
    "DR-NET-01",
    severity=BLOCKER,
    component="network",
    plan=Plan(
        strikes="the links into each tier are slowed down by 200 ms, then lose one packet in twenty, then are cut, one tier after the other",
        noticed="everything is slow for twenty seconds; while the database or the store is cut off, who needs it is told to come again",
        undone="opens the links; Redis' first server is the primary again",
        undo_s=30.0,
        answered_by=("DEP-HLT-01", "INF-PG-09", "INF-RD-07"),
    ),
)
def test_slow_and_cut_links_cost_no_more_than_they_must(disrupt: Disrupt) -> None:
    """Distance fails no call, loss few; a cut link is answered for in time and in words, holds up nobody else, and mends by itself.

    Why it matters: a machine that dies refuses connections, which every client understands. A network that goes bad says nothing:
    what was written without a time limit waits for ever, each wait holds a connection, a thread and its own caller, and a fault
    of one link becomes an outage of the whole that outlives it.

    How it is measured: five kinds of calls fall due at a fixed rate all the time: list, announce an asset, open the page of
    assets, open the page to sign in, play a preview. Links are struck in turns. Slow by 200 ms each way back: those into
    pooler, Redis and store; then those into API, edge and frontend: every call must be served. Lossy, so that one packet in
    twenty has to be sent again: all of these at once; nine calls in ten must be served. Cut, so that packets vanish and
    nobody is told, open connections included: Redis' primary and one API; the pooler and one edge; the store. Each answer must
    come within targets.cut_answer_s, also when an API is asked past the balancer while the database is away. Who needs what is
    gone is served, or gets 502, 503 or 504 with Retry-After or a problem document; who does not is served, of a lost instance
    once targets.balancer_out_s have passed. Manipulation check, by the harness itself: an exchange with each slowed part takes
    longer by the distance, and with each lossy one now and then; no connection to a cut one comes about, and where nobody can
    be served somebody was not. And by those on the other side of each cut link: each API instance, worker and edge that needs
    what is gone calls it lost in its own ready probe, the frontend writes down that it has lost that API, and the balancer keeps
    somebody waiting for that API and that edge; else INVALID. Each link is opened, and within targets.ready_s every kind must
    be served again, the pooler hold no more clients than the services' pools have places, and the API instances serve no more
    requests than fall due. Uploads that were completed while Redis and store were cut off must become previews within
    targets.preview_s, and every acknowledged write be there, once.

    Not covered: answers under way at an instance that is cut off before its balancer has noticed, where they may take long by
    their nature (plays); a database far from its pooler; loss of answers, and of one pair's packets alone: a lossy or cut link is
    the one into a part, whoever comes by it; a primary of PostgreSQL that is cut off (DR-PG-01 loses it); the only frontend cut
    off; links between the database's servers, and between Redis' servers and
    Sentinels, one by one.
    """
    session = signed_in(disrupt)
    rehearsal = _Rehearsal(disrupt, People(disrupt, session, float(disrupt.target("cut_answer_s"))))
    uploads = [_sent(disrupt, session) for _ in range(2)]
    redis, edge, api = rehearsal.primary_of_redis(), rehearsal.instances("edge"), rehearsal.instances("api")
    near = [*edge, *api, *rehearsal.instances("frontend")]
    drill = Drill(disrupt, steady(disrupt, session), within_s=float(disrupt.target("ready_s")))
    with drill, rehearsal.people.traffic:
        drill.watch("people", rehearsal.people.traffic, lambda said: said.served)
        rehearsal.slow(drill, "data far away", [POOLER, redis, STORE])
        rehearsal.slow(drill, "services far away", near)
        rehearsal.lose(drill, "packets lost", [POOLER, redis, STORE, *near])
        half = dict.fromkeys(("list", "announce"), Must.SERVE_ONCE_NOTICED)
        rehearsal.cut(
            drill, "Redis and one API cut off", [redis, api[0]], ALL_SERVED | half | {"complete": Must.SERVE},
            asks={"complete": lambda: rehearsal.people.complete(uploads[0].id)},
            ask_after_s=float(disrupt.target("balancer_out_s")), waited=("list", "announce"),
            felt_by=rehearsal.lose_it("redis", "api", "worker", but=api[0]) | rehearsal.miss_it("api", api[0]),
        )  # fmt: skip
        needs_database = dict.fromkeys(("list", "announce", "page", PAST_THE_BALANCER), Must.SAY_SO)
        rehearsal.cut(
            drill, "database and one edge cut off", [POOLER, edge[0]],
            ALL_SERVED | needs_database | {"play": Must.SERVE_ONCE_NOTICED},
            asks={PAST_THE_BALANCER: lambda: rehearsal.people.list_at(instances(disrupt, "api")[0])},
            felt=("list",), spared=("play",),
            felt_by=rehearsal.lose_it("postgres", "api", "worker") | rehearsal.miss_it("edge", edge[0]),
        )  # fmt: skip
        needs_store: dict[str, Ask] = {
            "poster": rehearsal.people.poster,
            "complete": lambda: rehearsal.people.complete(uploads[1].id),
        }
        told = dict.fromkeys(needs_store, Must.SAY_SO)
        rehearsal.cut(
            drill, "store cut off", [STORE], ALL_SERVED | told, asks=needs_store, felt=tuple(told),
            felt_by=rehearsal.lose_it("s3", "api", "worker", "edge"),
        )  # fmt: skip
        drill.require_steady()
    rehearsal.people.traffic.require_punctual(LATE_S, LATE_SHARE)
    rehearsal.show()
    with disrupt.cases(at_least=18) as cases:
        with cases("packets lost: most are served"):
            rehearsal.require_most_served("packets lost")
        for phase in rehearsal.phases:
            for kind in phase.must:
                with cases(f"{phase.name}: {kind}"):
                    rehearsal.judge(phase, kind)
        with cases("every acknowledged write"):
            rehearsal.people.audit(drill.struck_s, FEW)
        with cases("what was uploaded meanwhile"):
            session.wait_for_all(uploads, within_s=float(disrupt.target("preview_s")))
    rehearsal.require_felt()


@dataclass
class _Phase:
    """One strike: how calls of each kind must be answered, and what was seen."""

    name: str
    must: Mapping[str, Must]
    felt: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
    waited: tuple[str, ...] = ()
    struck_s: float = 0.0
    over_s: float = 0.0
    asked: list[Shot[Said]] = field(default_factory=list)
    felt_by: Watching = field(default_factory=lambda: Watching({}))


class _Rehearsal:
    """Strikes links, keeps what happened, and judges it once every call has ended."""

    def __init__(self, disrupt: Disrupt, people: People) -> None:
        if not disrupt.platform.offers("link"):
            raise Invalid("the platform does not offer link")
        self.people, self.phases, self.recovered = people, list[_Phase](), dict[str, float]()
        self._disrupt = disrupt
        self._budget_s, self._noticed_s = float(disrupt.target("cut_answer_s")), float(disrupt.target("balancer_out_s"))

    def instances(self, service: str) -> list[str]:
        """Return the instances of a service, by name."""
        return [each.name for each in instances(self._disrupt, service)]

    def primary_of_redis(self) -> str:
        """Return the part that is Redis' primary; without a replica the role could not be given back to it."""
        ready = {
            each.name: each.role for each in self._disrupt.platform.status().instances("redis") if each.state == "ready"
        }
        if sorted(map(str, ready.values())) != ["primary", "replica"]:
            raise Invalid(
                f"of Redis' servers there are ready {ready or 'none'}, expected a primary and a replica: `seatrial status`"
            )
        return next(name for name, role in ready.items() if role == "primary")

    def slow(self, drill: Drill, name: str, parts: list[str]) -> None:
        """Slow the links into parts down for a while, and open them."""
        phase = _Phase(name, ALL_SERVED)
        quick_s = {part: min(self._exchange_s(part) for _ in range(2)) for part in parts}

        def in_effect() -> bool:
            for part in parts:
                took_s = self._exchange_s(part)
                least_s = quick_s[part] + DISTANCE_S
                require(took_s > least_s, f"an exchange with {part} of {least_s:.2f} s", f"{took_s:.2f} s", part)
            return True

        drill.strike(name, lambda: self._link(parts, "latency"), in_effect)
        self._hold(drill, phase, SLOW_FOR_S, {})

    def lose(self, drill: Drill, name: str, parts: list[str]) -> None:
        """Have the links into parts lose packets for a while, and open them."""
        quick_s = {part: min(self._exchange_s(part) for _ in range(2)) for part in parts}
        unharmed = set(parts)

        def in_effect() -> bool:
            unharmed.difference_update(
                [part for part in unharmed if self._exchange_s(part) > quick_s[part] + DISTANCE_S]
            )
            require(not unharmed, "an exchange with each part that meets a loss", f"none with {sorted(unharmed)}")
            return True

        drill.strike(name, lambda: self._link(parts, "loss"), in_effect, within_s=FELT_WITHIN_S)
        self._hold(drill, _Phase(name, ALL_TOLD), LOSSY_FOR_S, {})

    def lose_it(self, dependency: str, *services: str, but: str = "") -> dict[str, Felt]:
        """Give for each instance of the services whether it calls the dependency lost."""
        those = [each for each in instances(self._disrupt, *services) if each.name != but]
        return {f"{each.name} without {dependency}": loses(self._disrupt, each, dependency) for each in those}

    def miss_it(self, service: str, name: str) -> dict[str, Felt]:
        """Give whether those who send requests to an instance miss it: the frontends an API, the balancer an edge.

        Of an API the balancer is not asked: a question would take the connections to it on which calls of the traffic must be
        seen to wait.
        """
        if service != "api":
            version = f"{HOSTS[service]}:{self._disrupt.profile.services[service].version}"
            return {f"balancer without {name}": keeps_waiting(self._disrupt, version)}
        via = next(str(each.via) for each in instances(self._disrupt, service) if each.name == name)
        frontends = instances(self._disrupt, "frontend")
        return {f"{each.name} without {name}": notes(self._disrupt, each.name, via) for each in frontends}

    def cut(
        self,
        drill: Drill,
        name: str,
        parts: list[str],
        must: Mapping[str, Must],
        *,
        asks: Mapping[str, Ask] | None = None,
        ask_after_s: float = 0.0,
        felt: tuple[str, ...] = (),
        spared: tuple[str, ...] = (),
        waited: tuple[str, ...] = (),
        felt_by: Mapping[str, Felt],
    ) -> None:
        """Cut the links into parts for a while, ask these questions beside the traffic, and open the links.

        Args:
            asks: kind -> asks for what is beside the traffic, some times at once.
            ask_after_s: how long after the strike.
            felt: kinds of which some must not have been served, or nothing was cut off.
            spared: kinds whose answers are not timed before the balancer has noticed.
            waited: kinds of which one must have been kept waiting before the balancer has noticed.
            felt_by: who is on the other side -> whether it feels that, all of whom must.
        """
        phase = _Phase(name, must, felt, spared, waited, felt_by=Watching(felt_by))
        places = [self._place(part) for part in parts]
        connects = self._disrupt.tcp.connect
        drill.strike(
            name,
            lambda: self._link(parts, "partition"),
            lambda: all(connects(*place, SILENT_S) == "timeout" for place in places),
        )
        self._hold(drill, phase, self._budget_s + CUT_BEYOND_S, asks or {}, ask_after_s)

    def judge(self, phase: _Phase, kind: str) -> None:
        """Demand of the calls of one kind, due in a phase, what they must be."""
        shots = [shot for shot in (*self._due(phase), *phase.asked) if shot.answer.kind == kind]
        if kind in phase.felt and all(shot.answer.served for shot in shots):
            raise Invalid(f"{phase.name}: every call to {kind} was served, so that nothing was cut off")
        if kind in phase.spared:
            shots = [shot for shot in shots if shot.due_s > phase.struck_s + self._noticed_s]
        judge(
            shots,
            phase.must[kind],
            budget_s=self._budget_s,
            struck_s=phase.struck_s,
            noticed_s=self._noticed_s,
            where=phase.name,
        )

    def require_most_served(self, name: str) -> None:
        """Demand that of the calls of a phase most were served; Invalid when no call met a loss."""
        shots = next(self._due(phase) for phase in self.phases if phase.name == name)
        if all(shot.ended_s - shot.began_s < DISTANCE_S for shot in shots):
            raise Invalid(f"{name}: nobody was kept waiting by it in {len(shots)} calls")
        served = sum(shot.answer.served for shot in shots)
        least = SERVED_SHARE * len(shots)
        require(served >= least, f"{SERVED_SHARE:.0%} of the calls served", f"{served} of {len(shots)}", name)

    def require_felt(self) -> None:
        """Raise Invalid where somebody on the other side of a cut link has not felt it."""
        unfelt = {phase.name: phase.felt_by.unfelt for phase in self.phases if phase.felt_by.unfelt}
        if unfelt:
            raise Invalid(f"a link was cut, and not for everybody on its other side: {unfelt}")
        for phase in self.phases:
            early = [shot for shot in self._due(phase) if shot.due_s < phase.struck_s + self._noticed_s]
            calls = [shot for shot in early if shot.answer.kind in phase.waited]
            if phase.waited and all(shot.answer.served and shot.ended_s - shot.began_s < WAITED_S for shot in calls):
                raise Invalid(f"{phase.name}: the balancer kept none of {len(calls)} calls waiting")

    def _due(self, phase: _Phase) -> list[Shot[Said]]:
        return [shot for shot in self.people.traffic.shots if phase.struck_s < shot.due_s < phase.over_s]

    def show(self) -> None:
        """Give what was seen of each phase as evidence."""
        seen = {}
        for phase in self.phases:
            due = [*phase.asked, *self._due(phase)]
            seen[phase.name] = {
                "slowest answer, s": round(max((shot.ended_s - shot.began_s for shot in due), default=0.0), 2),
                "not served": sum(not shot.answer.served for shot in due),
                "calls": len(due),
                "felt after s": phase.felt_by.after_s,
            }
        self._disrupt.evidence("links", seen)
        self._disrupt.evidence(RTO, [*stage_rows(self.recovered, {})])

    def _hold(
        self, drill: Drill, phase: _Phase, for_s: float, asks: Mapping[str, Ask], ask_after_s: float = 0.0
    ) -> None:
        """Let calls fall due against the struck link until its time is over, open it, and wait for the recovery."""
        self.phases.append(phase)
        phase.struck_s = drill.struck_s
        with ThreadPoolExecutor(LEAST * max(len(asks), 1)) as pool:
            with phase.felt_by:
                _until(phase.struck_s + ask_after_s)
                futures = [pool.submit(_shoot, ask) for ask in asks.values() for _ in range(LEAST)]
                _until(phase.struck_s + for_s)
            phase.over_s = time.monotonic()
            drill.undo()
            phase.asked = [future.result() for future in futures]
        kinds: dict[str, Callable[[], bool]] = {
            **self.people.served_since(phase.over_s),
            **{kind: partial(_served, ask) for kind, ask in asks.items()},
        }
        stages: dict[str, Callable[[], object]] = {
            f"{phase.name}: all served again": lambda: all(served() for served in kinds.values()),
            f"{phase.name}: nothing piled up": self._nothing_piled_up,
        }
        within_s = float(self._disrupt.target("ready_s"))
        self.recovered |= drill.recover(stages, within_s=within_s, since_undo=True, where=phase.name)

    def _nothing_piled_up(self) -> bool:
        """Demand that the pooler holds no more clients than have a place in the services' pools, and that no request is stuck."""
        place = self._disrupt.profile.postgres
        if place is None or place.pooler is None:
            raise Invalid("the profile names no [postgres.pooler]")
        pools = pools_of(
            self._disrupt.platform.config(), f"{place.pooler.address or place.pooler.host}:{place.pooler.port}"
        )
        most = sum(pool.size for pool in pools if pool.pooled)
        rows = [row for row in self._disrupt.pg.show("POOLS") if row["database"] == place.database]
        clients = sum(int(row["cl_active"]) + int(row["cl_waiting"]) for row in rows)
        require(clients <= most, f"{most} clients of the pooler at most", f"{clients}", POOLER)
        for each in instances(self._disrupt, "api"):
            text = self._disrupt.http.get(each.url("/metrics"), via=each.via).text
            found = IN_FLIGHT.search(text)
            require(found is not None, "how many requests are served now", f"no such line in {each.name}'s metrics")
            served = float(found[1]) if found else 0.0
            require(served <= IDLE, f"{IDLE:g} requests in flight at most", f"{served:g}", each.name)
        return True

    def _link(self, parts: list[str], mode: Literal["latency", "loss", "partition"]) -> None:
        for part in parts:
            self._disrupt.platform.link(part, mode)

    def _place(self, part: str) -> tuple[str, int]:
        found: Part = self._disrupt.platform.status().part(part)
        if found.address is None or found.port is None:
            raise Invalid(f"the platform does not say where {part} is")
        return found.address, found.port

    def _exchange_s(self, part: str) -> float:
        """Time one exchange with a part, asked past everything else."""
        address, port = self._place(part)
        ask: Callable[[], object] = lambda: self._disrupt.http.get("/", via=f"{address}:{port}")  # noqa: E731
        if part == POOLER:
            ask = partial(self._disrupt.pg.show, "VERSION")
        elif part.startswith("redis"):
            ask = partial(self._disrupt.redis.read, "XLEN", STREAM)
        began_s = time.monotonic()
        ask()
        return time.monotonic() - began_s


def _until(moment_s: float) -> None:
    """Let time pass, which is what the links are struck for."""
    threading.Event().wait(max(0.0, moment_s - time.monotonic()))


def _served(ask: Ask) -> bool:
    said = ask()
    require(said.served, f"{said.kind} served", f"{said}")
    return True


def _shoot(ask: Ask) -> Shot[Said]:
    began_s = time.monotonic()
    answer = ask()
    return Shot(began_s, began_s, time.monotonic(), answer)


def _sent(disrupt: Disrupt, session: Session) -> Asset:
    """Upload a clip and do not say so yet."""
    content = small_clip().content
    created = session.create(f"{disrupt.marker} sent", content)
    disrupt.cleanup(remove, session, created.asset.id)
    if created.upload is not None:
        session.put(created.upload, content)
    return created.asset
