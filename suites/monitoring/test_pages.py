"""The way from an alert to people, and what is noticed when there is no way."""

import re
import time
from collections.abc import Collection, Sequence
from contextlib import suppress

from seatrial import BLOCKER, MAJOR, Disrupt, Failure, check, eventually, require
from suites.monitoring import _watch as watch
from suites.monitoring._watch import WATCHED, Message

PART, ALERT = "edge-2", "InstanceDown"
FIRING, RESOLVED = f"FIRING {ALERT} {PART}", f"RESOLVED {ALERT} {PART}"
CHANNELS = ("slack", "mail")
QUIET_WITHIN_S = 90.0
BEATS_WITHIN_S = 20.0
EVERY_S = 0.25
_LINK = re.compile(r"docs/runbooks/(?P<page>[a-z]+\.md)#(?P<anchor>[a-z0-9-]+)$")


@check("MON-03", severity=BLOCKER, component="monitoring", alone=True, needs=WATCHED)
def test_a_page_reaches_people_with_its_runbook(disrupt: Disrupt) -> None:
    """A page reaches the chat's webhook and the mailbox, says what and where, leads to its runbook, and is taken back.

    Why it matters: an alert that fires is a line in a database. Between it and somebody who gets up lie a route, a receiver,
    a mail server and a template, and each of them fails silently.

    How it is measured: an instance of the edge is stopped. The pager's end, a receiver of webhooks and a mail server, must
    have got a message by each of both ways within targets.page_s, whose title says FIRING, the alert and the instance;
    its link must end in a page and a section of the runbooks that are there. After the undo, both must be told RESOLVED
    within the same time. The runbook of every alert that Prometheus has loaded must be there, too.

    Not covered: the providers of chat and mail themselves; whether anybody reads it.
    """
    within_s = float(disrupt.target("page_s"))
    loaded = watch.rules(disrupt)
    with disrupt.cases(at_least=len(loaded) + 2 * len(CHANNELS)) as cases:
        for rule in loaded:
            with cases(f"runbook of {rule.name}"):
                _require_section(disrupt, f"docs/runbooks/{rule.runbook}", rule.name)
        quiet = "InstanceDown does not fire"
        eventually(lambda: not _fires(disrupt), within_s=QUIET_WITHIN_S, what=quiet, where="prometheus")
        since = max((each.at for each in watch.received(disrupt)), default=0.0)
        disrupt.platform.stop(PART)
        pages, came = {}, _came(disrupt, CHANNELS, FIRING, since, within_s)
        for channel in CHANNELS:
            with cases(f"{channel} fires"):
                page = _page(came, channel, FIRING, f"{FIRING} by {channel} within {within_s:g} s")
                pages[channel] = [vars(page)]
                _require_section(disrupt, page.link, ALERT)
        disrupt.undo()
        came = _came(disrupt, pages, RESOLVED, since, within_s)
        for channel in CHANNELS:
            with cases(f"{channel} is resolved"):
                if channel in pages:
                    page = _page(came, channel, RESOLVED, f"{RESOLVED} by {channel} within {within_s:g} s")
                    pages[channel].append(vars(page))
        disrupt.evidence("pages", pages)


@check("MON-04", severity=MAJOR, component="monitoring", alone=True, needs=WATCHED)
def test_the_silence_of_the_monitoring_is_noticed(disrupt: Disrupt) -> None:
    """Monitoring that stops is noticed by somebody who is no part of it.

    Why it matters: a monitoring that has died sends nothing, which looks like a quiet night.

    How it is measured: the heartbeat, an alert that always fires while every tier is scraped, must arrive at the dead-man's
    switch beside the pager. Then Prometheus is stopped: the switch must page within targets.silence_noticed_s, and say that
    the heartbeat is back within the same time after the undo.

    Not covered: the death of the switch itself, which elsewhere is another company's; a single scrape that fails (MON-02).
    """
    within_s = float(disrupt.target("silence_noticed_s"))
    _require_beat(disrupt)
    since = max((each.at for each in watch.received(disrupt)), default=0.0)
    disrupt.platform.stop("prometheus")
    silence = _told(disrupt, since, within_s, "a page of the dead-man's switch", "FIRING")
    disrupt.undo()
    back = _told(disrupt, since, within_s, "the dead-man's switch to say that the heartbeat is back", "RESOLVED")
    disrupt.evidence("noticed", {"silence": vars(silence), "back": vars(back)})


def _fires(disrupt: Disrupt) -> bool:
    return (ALERT, PART) in watch.firing(disrupt)


def _require_beat(disrupt: Disrupt) -> None:
    """Wait for a heartbeat that comes after this was called."""
    began_s = time.monotonic()

    def beats() -> bool:
        silent_s = watch.silent_s(disrupt)
        if silent_s >= time.monotonic() - began_s:
            raise Failure("a heartbeat", f"none for {silent_s:.1f} s", "alertmanager")
        return True

    what = "a heartbeat at the dead-man's switch"
    eventually(beats, within_s=BEATS_WITHIN_S, every_s=EVERY_S, what=what, where="alertmanager")


def _came(disrupt: Disrupt, channels: Collection[str], title: str, since: float, within_s: float) -> list[Message]:
    """Wait until a message of this title has come by each channel, or the time is over; return all that have come since.

    Every answer is looked through for all channels, so that none has the less time for what another one took.
    """
    came: list[Message] = []

    def by_each() -> bool:
        came[:] = [each for each in watch.received(disrupt) if each.at > since]
        return set(channels) <= {each.channel for each in came if each.title == title}

    with suppress(Failure):
        eventually(by_each, within_s=within_s, every_s=EVERY_S, what=title)
    return came


def _page(came: Sequence[Message], channel: str, title: str, what: str) -> Message:
    """Return the message of this channel; raises Failure with what came instead."""
    for each in came:
        if (each.channel, each.title) == (channel, title):
            return each
    raise Failure(what, [f"{each.channel}: {each.title}" for each in came[-4:]] or "nothing", "alertmanager")


def _told(disrupt: Disrupt, since: float, within_s: float, what: str, title: str) -> Message:
    came = _came(disrupt, ["dead-man"], title, since, within_s)
    return _page(came, "dead-man", title, f"{what} within {within_s:g} s")


def _require_section(disrupt: Disrupt, link: str, alert: str) -> None:
    """Demand that a link leads to a section of a runbook in the tree."""
    fits = _LINK.search(link)
    require(fits is not None, f"a link of {alert} to a section of docs/runbooks", link or "none", "alertmanager")
    assert fits is not None
    page = disrupt.tree / "docs/runbooks" / fits["page"]
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE) if page.is_file() else []
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    require(fits["anchor"] in anchors, f"the section that {alert} leads to", f"no {fits[0]}", "runbooks")
