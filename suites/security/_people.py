"""People at work during a rotation: what they do, whether it succeeded, and who is in the middle of something."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from seatrial import Exercise, Failure
from seatrial.facets.http import ExerciseHttp
from seatrial.probes.http import HttpAnswer
from suites.client import Asset, Client, Session, end, remove, signed_in, small_clip
from suites.client.session import promised


@dataclass(frozen=True)
class Trip:
    """One journey: its name, the requests that it made, and what failed in it (empty when nothing did)."""

    journey: str
    requests: int
    failure: str


class People:
    """Makes journeys in turn, from several threads.

    Half of them *return*: with a token and a link that they were given earlier they list, and fetch the preview again.
    The others sign in, and *watch* or *upload*.

    Args:
        exercise: whose account they all use.
        asset: an asset of that account with a preview.
    """

    KINDS = ("return", "watch", "return", "upload")

    def __init__(self, exercise: Exercise, asset: Asset) -> None:
        self._exercise, self._asset, self._clip = exercise, asset, small_clip().content
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._begun: dict[int, float] = {}
        self._kept = self._visit()

    def go(self) -> Trip:
        """Make the next journey to its end; a Failure in it is kept, anything else is raised."""
        number = next(self._numbers)
        kind = self.KINDS[number % len(self.KINDS)]
        counting = _Counting(self._exercise.http)
        with self._lock:
            self._begun[number] = time.monotonic()
            kept = self._kept
        journeys: dict[str, Callable[[], object]] = {
            "return": partial(self._return, counting, *kept),
            "watch": partial(self._watch, counting),
            "upload": partial(self._upload, counting),
        }
        try:
            journeys[kind]()
        except Failure as failure:
            return Trip(kind, counting.requests, f"{kind}: {failure.expected}, seen {failure.seen}")
        finally:
            with self._lock:
                del self._begun[number]
        return Trip(kind, counting.requests, "")

    def under_way(self, since_s: float) -> int:
        """Count the journeys that began before that moment of the monotonic clock and have not ended."""
        with self._lock:
            return sum(began < since_s for began in self._begun.values())

    def renew(self) -> None:
        """Give those who return from now on a new token and a new link; the session before stays open for the others."""
        kept = self._visit()
        with self._lock:
            self._kept = kept

    def _visit(self) -> tuple[str, str]:
        session = signed_in(self._exercise)
        return session.tokens.access_token, session.playback(self._asset.id).url

    @contextmanager
    def _session(self, http: "_Counting") -> Iterator[Session]:
        session = Client(http).sign_in(*self._exercise.account)
        try:
            yield session
            session.sign_out()
        except Failure:
            self._exercise.cleanup(end, session)
            raise

    def _return(self, http: "_Counting", token: str, link: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        promised(http.request("GET", "api:/v1/assets?limit=10", headers=headers), 200)
        promised(http.request("GET", link), 200, "edge")

    def _watch(self, http: "_Counting") -> None:
        with self._session(http) as session:
            promised(session.call("GET", "/v1/assets?limit=10"), 200)
            promised(http.request("GET", session.playback(self._asset.id).url), 200, "edge")

    def _upload(self, http: "_Counting") -> None:
        with self._session(http) as session:
            created = session.create(f"{self._exercise.marker} traffic", self._clip)
            try:
                if created.upload is not None:
                    session.complete(created.asset.id, session.put(created.upload, self._clip))
                session.remove(created.asset.id)
            except Failure:
                self._exercise.cleanup(remove, session, created.asset.id)
                raise


class _Counting:
    """A transport that counts."""

    def __init__(self, http: ExerciseHttp) -> None:
        self._http, self.requests = http, 0

    def request(self, method: str, url: str, **request: Any) -> HttpAnswer:
        """Send one request."""
        self.requests += 1
        return self._http.request(method, url, **request)


def missing(trips: list[Trip], fewest: int) -> str:
    """Say what these trips lack to be people at work: each kind of journey once, and `fewest` in all."""
    seen = Counter(trip.journey for trip in trips)
    lacking = [kind for kind in dict.fromkeys(People.KINDS) if not seen[kind]]
    if len(trips) < fewest:
        lacking.append(f"{fewest - len(trips)} more journeys")
    return ", ".join(lacking)
