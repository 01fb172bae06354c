"""Who a caller says it is, and which host it says it asked: nobody takes its word."""

import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from seatrial import MAJOR, Exercise, Failure, check, require
from seatrial.probes.http import HttpAnswer
from suites.client import instances, made_up_address, require_refused, signed_in
from suites.client.answers import Created
from suites.client.instances import HOSTS

MOST_GUESSES = 20
FOREIGN = "attacker.example"
ADDRESS_HEADERS = (
    "X-Forwarded-For",
    "Forwarded",
    "X-Real-IP",
    "X-Client-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "X-Cluster-Client-IP",
    "X-Originating-IP",
)
HOST_HEADERS = (
    "X-Forwarded-Host",
    "Forwarded",
    "X-Forwarded-Server",
    "X-Host",
    "X-Original-Host",
    "X-HTTP-Host-Override",
    "X-Original-URL",
    "X-Rewrite-URL",
)
WRITTEN = {
    "Forwarded": 'for="[{0}]";host={0}',
    "X-Original-URL": "https://{}/admin",
    "X-Rewrite-URL": "https://{}/admin",
}
PAGES = (
    ("a page", "app:/sign-in", 200),
    ("a redirect to sign-in", "app:/upload", 303),
    ("the contract", "api:/openapi.json", 200),
    ("an unknown path", "api:/no-such-path", 404),
    ("the edge's refusal", "play:/v/0e3f1c52-7a52-4d43-9c1f-3a2b1c0d9e8f/preview", 403),
)


@check("INF-LB-02", severity=MAJOR, component="ingress", alone=True)
def test_a_callers_word_of_who_it_is_is_not_believed(exercise: Exercise) -> None:
    """A spoofed X-Forwarded-For, Forwarded, X-Real-IP, Host or X-Forwarded-Host is not believed.

    Why it matters: an address that a caller may choose defeats every limit by address, and lets him use up somebody
    else's; a host name that he may choose ends up in redirects and links that others follow (CWE-348, CWE-644).

    How it is measured: at the public host, wrong passwords for users that do not exist, each with a new address of
    2001:db8::/32 in eight headers at once and in each alone, must be slowed down as soon as those
    without any header; after them, one without a header must be refused too, so that they counted for the true address.
    No made-up address may turn up in the instances' logs, which must show the refusals, where the platform shows logs.
    A page, a redirect, the contract, an upload's URL and a 404 are asked for with a foreign name in every header for
    hosts: status and Location must be as without, and the name nowhere in headers or body. A foreign name as Host, or
    one of our other hosts', must be refused: by a 4xx, or by a connection that is closed without an answer.

    Not covered: neighbours in the private network that speak to instances directly; what the ingress itself logs.
    """
    asked: dict[str, Any] = {}
    with exercise.cases(at_least=len(ADDRESS_HEADERS) + len(PAGES) + 4) as cases:
        with cases("without any header"):
            plain, _ = _until_slowed(exercise, f"plain-{exercise.marker}", ())
            asked["without"] = plain
        series = {"every header for addresses at once": ADDRESS_HEADERS} | {name: (name,) for name in ADDRESS_HEADERS}
        claimed: list[str] = []
        for number, (what, headers) in enumerate(series.items()):
            with cases(what):
                user = f"n{number}-{exercise.marker}"
                asked[what], made_up = _until_slowed(exercise, user, headers)
                claimed += made_up
                require(asked[what] <= plain, f"429 after {plain} failures, whatever {what} says", asked[what])
                answer = _guess(exercise, user, {})
                require(answer.status == 429, f"failures with {what} counted for the true address", answer.status)
        with cases("the instances' logs"):
            asked["lines about refusals"] = _require_no_address_logged(exercise, claimed)
        for what, url, status in PAGES:
            with cases(what):
                _require_no_host_believed(exercise, url, status)
        with cases("an upload's URL"):
            _require_no_host_in_upload(exercise)
        for role in HOSTS.values():
            with cases(f"Host at {role}"):
                _require_no_foreign_host(exercise, role)
    exercise.evidence("failures until slowed", asked)


def _until_slowed(exercise: Exercise, user: str, headers: Sequence[str]) -> tuple[int, list[str]]:
    """Guess until slowed; return how many guesses were not, and the addresses made up for them."""
    made_up: list[str] = []
    for turn in range(MOST_GUESSES):
        made_up.append(made_up_address())
        answer = _guess(exercise, user, {name: WRITTEN.get(name, "{}").format(made_up[-1]) for name in headers})
        if answer.status == 429:
            return turn, made_up
        require(answer.status == 401, "401 for a wrong password", answer.error or answer.status, "api")
    what = f"429 within {MOST_GUESSES} guesses from one address"
    raise Failure(what, f"as many answers of 401 with made-up {', '.join(headers) or 'nothing'}", "ingress")


def _guess(exercise: Exercise, user: str, headers: dict[str, str]) -> HttpAnswer:
    credentials = {"email": f"{user}@example.test", "password": "wrong"}
    return exercise.http.post("api:/v1/sessions", json=credentials, headers=headers)


def _require_no_address_logged(exercise: Exercise, claimed: Sequence[str]) -> int:
    if not exercise.platform.offers("logs"):
        return 0
    lines = [line for each in instances(exercise, "api") for line in exercise.platform.logs(each.name, 2000)]
    refusals = [line for line in lines if "sign-in refused" in line]
    require(refusals, "refused sign-ins in the logs of the api", "none", "api")
    found = [line for line in lines if any(address in line for address in claimed)]
    require(not found, "no made-up address in the logs of the api", found[:1], "api")
    return len(refusals)


def _require_no_host_believed(exercise: Exercise, url: str, status: int) -> None:
    foreign = {name: WRITTEN.get(name, "{}").format(FOREIGN) for name in HOST_HEADERS}
    page = {"Accept": "text/html,*/*"}
    plain = exercise.http.get(url, headers=page)
    require(plain.status == status, f"{status} from {url}", plain.error or plain.status)
    for headers in (foreign, *({name: value} for name, value in foreign.items())):
        answer = exercise.http.get(url, headers=page | headers)
        what = ", ".join(headers)
        require(answer.status == status, f"{status} as without {what}", answer.error or answer.status)
        location = answer.headers.get("location")
        require(location == plain.headers.get("location"), f"the Location as without {what}", location)
        _require_not_named(answer, what)


def _require_not_named(answer: HttpAnswer, what: str) -> None:
    said = [f"{name}: {value}" for name, value in answer.headers.items() if FOREIGN in value]
    require(not said, f"no header that takes its host from {what}", said)
    require(FOREIGN not in answer.text, f"no body that takes its host from {what}", FOREIGN)


def _require_no_host_in_upload(exercise: Exercise) -> None:
    session = signed_in(exercise)
    foreign = {name: WRITTEN.get(name, "{}").format(FOREIGN) for name in HOST_HEADERS}
    announced = {"title": exercise.marker, "filename": "a.mp4", "content_type": "video/mp4", "size_bytes": 4}
    body = {**announced, "sha256": hashlib.sha256(b"none").hexdigest()}
    answer = session.call("POST", "/v1/assets", json=body, headers=foreign)
    require(answer.status == 201, "201 for an asset", answer.error or f"{answer.status} {answer.text[:100]}", "api")
    created = Created.from_json(answer.json())
    exercise.cleanup(session.remove, created.asset.id)
    _require_not_named(answer, ", ".join(foreign))
    store = urlsplit(exercise.profile.urls["s3"]).netloc
    url = created.upload.url if created.upload else None
    require(urlsplit(url or "").netloc == store, f"an upload to {store}", url, "api")


def _require_no_foreign_host(exercise: Exercise, role: str) -> None:
    others = [
        parts.netloc for parts in (urlsplit(exercise.profile.urls[other]) for other in HOSTS.values() if other != role)
    ]
    for host in (FOREIGN, *others):
        answer = exercise.http.get(f"{role}:/livez", headers={"Host": host})
        require_refused(answer, f"no content of {role} for Host {host}")
        _require_not_named(answer, "Host")
