"""Requests that are too large, too slow or no HTTP at all: refused cleanly, and nobody else notices."""

import itertools
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from seatrial import MAJOR, Exercise, Invalid, check, require
from seatrial.cases import Cases
from seatrial.probes.http import HttpAnswer
from seatrial.probes.raw import RawExchange, Send
from seatrial.traffic import Shot, Traffic
from suites.client import Session, instances, ready_asset, signed_in
from suites.client.instances import HOSTS
from suites.security._malformed import Allowed, Malformed, malformed, wrong

POSTS = {"frontend": "/sign-in", "api": "/v1/sessions", "edge": "/v/seatrial/preview"}
AT_ONCE = 6
BYSTANDER_PER_S = 8.0
FEWEST_CASES = 450
SLOW_CLIENTS = 8
SLOW_READERS = 8
# What nobody outside is to read: stack traces, our own and others' source, names and addresses of the inside.
_INSIDE = re.compile(
    r"Traceback|File \"|\.py\b|line \d+|goroutine|panic|starlette|fastapi|uvicorn|httptools|pydantic|psycopg|caddy"
    r"|127\.77\.|RuntimeError|ValueError|Exception\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Door:
    """One way to a service."""

    name: str
    service: str
    via: str | None

    @property
    def url(self) -> str:
        """The named URL of its root."""
        return f"{HOSTS[self.service]}:/"


@check("SEC-HTTP-04", severity=MAJOR, component="ingress", alone=True)
def test_hostile_requests_harm_nobody(exercise: Exercise) -> None:
    """Oversized, slow and malformed requests end as a clean 4xx or a closed connection, and nobody else notices.

    Why it matters: where two servers read one stream of bytes differently, a stranger's bytes become the next reader's
    request (CWE-444; CVE-2022-32214, CVE-2023-25690); where nothing bounds a request, one laptop holds a service
    (Slowloris); and an error page with a stack trace is a map of the house (CWE-209).

    How it is measured: over bare sockets, at the public hosts (TLS) and straight at every instance. About sixty
    requests that RFC 9112 calls malformed or ambiguous (lengths, codings, chunks, line ends, hosts, names, targets,
    methods, versions) are each followed by a harmless request on the same connection; ids tell which answer belongs to
    which request: none may be answered that stood inside another one, none out of order, and after a framing error the
    connection must be closed. Each door is asked something harmless before all this, without an answer to which nothing
    is concluded, and again after its malformed requests; that it took no connection is no refusal. Bodies over the limit
    are announced, and sent in chunks; both must be refused. Clients that send slowly (headers, bodies, a bounded number
    at once) must be let go within targets.slow_client_s; some that read slowly hold their connections as long. All the
    while a bystander uses the product at eight requests a second, whatever the answers do: each must be 200, within
    targets.answer_s (all but one in a hundred), and carry its own id. No refusal may show the inside of a service, nor
    what was sent. If this machine itself sent late, nothing is concluded of times.

    Not covered: HTTP/2 frames; that a connection is closed after a request with length and chunks, which was read by its
    chunks (RFC 9112, 6.1; Go's server leaves it open); slow headers straight at an instance, where only the ingress
    connects; that slow readers are let go (the evidence says how many bytes each was sent); floods (SEC-HTTP-03).
    """
    session = signed_in(exercise)
    asset = ready_asset(exercise, session)
    link = session.playback(asset.id).url
    doors = list(_doors(exercise))
    for door in doors:
        if not _answers(seen := _harmless(exercise, door)):
            raise Invalid(f"{door.name} did not answer a harmless request, so that it can refuse none: {seen}")
    slow_s, answer_s = float(exercise.target("slow_client_s")), float(exercise.target("answer_s"))
    mark = exercise.marker.removeprefix("seatrial-")
    bystander = _Bystander(exercise, session, link, mark)
    with exercise.cases(at_least=FEWEST_CASES) as cases:
        with (
            ThreadPoolExecutor(SLOW_READERS + 3 * SLOW_CLIENTS) as slow,
            Traffic(bystander.ask, per_s=BYSTANDER_PER_S) as traffic,
        ):
            reading = [slow.submit(_read_slowly, exercise, link, slow_s) for _ in range(SLOW_READERS)]
            trickling = {
                name: slow.submit(_trickle, exercise, door, sends, slow_s)
                for name, door, sends in _slow_clients(exercise, doors, slow_s)
            }
            _malform(exercise, cases, doors, mark)
            _oversize(exercise, cases, doors)
            _echo(exercise, cases, session, doors)
            for name, future in trickling.items():
                with cases(name):
                    _require_let_go(future.result(), name, slow_s)
            exercise.evidence("bytes to slow readers", [len(each.result().rest) for each in reading])
        with cases("the bystander"):
            _require_unharmed(exercise, traffic, answer_s)


@dataclass(frozen=True)
class Asked:
    """What the bystander asked under an id of its own, and the answer."""

    id: str
    answer: HttpAnswer

    @property
    def good(self) -> bool:
        """Whether this is the answer to that question."""
        return self.answer.status in {200, 206} and self.answer.headers.get("x-request-id", "") == self.id


class _Bystander:
    """Uses the product properly while others do not: API, page and video in turn."""

    def __init__(self, exercise: Exercise, session: Session, link: str, mark: str) -> None:
        self._numbers = itertools.count()
        self._mark = mark
        http = exercise.http
        self._asks: list[Callable[[dict[str, str]], HttpAnswer]] = [
            lambda headers: session.call("GET", "/v1/assets?limit=1", headers=headers),
            lambda headers: http.get("app:/sign-in", headers={**headers, "Accept": "text/html"}, timeout_s=10.0),
            lambda headers: http.get(link, headers={**headers, "Range": "bytes=0-99"}, timeout_s=10.0),
        ]

    def ask(self) -> Asked:
        """Ask the next question."""
        number = next(self._numbers)
        name = f"{self._mark}.{number}"
        return Asked(name, self._asks[number % len(self._asks)]({"X-Request-Id": name}))


def _doors(exercise: Exercise) -> Iterator[Door]:
    for service in POSTS:
        yield Door(f"public {service}", service, None)
        for each in instances(exercise, service):
            if each.via is not None:
                yield Door(each.name, service, each.via)


def _harmless(exercise: Exercise, door: Door) -> RawExchange:
    host = urlsplit(exercise.profile.urls[HOSTS[door.service]]).netloc
    request = f"GET /livez HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    return exercise.http.raw(door.url, [request], methods=("GET",), via=door.via, patience_s=5.0)


def _answers(seen: RawExchange) -> bool:
    return [answer.status for answer in seen.answers] == [200]


def _malform(exercise: Exercise, cases: Cases, doors: list[Door], mark: str) -> None:
    counts: dict[str, int] = {}
    for number, door in enumerate(doors):
        _malform_at(exercise, cases, door, f"{mark}.{number}", counts)
        with cases(f"a harmless request after the malformed ones at {door.name}"):
            seen = _harmless(exercise, door)
            require(_answers(seen), "the door as open after malformed requests as before", seen, door.name)
    exercise.evidence("malformed requests, by first answer", counts)


def _malform_at(exercise: Exercise, cases: Cases, door: Door, own: str, counts: dict[str, int]) -> None:
    host = urlsplit(exercise.profile.urls[HOSTS[door.service]]).netloc
    jobs: list[tuple[Malformed, str]] = []
    for index, case in enumerate(malformed(host, POSTS[door.service], own)):
        unique = f"{own}.{index}"
        data = case.data.replace(own.encode() + b".", unique.encode() + b".")
        jobs.append((Malformed(case.name, data, case.allowed), unique))

    def sent(job: tuple[Malformed, str]) -> RawExchange:
        case, _ = job
        methods = ("POST" if case.data.startswith(b"POST") else "GET", "GET", "GET")
        wanted = methods if case.allowed is Allowed.CHUNKED else methods[:2]
        return exercise.http.raw(door.url, [case.data], methods=wanted, via=door.via, patience_s=5.0)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        exchanges = list(threads.map(sent, jobs))
    for (case, unique), seen in zip(jobs, exchanges, strict=True):
        with cases(f"{case.name} at {door.name}"):
            fault = wrong(case, unique, seen)
            require(not fault, f"{case.allowed}: {case.name}", fault, door.name)
            _require_nothing_shown(seen, case.name, door.name)
            said = str(seen.answers[0].status) if seen.answers else "no answer"
            counts[said] = counts.get(said, 0) + 1


def _oversize(exercise: Exercise, cases: Cases, doors: list[Door]) -> None:
    for door in doors:
        if door.service == "edge":
            continue  # it takes no bodies: it refuses the method, and reads none
        host = urlsplit(exercise.profile.urls[HOSTS[door.service]]).netloc
        origin = exercise.profile.urls["app"]
        head = f"POST {POSTS[door.service]} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nContent-Type: application/json\r\n"
        size = 1_500_000
        bodies: dict[str, list[Send]] = {
            "announced": [f"{head}Content-Length: {size}\r\n\r\n".encode()],
            "in chunks": [f"{head}Transfer-Encoding: chunked\r\n\r\n".encode(), *_chunked(b'"' + b"a" * size + b'"')],
            "announced beyond all measure": [f"{head}Content-Length: {10**15}\r\n\r\n".encode()],
        }
        for name, sends in bodies.items():
            with cases(f"a body of {size} bytes, {name}, at {door.name}"):
                seen = exercise.http.raw(door.url, sends, methods=("POST",), via=door.via, patience_s=5.0)
                refused = seen.answers[0].status == 413 if seen.answers else seen.closed
                require(refused, f"413 for a body over the limit, {name}", seen, door.name)
                _require_nothing_shown(seen, name, door.name)


def _chunked(body: bytes) -> Iterator[bytes]:
    for at in range(0, len(body), 65_536):
        part = body[at : at + 65_536]
        yield b"%x\r\n%s\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


def _echo(exercise: Exercise, cases: Cases, session: Session, doors: list[Door]) -> None:
    """Send bodies that cannot be read or do not fit: refused, with nothing of them, or of us, in the answer."""
    told = exercise.marker
    for door in doors:
        if door.service != "api":
            continue
        for name, body in {
            "no JSON": b'{"password": "%s"' % told.encode(),
            "nested beyond measure": b"[" * 100_000,
            "no UTF-8": b'{"email": "\xff\xfe", "password": "%s"}' % told.encode(),
            "a lone surrogate": b'{"email": "a@b.c", "password": "%s\\ud800"}' % told.encode(),
            "another type": b'{"email": ["%s"], "password": {"a": "%s"}}' % (told.encode(), told.encode()),
            "a member too many": b'{"email": "a@b.c", "password": "x", "extra": "%s"}' % told.encode(),
            "a number beyond measure": b'{"email": 1e99999, "password": %s}' % (b"9" * 5000),
        }.items():
            with cases(f"a body that is {name} at {door.name}"):
                answer = exercise.http.post(
                    "api:/v1/sessions", data=body, headers={"Content-Type": "application/json"}, via=door.via
                )
                clean = answer.status is not None and 400 <= answer.status < 500
                require(clean, f"a 4xx for a body that is {name}", answer.error or f"{answer.status}", door.name)
                require(
                    told not in answer.text, f"nothing of a body that is {name} in the answer", "it is told", door.name
                )
                _require_no_inside(answer.text, name, door.name)
        with cases(f"an error for one who is signed in at {door.name}"):
            headers = {"Authorization": f"Bearer {session.tokens.access_token}"}
            answer = exercise.http.request("PUT", "api:/v1/assets", headers=headers, via=door.via)
            require(answer.status == 405, "405 for a wrong method", answer.error or answer.status, door.name)
            _require_no_inside(answer.text, "a wrong method", door.name)


def _require_nothing_shown(seen: RawExchange, what: str, door: str) -> None:
    for answer in seen.answers:
        if answer.status >= 400:
            _require_no_inside(answer.body.decode("utf-8", "replace"), what, door)


def _require_no_inside(text: str, what: str, door: str) -> None:
    found = _INSIDE.search(text)
    require(
        found is None, f"no inside of ours in the refusal of {what}", f"{found and found[0]!r} in {text[:200]!r}", door
    )


def _slow_clients(exercise: Exercise, doors: list[Door], slow_s: float) -> Iterator[tuple[str, Door, list[Send]]]:
    """Give clients that send one byte a second for longer than anybody should wait."""
    bytes_there: list[Send] = [b"a", 1.0] * int(slow_s + 5)
    chunks_there: list[Send] = [b"1\r\na\r\n", 1.0] * int(slow_s + 5)
    for door in doors:
        host = urlsplit(exercise.profile.urls[HOSTS[door.service]]).netloc
        head = f"Host: {host}\r\nOrigin: {exercise.profile.urls['app']}\r\nContent-Type: application/json\r\n"
        post = f"POST {POSTS[door.service]} HTTP/1.1\r\n{head}"
        if door.via is None:
            for number in range(SLOW_CLIENTS // 3):
                yield (
                    f"slow headers {number} at {door.name}",
                    door,
                    [f"GET / HTTP/1.1\r\n{head}X-A: ".encode(), *bytes_there],
                )
        if door.service != "edge":
            yield f"a slow body at {door.name}", door, [f"{post}Content-Length: 900\r\n\r\n".encode(), *bytes_there]
            head_of_chunks = f"{post}Transfer-Encoding: chunked\r\n\r\n".encode()
            yield f"a slow body in chunks at {door.name}", door, [head_of_chunks, *chunks_there]


def _trickle(exercise: Exercise, door: Door, sends: list[Send], slow_s: float) -> RawExchange:
    return exercise.http.raw(door.url, sends, methods=("POST",), via=door.via, within_s=slow_s + 5)


def _read_slowly(exercise: Exercise, link: str, slow_s: float) -> RawExchange:
    parts = urlsplit(link)
    request = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nX-Request-Id: slow\r\n\r\n".encode()
    return exercise.http.raw(
        "play:/", [request], methods=("GET",), read_bytes_per_s=50.0, patience_s=slow_s, within_s=slow_s
    )


def _require_let_go(seen: RawExchange, name: str, slow_s: float) -> None:
    door = name.rpartition(" at ")[2]
    in_time = (seen.closed or seen.answers) and seen.elapsed_s <= slow_s
    require(in_time, f"an end of {name} within {slow_s:g} s", seen, door)
    statuses = [answer.status for answer in seen.answers]
    require(all(400 <= status < 500 for status in statuses), f"a 4xx, or just an end, for {name}", seen, door)
    _require_nothing_shown(seen, name, door)


def _require_unharmed(exercise: Exercise, traffic: Traffic[Asked], answer_s: float) -> None:
    shots: list[Shot[Asked]] = traffic.shots
    took_s = [shot.ended_s - shot.began_s for shot in shots]
    exercise.evidence("bystander", {"requests": len(shots), "slowest_s": round(max(took_s, default=0), 3)})
    bad = [shot.answer for shot in shots if not shot.answer.good]
    told = f"{len(bad)} of {len(shots)} others" + (f", the first: {bad[0].answer} for {bad[0].id}" if bad else "")
    require(not bad, "200 with its own id for every request of the bystander", told)
    traffic.require_punctual()
    slow = sum(each > answer_s for each in took_s)
    require(slow <= len(shots) / 100, f"{answer_s:g} s at most for the bystander", f"{slow} of {len(shots)} slower")
