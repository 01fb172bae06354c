"""Alerts: each one fires for what it is about, says where, and ends when that is over."""

import re
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from seatrial import BLOCKER, MAJOR, Disrupt, Failure, Invalid, Observe, check, eventually, require
from seatrial.cases import Cases
from seatrial.errors import EnvironmentFault
from seatrial.traffic import Traffic
from suites.client import Session, poison_clip, signed_in, small_clip, uploaded_asset
from suites.monitoring import _strikes as strikes
from suites.monitoring import _watch as watch
from suites.monitoring._alert_times import Budget, alert_times
from suites.monitoring._watch import WATCHDOG, WATCHED, Rule, Watch

QUIET_WITHIN_S = 120.0  # an alert over half an hour looks back for a minute
CALLS_PER_S, CALL_WITHIN_S = 8.0, 10.0
SCRAPED_WITHIN_S = 10.0
ONE_DAY = 1
WRITING = "select pg_walfile_name(pg_current_wal_lsn()) as segment"
_MATCHERS = re.compile(r"\{[^}]*\}")
# Whom an alert is about stands in these labels, and what it is about in others.
_WHOM = re.compile(r'[{,]\s*"?(component|instance|tier)"?\s*[=!]')
_SELECTOR = re.compile(r"(\w+)\{([^}]*)\}")
_MATCHER = re.compile(r'"?(\w+)"?\s*(=~|!~|!=|=)\s*"([^"]*)"')
# What the objectives are about: all answers but those to probes; of how long they took, not the edge's, nor streams of events.
_PROBES = frozenset({"/livez", "/readyz", "/metrics", "/version"})
_TIMES, _TIMED_TIERS, _STREAMS = "http_request_duration_seconds_", "api|frontend", ".*/events"


@dataclass(frozen=True)
class _Round:
    """What was struck and undone at once, and what was seen meanwhile; times are on the monotonic clock.

    Attributes:
        alerts: name -> the alert and the component that it must name.
        seen: which alerts fired and ended, and when.
        struck_s: alert -> when its cause was there.
        lasted_s: until when all causes were there for sure.
        undone_s: when all causes were gone.
    """

    alerts: dict[str, tuple[str, str]]
    seen: Watch
    struck_s: dict[str, float]
    lasted_s: float
    undone_s: float

    def judged(self, cases: Cases, budgets: dict[str, Budget], names: Collection[str]) -> list[dict[str, object]]:
        """Wait until these alerts have ended, compare each with its budget, and return a row for each."""
        ends_s = self.undone_s + max(budgets[name].clears_s for name in names)
        _until(lambda: not any(self.seen.fires(self.alerts[name]) for name in names), ends_s - time.monotonic())
        return [self._row(cases, name, budgets[name]) for name in self.alerts if name in names]

    def _row(self, cases: Cases, name: str, budget: Budget) -> dict[str, object]:
        alert = _, component = self.alerts[name]
        began_s, ended_s = self.seen.began_s.get(alert), self.seen.ended_s.get(alert)
        fired = None if began_s is None else round(max(0.0, began_s - self.struck_s[name]), 1)
        cleared = None if ended_s is None else round(max(0.0, ended_s - self.undone_s), 1)
        with cases(f"{name} fires"):
            others = sorted(other for fires, other in self.seen.began_s if fires == name)
            require(
                fired is not None and fired <= budget.fires_s,
                f"{name} to fire within {budget.fires_s:g} s and name {component}",
                f"{'never' if fired is None else f'{fired} s'}; it fired for {others or 'nothing'}",
                component,
            )
        if fired is not None:
            with cases(f"{name} lasts"):
                early_s = 0.0 if ended_s is None or name in strikes.PASSING else self.lasted_s - ended_s
                wanted = f"{name} to fire as long as its cause is there"
                require(early_s <= 0, wanted, f"it ended {early_s:.1f} s before anything was undone", component)
            with cases(f"{name} clears"):
                require(
                    cleared is not None and cleared <= budget.clears_s,
                    f"{name} to clear within {budget.clears_s:g} s of the undo",
                    f"{'never' if cleared is None else f'{cleared} s'}",
                    component,
                )
        return {
            "alert": name,
            "component": component,
            "fires s (budget)": f"{fired} ({budget.fires_s:g})",
            "clears s (budget)": f"{cleared} ({budget.clears_s:g})",
        }


@check("MON-02", severity=BLOCKER, component="monitoring", alone=True, needs=WATCHED)
def test_every_alert_fires_names_the_component_and_clears(disrupt: Disrupt) -> None:
    """Every alert fires under its fault within its budget, names the component, and clears when that is over.

    Why it matters: a rule is written for a day that has not come yet. One with a metric that was renamed since, a label
    that is not there, or a threshold that nothing reaches looks like all the others, and is silent on that day.

    How it is measured: once no alert fires, in two rounds. First the object store and the pooler are frozen while the API is
    asked eight times a second and a segment of the log ends. After the undo, an instance of the edge, the Redis replica, the
    standby and the backups are stopped, the other edge's disk is filled, Redis gets a certificate that ends in a day, a job
    is uploaded that no attempt survives, and then the worker is left without an encoder and a job uploaded. Prometheus is
    asked four times a second which alerts fire: each must fire, with the component in its labels, within its line of
    targets.alert_times after the strike, and end within it after the undo. Every alert that Prometheus has loaded must be one
    that is struck here, evaluate without an error, and look at all that have its figure, though one of them is struck: but
    for EncoderFallback, no matcher may name a component, an instance or a tier, and its expression, with comparisons that
    leave nothing out, must return as much as without its matchers. The figures that are recorded for the objectives must
    count all tiers and routes: their matchers may leave probes out and, of durations, the edge and streams of events, may
    choose errors and answers within a second, and nothing else. Where the platform cannot fill a disk, all others are judged,
    and then the check is INVALID; where no segment of the log can be ended, it is so at once.

    Not covered: the way to people (MON-03), the silence of the monitoring itself (MON-04), and branches of a rule beside
    the one that is struck (unit tests of the rules).
    """
    if not disrupt.platform.offers("archive"):
        raise Invalid("the platform does not offer archive: no segment of the log would wait")
    budgets = _budgets(disrupt)
    loaded = watch.rules(disrupt)
    gone, hanging = strikes.named(disrupt, strikes.GONE_ALERTS), strikes.named(disrupt, strikes.HANGING_ALERTS)
    rows: list[dict[str, object]] = []
    fills = disrupt.platform.offers("disk")
    if not fills:
        del gone[strikes.FILLING]
    with disrupt.cases(at_least=len(loaded)) as cases, ExitStack() as watching:
        for rule in loaded:
            with cases(f"{rule.name} is loaded"):
                known = rule.name in {*gone, *hanging, WATCHDOG, strikes.FILLING}
                require(known, "a strike for every alert that is loaded", f"none for {rule.name}", "prometheus")
                require(rule.health == "ok", f"{rule.name} to be evaluated", rule.health, "prometheus")
                _require_about_all(disrupt, rule)
        for name, query in watch.recorded(disrupt):
            with cases(f"{name} counts all"):
                left_out = _left_out(query)
                require(not left_out, f"{name} to count all tiers and routes", f"{', '.join(left_out)}", "prometheus")
        session = signed_in(disrupt)
        rounds: list[_Round] = []
        for alerts, strike in ((hanging, _hanging), (gone, _gone)):
            with cases(f"quiet before {next(iter(alerts))}"):
                _until_quiet(disrupt, but=strikes.SLOW if rounds else ())
            seen = watching.enter_context(Watch(disrupt))
            struck_s, lasted_s = strike(disrupt, session, seen, alerts, budgets)
            disrupt.undo()
            rounds.append(_Round(alerts, seen, struck_s, lasted_s, time.monotonic()))
            rows += rounds[-1].judged(cases, budgets, alerts.keys() - strikes.SLOW)
            disrupt.evidence("alerts", rows)
        rows += rounds[0].judged(cases, budgets, strikes.SLOW)
        disrupt.evidence("alerts", rows)
    if not fills:
        raise Invalid(f"{strikes.FILLING}: the platform does not offer disk; all other alerts are as they should be")


def _budgets(observe: Observe) -> dict[str, Budget]:
    """Return each alert's budget; raises Invalid where one that is struck has none."""
    found = alert_times(observe)
    if missing := {*strikes.GONE_ALERTS, *strikes.HANGING_ALERTS} - found.keys():
        raise Invalid(f"targets.alert_times has no line for {', '.join(sorted(missing))}")
    return found


def _require_about_all(observe: Observe, rule: Rule) -> None:
    """Raise Failure where a rule's matchers keep some of those out that have its figure; one of all is struck for it.

    Whom they name is read from them: those who have the figure only once something is wrong cannot be asked for.
    """
    if rule.name in {WATCHDOG, *strikes.OF_SOME}:
        return
    what = f"{rule.name} to look at all that have its figure"
    named = _WHOM.findall(rule.query)
    require(not named, what, f"it is narrowed by {', '.join(named)}: {rule.query}", "prometheus")
    if not _MATCHERS.search(rule.query):
        return
    query = watch.unfiltered(rule.query)

    def about_all() -> bool:
        every = [each["metric"] for each in watch.asked(observe, _MATCHERS.sub("", query))]
        some = [each["metric"] for each in watch.asked(observe, query)]
        left_out = [series for series in every if series not in some]
        require(not left_out, what, f"it leaves out {left_out}", "prometheus")
        return True

    eventually(about_all, within_s=SCRAPED_WITHIN_S, what=what, where="prometheus")


def _left_out(query: str) -> list[str]:
    """Return the matchers of a recorded figure that leave somebody out whom the objectives are about."""
    return [
        f'{metric}{{{label}{how}"{value}"}}'
        for metric, matchers in _SELECTOR.findall(query)
        for label, how, value in _MATCHER.findall(matchers)
        if not _meant(metric, label, how, value)
    ]


def _meant(metric: str, label: str, how: str, value: str) -> bool:
    timed = metric.startswith(_TIMES)
    match label, how:
        case "route", "!~":
            return set(value.split("|")) <= _PROBES | ({_STREAMS} if timed else set())
        case "tier", "=~":
            return timed and value == _TIMED_TIERS
        case "status", "=~":
            return not timed and value == "5.."
        case "le", "=":
            return timed and float(value) == 1.0
    return False


def _until_quiet(observe: Observe, but: Collection[str]) -> None:
    """Wait until nothing fires, but for these; raises Failure with what does."""

    def quiet() -> bool:
        now = sorted(f"{name} of {component}" for name, component in watch.firing(observe) if name not in but)
        require(not now, "no alert to fire before anything is struck", ", ".join(now), "prometheus")
        return True

    eventually(quiet, within_s=QUIET_WITHIN_S, what="no alert fires", where="prometheus")


def _gone(
    disrupt: Disrupt, session: Session, seen: Watch, alerts: dict[str, tuple[str, str]], budgets: dict[str, Budget]
) -> tuple[dict[str, float], float]:
    """Take away what the rest can do without; returns when each alert's cause was there, and until when all were."""
    struck = {}
    preview_s = float(disrupt.target("preview_s"))
    poison = uploaded_asset(disrupt, session, poison_clip(), "poison")
    disrupt.platform.certificate(strikes.CERTIFICATE, days=ONE_DAY)
    struck["CertificateExpiring"] = time.monotonic()
    if strikes.FILLING in alerts:
        disrupt.platform.fill(strikes.FULL)
        struck[strikes.FILLING] = time.monotonic()
    for part in strikes.GONE:
        disrupt.platform.stop(part)
        now_s = time.monotonic()
        struck |= {name: now_s for name, component in strikes.GONE_ALERTS.items() if component == part}
    session.wait(poison.id, within_s=preview_s, until=frozenset({"failed"}))
    struck["DeadLetters"] = time.monotonic()
    disrupt.platform.restart(strikes.WORKER, {"FFMPEG": "/bin/false"}, at_once=True)
    struck["EncoderFallback"] = time.monotonic()
    uploaded_asset(disrupt, session, small_clip(), "waits")
    struck["QueueStuck"] = time.monotonic()
    return struck, _until_fired(seen, alerts, budgets, struck)


def _hanging(
    disrupt: Disrupt, session: Session, seen: Watch, alerts: dict[str, tuple[str, str]], budgets: dict[str, Budget]
) -> tuple[dict[str, float], float]:
    """Freeze what everybody waits for, and ask for it all the while; returns when each alert's cause was there, and until when."""
    for part in strikes.HANGS:
        disrupt.platform.pause(part)
    struck = dict.fromkeys(alerts, time.monotonic())
    with _asked(session):
        _end_segment(disrupt)
        lasted_s = _until_fired(seen, alerts, budgets, struck)
    return struck, lasted_s


def _end_segment(disrupt: Disrupt) -> None:
    """End a segment of the log, which nobody can archive now; raises Invalid where none has ended."""
    before = disrupt.pg.rows(WRITING)
    try:
        disrupt.platform.archive()
    except EnvironmentFault:  # that it is not archived is meant
        disrupt.platform.status()  # a platform that does not answer has not even tried
    if disrupt.pg.rows(WRITING) == before:
        raise Invalid("no segment of the log has ended, so that none waits to be archived")


@contextmanager
def _asked(session: Session) -> Iterator[None]:
    def ask() -> int | None:
        return session.call("GET", "/v1/assets?limit=1", timeout_s=CALL_WITHIN_S).status

    with Traffic(ask, per_s=CALLS_PER_S, at_once=100):
        yield


def _until_fired(
    seen: Watch, alerts: dict[str, tuple[str, str]], budgets: dict[str, Budget], struck: dict[str, float]
) -> float:
    """Wait until every alert has fired, or the last one's time is up, and return when that was."""
    ends_s = max(struck[name] + budgets[name].fires_s for name in alerts)
    _until(lambda: all(alert in seen.began_s for alert in alerts.values()), ends_s - time.monotonic())
    return time.monotonic()


def _until(state: Callable[[], bool], within_s: float) -> None:
    """Wait for a state; that it does not come is for the cases to say, alert by alert."""
    try:
        eventually(state, within_s=within_s, what="alerts")
    except Failure:
        return


@check("MON-08", severity=MAJOR, component="monitoring", needs=WATCHED)
def test_every_public_host_is_watched(observe: Observe) -> None:
    """For each public host, somebody asks from outside whether it answers and how long its certificate lives.

    Why it matters: a host that was added last is the one that nobody watches, and a certificate that was not renewed is an
    outage with a date.

    How it is measured: for every HTTPS host of [urls], Prometheus must hold public_up, now 1, and
    certificate_expires_timestamp_seconds, in the future; the alerts PublicHostDown and CertificateExpiring must be loaded,
    evaluate without an error, ask for these, and look at every host: their expressions, put to Prometheus with comparisons
    that leave nothing out, must return it.

    Not covered: whether the alerts fire (MON-02); whether asking from this machine says anything about the world's.
    """
    hosts = {
        url.removeprefix("https://").partition(":")[0]
        for url in observe.profile.urls.values()
        if url.startswith("https://")
    }
    loaded = watch.rules(observe)
    figures = {"PublicHostDown": "public_up", "CertificateExpiring": "certificate_expires_timestamp_seconds"}
    seen = {}
    with observe.cases(at_least=4 * len(hosts) + len(figures)) as cases:
        for alert, metric in figures.items():
            rules = [rule for rule in loaded if rule.name == alert]
            now = _first_scraped(observe, metric, hosts)
            about: set[str] = set()
            with cases(alert):
                fit = rules and all(rule.health == "ok" and metric in rule.query for rule in rules)
                require(fit, f"{alert} to be loaded, evaluated, and about {metric}", rules, "prometheus")
                about = {host for rule in rules for host in watch.samples(observe, watch.unfiltered(rule.query))}
            seen[metric] = {host: now.get(host) for host in sorted(hosts)}
            for host in sorted(hosts):
                with cases(f"{metric} of {host}"):
                    least = 1.0 if metric == "public_up" else time.time()
                    require(host in now, f"{metric} for each public host", f"none for {host}", host)
                    require(now[host] >= least, f"{metric} of {host} to be at least {least:g}", now[host], host)
                with cases(f"{alert} about {host}"):
                    require(host in about, f"{alert} to look at each public host", f"it does not look at {host}", host)
    observe.evidence("figures", seen)


def _first_scraped(observe: Observe, metric: str, hosts: set[str]) -> dict[str, float]:
    """Return a metric by host; one that was started just now is waited for."""

    def all_there() -> dict[str, float] | None:
        now = watch.samples(observe, metric)
        return now if hosts <= now.keys() else None

    try:
        return eventually(all_there, within_s=SCRAPED_WITHIN_S, what=f"{metric} of every host") or {}
    except Failure:
        return watch.samples(observe, metric)
