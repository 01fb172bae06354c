"""Take every connection of a service's pools at once: callers that all wait for one locked row."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from seatrial import Disrupt, Failure, Invalid, eventually
from seatrial.probes.http import HttpAnswer
from suites.client import Client, Session

CALLERS = 4  # for each connection: one has it, three queue
EXHAUSTED_WITHIN_S = 5.0
WAITING = """
select application_name as name from pg_stat_activity where wait_event_type = 'Lock' and usename = %(role)s
"""


@dataclass(frozen=True)
class Door:
    """Where callers come in: `slots` connections behind it; `via` is an instance's address, None the public host."""

    name: str
    via: str | None
    slots: int


def at(session: Session, via: str | None) -> Session:
    """Return the same session, talking to one instance."""
    return Session(Client(session.client.http, via), session.tokens, session.again)


def exhaust(
    disrupt: Disrupt, session: Session, locked: str, doors: list[Door], credential: str, patience_s: float
) -> dict[str, list[HttpAnswer]]:
    """Hold an asset's row while more callers rename it than there are connections; give their answers by door.

    Raises Invalid when the database does not see every connection of each instance wait.

    Args:
        disrupt: the handle.
        session: whose asset it is.
        locked: the asset's id.
        doors: the instances, and whatever leads to them.
        credential: the service's own role.
        patience_s: how long a caller waits for an answer.
    """
    role = disrupt.credential(credential).user
    change = {"title": f"{disrupt.marker} locked"}

    def rename(door: Door) -> HttpAnswer:
        return at(session, door.via).call("PATCH", f"/v1/assets/{locked}", json=change, timeout_s=patience_s)

    def all_wait() -> bool:
        waiting = Counter(row["name"] for row in disrupt.pg.rows(WAITING, {"role": role}))
        return all(waiting[door.name] >= door.slots for door in doors if door.via)

    with (
        ThreadPoolExecutor(CALLERS * sum(door.slots for door in doors)) as threads,
        disrupt.pg.row_locked("assets", {"id": locked}, credential),
    ):
        callers = {door.name: [threads.submit(rename, door) for _ in range(CALLERS * door.slots)] for door in doors}
        try:
            what = "a lock waited for by every connection of each instance"
            eventually(all_wait, within_s=EXHAUSTED_WITHIN_S, what=what, every_s=0.05)
        except Failure as failure:
            raise Invalid(f"the pools could not be exhausted: {failure}") from None
        return {name: [each.result() for each in answers] for name, answers in callers.items()}


@contextmanager
def probed(disrupt: Disrupt, doors: list[Door], path: str) -> Iterator[list[float]]:
    """Ask each instance's liveness probe, which needs no connection, again and again; give how long each answer took."""
    took: list[float] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            took.extend(disrupt.http.get(f"api:{path}", via=door.via).elapsed_s for door in doors if door.via)
            over.wait(0.1)

    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(ask)
        try:
            yield took
        finally:
            over.set()
        asking.result()
