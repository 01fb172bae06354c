"""Secrets where none may be: in the source and its history, in what the system writes, shows and runs with, in reports."""

import re
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from seatrial import BLOCKER, Invalid, Observe, check, require
from seatrial.cases import Cases
from seatrial.platform import Scan
from seatrial.probes.http import HttpAnswer
from seatrial.report import OUT
from seatrial.secrecy.leaks import Finder, unpacked
from suites.client import instances
from suites.security import _history, _tree
from suites.security._disguises import canary, disguises
from suites.security._places import places
from suites.security._secret_shapes import bearers_in, secrets_in

TARGET = "secrets_looked_for_in"
SHOWN, OF_PLATFORM = ("answers", "reports"), ("logs", "arguments", "environment")
NEVER = "no secret here"
LOG_LINES = 5000
MOST_PAGES = 40
ERRORS = (
    "app:/no-such-page",
    "api:/no-such-path",
    "api:/v1/assets",
    "api:/v1/assets/no-id",
    "play:/v/no-id/preview",
    "s3:/",
)
# How many cases each place brings at least; before the first gate there is no report.
FEWEST = {"tree": 1, "history": 1, "answers": len(ERRORS), "reports": 0} | dict.fromkeys(OF_PLATFORM, 1)
_LINK = re.compile(rb"""(?:src|href|from|import)\s*(?:=|\()?\s*["']([^"'#]+)["']""")


@check("SEC-SEC-02", severity=BLOCKER, component="secrets")
def test_no_secret_is_in_source_history_logs_pages_processes_or_reports(observe: Observe) -> None:
    """No secret stands in the repository or its history, in logs, metrics, pages, errors, process lists or reports.

    Why it matters: all of these are read by more people, copied to more places and kept for longer than any secret may be.
    Scanners go through every public commit within minutes; logs are sent to other companies; `ps` shows the arguments of a
    process to every user of the machine; a report is attached to a ticket.

    How it is measured: three ways to look. (1) For every password and key that the profile gives to this process, as it
    is, in JSON, URLs, markup, hexadecimal, base64 of every alignment, and each of these packed by gzip. (2) For the environment's other secrets, which
    the harness must not hold, the platform looks itself (its call `scan`) and answers names and places: in all of its logs, in the arguments and
    the environment of all of its processes, and in the texts that the check hands to it. (3) For what has the shape of a
    credential (private keys, keys of AWS, age, GitHub, DigitalOcean, Slack's webhooks, URLs with a password), and in logs also for tokens,
    signatures and password hashes. Looked through are the files of the profile's tree; every file and message in
    its git history; logs, arguments and environments of the platform's; answers, which are the sign-in page and all that it links
    to, errors of every host, the metrics and the other public paths of every instance; reports/out with the attachments of Allure.
    targets.secrets_looked_for_in names these places (tree, history, logs, arguments, environment, answers, reports; all, without
    it); one that is named and cannot be looked at, as logs without a platform or the history of a tree that is no clone,
    makes the check INVALID, and one that is left out stands in the evidence. A canary
    proves each scanner first: harness and platform must find a random text in all of its forms, the platform must find
    one that was just sent to the frontend in a log, words of a process' command and of its configuration where they are, and
    must know every secret file that this process reads. Otherwise the check is INVALID.

    Not covered: a part of a secret; secrets that were encrypted, or packed by anything but gzip; pages behind the sign-in, which `observe` cannot
    see; commits that no branch or tag leads to, or that a shallow clone does not hold (the evidence says so); what a log was before it was rotated away; what the profile leaves out, and secrets
    that only the platform knows, where it leaves out all that is the platform's.
    """
    wanted = places(observe, TARGET, FEWEST)
    unseen = _unseen(observe, wanted)
    _require_finder()
    with observe.cases(at_least=max(1, sum(FEWEST[place] for place in wanted))) as cases:
        looked: dict[str, object] = {"secrets held": len(observe.secrets.held)}
        texts: dict[str, bytes] = {}

        def look(name: str, data: bytes, *, is_log: bool = False) -> None:
            with cases(name):
                text = unpacked(data).decode("utf-8", "replace")
                kinds = secrets_in(text) + (bearers_in(text) if is_log else [])
                found = observe.secrets.find(data) + kinds
                require(not found, NEVER, "; ".join(found), name)

        seen = [place for place in wanted if place not in unseen]
        for place in (each for each in seen if each in READ):
            looked[place] = 0
            for number, (name, data) in enumerate(READ[place](observe), 1):
                look(name, data)
                texts |= {name: data} if place in SHOWN else {}
                looked[place] = number
        if "logs" in seen:
            for part in observe.platform.status().parts:
                look(f"log of {part}", "\n".join(observe.platform.logs(part, LOG_LINES)).encode(), is_log=True)
        if kinds := [place for place in seen if place in OF_PLATFORM]:
            looked |= _have_the_platform_look(observe, cases, kinds, texts)
        if "history" in seen and _history.is_shallow(_repository(observe)):
            looked["history"] = f"{looked['history']}, of a shallow clone: older commits are not here"
        observe.evidence("looked", looked)
        if unseen:
            raise Invalid("; ".join(f"{place}: not looked at, {why}" for place, why in unseen.items()))


def _unseen(observe: Observe, wanted: Collection[str]) -> dict[str, str]:
    """Return which of the places cannot be looked at, with the reason."""
    reasons = {}
    if "history" in wanted and (lacking := _history.lacking(_repository(observe))):
        reasons["history"] = lacking
    if observe.profile.platform is None:
        reasons |= {place: "the profile names no platform" for place in OF_PLATFORM if place in wanted}
    return reasons


def _repository(observe: Observe) -> Path:
    """Return the tree with the history: the one that is read, or the one which that is a copy of."""
    return observe.tree if _tree.is_repository(observe.tree) else observe.profile.tree


def _files(observe: Observe) -> Iterator[tuple[str, bytes]]:
    return ((name, (observe.tree / name).read_bytes()) for name in _tree.files_of(observe.tree))


def _require_finder() -> None:
    value = canary()
    finder = Finder({"canary": value})
    missed = [form for form, data in disguises(value).items() if not finder.find(b"before " + data + b" after")]
    if missed or finder.find(b"nothing is here"):
        raise Invalid(f"the harness does not find a canary {', '.join(missed)}, so that its silence says nothing")


def _have_the_platform_look(
    observe: Observe, cases: Cases, kinds: Collection[str], texts: Mapping[str, bytes]
) -> dict[str, object]:
    """Have it look for its own secrets in these places of its own, and in texts; return what it looked at."""
    looked: dict[str, object] = {}
    for scan in (_scan_places(observe, kinds), _scan_texts(observe, texts)):
        for kind, counted in scan.looked.items():
            if kind in OF_PLATFORM and kind not in kinds:
                continue
            looked[kind] = dict(counted)
            with cases(f"the platform's {kind}"):
                found = [str(each) for each in scan.found if each.kind == kind]
                require(not found, NEVER, "; ".join(found), kind)
        looked["secrets of the platform"] = scan.secrets
    return looked


def _scan_places(observe: Observe, kinds: Collection[str]) -> Scan:
    """Have the platform look through its logs and processes; raises Invalid unless it shows that it does."""
    platform = observe.platform
    if not platform.offers("scan"):
        raise Invalid("the platform does not offer to scan for its own secrets")
    if unknown := platform.unknown():
        raise Invalid(
            f"the platform does not know these secrets, so that it did not look for them: {', '.join(unknown)}"
        )
    sent = f"canary-{secrets.token_hex(8)}"
    observe.http.get(f"app:/{sent}")
    processes = platform.processes()
    words = {max(process.command.split(), key=len) for process in processes if not process.command.startswith("[")}
    values = {value for part in platform.config().values() for value in part.values() if 10 < len(value) < 100}
    scan = platform.scan(canaries=[sent, *sorted(words | values)])
    expected = {"logs": {sent}, "arguments": words, "environment": values}
    for kind in kinds:
        if not expected[kind] & {each.name for each in scan.canaries if each.kind == kind}:
            raise Invalid(
                f"the platform found no canary in its {kind}, so that its silence about secrets there says nothing"
            )
        if scan.looked[kind]["places"] < len(platform.status().parts):
            raise Invalid(f"the platform looked at {scan.looked[kind]['places']} {kind}, fewer than it has parts")
    return scan


def _scan_texts(observe: Observe, texts: Mapping[str, bytes]) -> Scan:
    """Have the platform look through these texts; raises Invalid unless it finds a canary among them in every form."""
    value = canary()
    hidden = {f"canary {form}": b"before " + data + b" after" for form, data in disguises(value).items()}
    readable = {name: unpacked(data).decode("utf-8", "replace") for name, data in {**texts, **hidden}.items()}
    scan = observe.platform.scan(readable, [value])
    if missed := hidden.keys() - {each.place for each in scan.canaries}:
        raise Invalid(
            f"the platform does not find this in a text, so that its silence says nothing: {', '.join(sorted(missed))}"
        )
    return scan


def _answers(observe: Observe) -> Iterator[tuple[str, bytes]]:
    return ((f"{answer.method} {answer.url}", _whole(answer)) for answer in _asked(observe))


def _asked(observe: Observe) -> Iterator[HttpAnswer]:
    """Ask for what anybody gets to see, and for what every instance says of itself; raises Invalid without an answer."""
    asked: list[tuple[str, str | None]] = [(url, None) for url in ERRORS]
    for instance in instances(observe):
        service = observe.profile.services[instance.service]
        asked += [
            (instance.url(path), instance.via) for path in ("/metrics", service.version, service.ready, service.live)
        ]
    for url, via in asked:
        yield _answer(observe, url, via)
    start = observe.http.url("app:/sign-in")
    waiting, seen = [start], {start}
    while waiting and len(seen) <= MOST_PAGES:
        answer = _answer(observe, waiting.pop(0), None)
        yield answer
        for link in _LINK.findall(answer.body):
            url = urljoin(answer.url, link.decode("utf-8", "replace"))
            if urlsplit(url).netloc == urlsplit(start).netloc and url not in seen:
                seen.add(url)
                waiting.append(url)


def _answer(observe: Observe, url: str, via: str | None) -> HttpAnswer:
    answer = observe.http.get(url, via=via)
    if answer.error is not None:
        raise Invalid(f"no answer to look at: {answer}")
    return answer


def _whole(answer: HttpAnswer) -> bytes:
    head = "\n".join(f"{name}: {value}" for name, value in answer.headers.multi_items())
    return head.encode() + b"\n\n" + answer.body


def _reports(_observe: Observe) -> Iterator[tuple[str, bytes]]:
    """Read the reports of earlier runs, and what of this one is written already."""
    for path in sorted(OUT.rglob("*")):
        if path.is_file():
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                continue  # a draft of another process, which is finished and renamed by now
            yield str(path), data


READ: Mapping[str, Callable[[Observe], Iterator[tuple[str, bytes]]]] = {
    "tree": _files,
    "history": lambda observe: _history.objects(_repository(observe)),
    "answers": _answers,
    "reports": _reports,
}
