"""Who has felt that a link is cut: the parts on its other side, by what they say themselves or by whom they keep waiting."""

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from types import TracebackType
from typing import Any, Self

from seatrial import Disrupt
from suites.client import Instance

EVERY_S, PATIENCE_S = 0.15, 1.0
# Less than a balancer takes to give a silent instance's connection up, and many times what an answer takes.
WAITED_S = 0.25

Felt = Callable[[], bool]


class Watching:
    """Asks all the while who has felt it, from `with` until its end; who has is asked no more.

    Attributes:
        after_s: name -> the seconds from the beginning until it was felt.
    """

    def __init__(self, felt: Mapping[str, Felt]) -> None:
        self._felt, self._over = felt, Event()
        self._pool = ThreadPoolExecutor(max(1, len(felt)))
        self._futures = list[Future[None]]()
        self._began_s = 0.0
        self.after_s: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._began_s = time.monotonic()
        self._futures = [self._pool.submit(self._watch, name, felt) for name, felt in self._felt.items()]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._over.set()
        self._pool.shutdown()
        if kind is None:
            for future in self._futures:
                future.result()

    @property
    def unfelt(self) -> list[str]:
        """The names of those who have not felt it."""
        return [name for name in self._felt if name not in self.after_s]

    def _watch(self, name: str, felt: Felt) -> None:
        while not felt():
            if self._over.wait(EVERY_S):
                return
        self.after_s[name] = round(time.monotonic() - self._began_s, 2)


def loses(disrupt: Disrupt, instance: Instance, dependency: str) -> Felt:
    """Say whether an instance's own ready probe calls a dependency lost."""
    path = disrupt.profile.services[instance.service].ready

    def felt() -> bool:
        answer = disrupt.http.get(instance.url(path), via=instance.via, timeout_s=PATIENCE_S)
        return answer.status == 503 and not answer.json()["dependencies"][dependency]["ok"]

    return felt


def notes(disrupt: Disrupt, part: str, address: str) -> Felt:
    """Say whether a part has written down since now that it has lost the dependency at an address."""
    since = datetime.now(UTC)
    return lambda: any(noted(line, address, since) for line in disrupt.platform.logs(part))


def noted(line: str, address: str, since: datetime) -> bool:
    """Say whether a line of a log, one JSON object, names a dependency at that address, and is no older."""
    try:
        said: Any = json.loads(line)
    except ValueError:
        return False
    named = isinstance(said, dict) and address in str(said.get("dependency", ""))
    return named and datetime.fromisoformat(said["ts"]) >= since


def keeps_waiting(disrupt: Disrupt, url: str) -> Felt:
    """Say whether somebody who was sent on by the balancer had to wait, or was sent away."""

    def felt() -> bool:
        answer = disrupt.http.get(url, timeout_s=PATIENCE_S)
        return answer.status != 200 or answer.elapsed_s > WAITED_S

    return felt
