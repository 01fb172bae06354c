"""Everything that people do with the product, on schedule, and what of it was answered how while a link was slow or cut."""

import itertools
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from functools import partial
from threading import Lock

from seatrial import Disrupt, Invalid, require
from seatrial.drills import Ledger, require_whole
from seatrial.probes.http import HttpAnswer
from seatrial.traffic import Shot, Traffic, shuffled
from suites.client import Instance, Session, announcement, ready_asset, remove

PER_S = 8.0
CONTENT = b"never uploaded"
PATIENCE_S = 4.0  # beyond the budget, before an answer is given up
PROBLEM = "application/problem+json"
UNAVAILABLE = frozenset({502, 503, 504})
LEAST = 3
AT_ONCE = 8
PAST_THE_BALANCER = "list past the balancer"


class Must(Enum):
    """How the calls of one kind must be answered while a link is struck."""

    SERVE = "served"
    SAY_SO = "served, or told that it is not and when to come again"
    SERVE_ONCE_NOTICED = "served once the balancer has noticed, and told so before"


@dataclass(frozen=True)
class Said:
    """One answer, and which one was promised."""

    kind: str
    promised: int
    answer: HttpAnswer

    @property
    def served(self) -> bool:
        """Whether the caller got what it came for."""
        return self.answer.status == self.promised

    @property
    def clear(self) -> bool:
        """Whether the caller was told in so many words that it is not to be had now."""
        kind = self.answer.headers.get("content-type", "").partition(";")[0]
        return self.answer.status in UNAVAILABLE and ("retry-after" in self.answer.headers or kind == PROBLEM)

    def __str__(self) -> str:
        return f"{self.kind}: {self.answer}"


class People:
    """List, announce, open pages and play, from `with` until its end.

    Args:
        disrupt: makes the requests.
        session: whose assets they are.
        budget_s: how long an answer may take.
    """

    def __init__(self, disrupt: Disrupt, session: Session, budget_s: float) -> None:
        self._disrupt, self._session, self._budget_s = disrupt, session, budget_s
        self._cookie = {"Cookie": f"__Host-access={session.tokens.access_token}", "Accept": "text/html"}
        asset = ready_asset(disrupt, session)
        self._preview, self._poster = (session.playback(asset.id, each).url for each in ("preview", "poster"))
        self._ledger, self._numbers, self._lock = Ledger(), itertools.count(1), Lock()
        self._prefix = f"{disrupt.marker} announced "
        disrupt.cleanup(self._remove)
        self.asks: Mapping[str, Callable[[], Said]] = {
            "list": partial(self._api, "list", 200, "GET", "/v1/assets?limit=1"),
            "announce": self._announce,
            "page": partial(self._get, "page", 200, "app:/"),
            "sign-in page": partial(self._get, "sign-in page", 200, "app:/sign-in"),
            "play": partial(self._get, "play", 200, self._preview),
        }
        self._turns = shuffled(tuple(self.asks))
        self.traffic = Traffic(self._ask, per_s=PER_S)

    def poster(self) -> Said:
        """Ask for what no edge has asked the store for yet."""
        return self._get("poster", 200, self._poster)

    def list_at(self, api: Instance) -> Said:
        """List at an instance, past the balancer, which would give up for a caller whom the instance leaves waiting."""
        headers = {"Authorization": f"Bearer {self._session.tokens.access_token}"}
        patience_s = self._budget_s + PATIENCE_S
        answer = self._disrupt.http.get(
            api.url("/v1/assets?limit=1"), via=api.via, headers=headers, timeout_s=patience_s
        )
        return Said(PAST_THE_BALANCER, 200, answer)

    def complete(self, asset_id: str) -> Said:
        """Say that an upload is done."""
        return self._api("complete", 202, "POST", f"/v1/assets/{asset_id}/complete", json={})

    def served_since(self, moment_s: float) -> dict[str, Callable[[], bool]]:
        """Give for each kind whether one that fell due after a moment was served."""
        return {kind: partial(self._served, kind, moment_s) for kind in self.asks}

    def audit(self, struck_s: float, at_least: int) -> None:
        """Demand that everything that was acknowledged is there, once."""
        found = [each.title for each in self._session.assets() if each.title.startswith(self._prefix)]
        audit = self._ledger.audit(found, struck_s)
        self._disrupt.evidence("RPO, audit of acknowledged writes", audit.to_json())
        require_whole(audit, at_least)

    def _served(self, kind: str, moment_s: float) -> bool:
        shots = [shot for shot in self.traffic.shots if shot.answer.kind == kind and shot.due_s > moment_s]
        require(
            any(shot.answer.served for shot in shots), f"{kind} served", f"{[str(each.answer) for each in shots[-1:]]}"
        )
        return True

    def _ask(self) -> Said:
        with self._lock:
            kind = next(self._turns)
        return self.asks[kind]()

    def _api(self, kind: str, promised: int, method: str, path: str, **request: object) -> Said:
        patience_s = self._budget_s + PATIENCE_S
        return Said(kind, promised, self._session.call(method, path, timeout_s=patience_s, **request))  # type: ignore[arg-type]

    def _get(self, kind: str, promised: int, url: str) -> Said:
        headers = self._cookie if kind == "page" else None
        answer = self._disrupt.http.get(url, headers=headers, timeout_s=self._budget_s + PATIENCE_S)
        return Said(kind, promised, answer)

    def _announce(self) -> Said:
        with self._lock:
            name = self._ledger.ask(f"{self._prefix}{next(self._numbers)}")
        key = {"Idempotency-Key": uuid.uuid4().hex}
        said = self._api("announce", 201, "POST", "/v1/assets", json=announcement(name, CONTENT), headers=key)
        if said.served:
            self._ledger.acknowledge(name)
        return said

    def _remove(self) -> None:
        mine = [each.id for each in self._session.assets() if each.title.startswith(self._prefix)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for gone in [pool.submit(remove, self._session, each) for each in mine]:
                gone.result()


def judge(
    shots: Sequence[Shot[Said]], must: Must, *, budget_s: float, struck_s: float, noticed_s: float, where: str
) -> None:
    """Demand that each call of one kind, due while a link was struck, was answered in time and as it must be.

    Args:
        shots: they, all of which have ended.
        must: how they must be answered.
        budget_s: how long an answer may take.
        struck_s: when the link was struck, on the monotonic clock.
        noticed_s: how long a balancer may take to leave out an instance that is silent.
        where: the component that is to answer.
    """
    if len(shots) < LEAST:
        raise Invalid(f"{len(shots)} calls while the link was struck, at least {LEAST} were expected")
    late = [shot for shot in shots if shot.ended_s - shot.began_s > budget_s]
    said = f"{len(late)} of {len(shots)} were not; {_first(late)}"
    require(not late, f"each answer within {budget_s:g} s", said, where)
    wrong = [shot for shot in shots if not shot.answer.served]
    if must is Must.SAY_SO:
        wrong = [shot for shot in wrong if not shot.answer.clear]
    if must is Must.SERVE_ONCE_NOTICED:
        wrong = [shot for shot in wrong if not (shot.answer.clear and shot.due_s < struck_s + noticed_s)]
    require(not wrong, f"each call {must.value}", f"{len(wrong)} of {len(shots)} not; {_first(wrong)}", where)


def _first(shots: Sequence[Shot[Said]]) -> str:
    return "".join(f"the first: {shot.answer} after {shot.ended_s - shot.began_s:.1f} s" for shot in shots[:1])
