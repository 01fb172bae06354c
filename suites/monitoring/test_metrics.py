"""Metrics: each service tells what it does, in words that a monitoring system can keep."""

import uuid
from collections.abc import Mapping
from functools import partial

from seatrial import MAJOR, Exercise, Failure, Invalid, check, eventually, require
from suites.client import Instance, Session, instances, ready_asset, require_removable_masters, signed_in
from suites.monitoring import _exposition as exposition

SERVICES = ("api", "worker", "edge", "frontend")
# What the business asks about: the metric, and the service that counts it.
BUSINESS = {
    "uploads": ("api", "uploads_total"),
    "previews": ("worker", "previews_total"),
    "promotions": ("api", "promotions_total"),
    "plays": ("edge", "plays_total"),
}
REQUESTS, DURATIONS = "http_requests_total", "http_request_duration_seconds_count"
STRANGERS = 25
MOVED_WITHIN_S = 5.0
SHOWN = 5

Exposed = Mapping[str, exposition.Family]


@check("MON-01", severity=MAJOR, component="monitoring")
def test_metrics_move_with_traffic_and_stay_bounded(exercise: Exercise) -> None:
    """Each service's metrics move with traffic, business metrics included; names are conventional and labels bounded.

    Why it matters: an alert on a metric that never moves is silent for ever, and a label that takes ids from requests
    fills the monitoring system until it falls over, in the middle of the incident that it was for.

    How it is measured: /metrics of every instance is read at its private address, before and after traffic. Requests to
    each instance must move its request counter and duration histogram; one video, uploaded, previewed, promoted and
    played, must move the four business metrics, summed over the instances. Then 25 requests each with paths, methods,
    ids and asset ids that nobody else uses: no label may hold any of them, anything that looks like an id, an address or
    a query, and no family may have more than 200 series. Names, types, help texts, units and label names follow
    Prometheus' rules. The video is removed when its master's retention has ended, which may take a minute at most
    (targets.master_retention_s).

    Not covered: whether anybody scrapes them (MON-04), alerts on them (MON-02), or draws them (MON-07).
    """
    require_removable_masters(exercise)
    every = [each for each in instances(exercise, *SERVICES) if each.via is not None]
    if missing := set(SERVICES) - {each.service for each in every}:
        raise Invalid(f"no private address of {', '.join(sorted(missing))}: their metrics cannot be read")
    session = signed_in(exercise)
    with exercise.cases(at_least=len(every) * 4 + len(BUSINESS)) as cases:
        for instance in every:
            with cases(f"{instance.name} moves"):
                _require_moving(exercise, instance)
        before = {instance.name: _exposed(exercise, instance) for instance in every}
        asset_id = _one_video(exercise, session)
        for what, (service, metric) in BUSINESS.items():
            with cases(what):
                ours = [instance for instance in every if instance.service == service]
                was = exposition.total([before[instance.name] for instance in ours], metric)
                _require_moved(exercise, ours, metric, was)
        strangers = [exercise.marker, asset_id, *_strange_traffic(exercise, session, every)]
        series = {}
        for instance in every:
            seen = _exposed(exercise, instance)
            series[instance.name] = sum(len(family.series) for family in seen.values())
            with cases(f"{instance.name} labels"):
                wrong = exposition.unbounded(seen, strangers)
                require(not wrong, "no label value that comes from a request", _shown(wrong), instance.name)
            with cases(f"{instance.name} names"):
                wrong = exposition.unconventional(seen)
                require(not wrong, "conventional names and labels", _shown(wrong), instance.name)
            with cases(f"{instance.name} says who it is"):
                said = exposition.total([seen], "seatrial_info", service=instance.service, instance=instance.name)
                require(said == 1, "seatrial_info with service and instance", f"{said:g} series", instance.name)
        exercise.evidence("series", series)


def _exposed(exercise: Exercise, instance: Instance) -> Exposed:
    answer = exercise.http.get("api:/metrics", via=instance.via)
    if answer.status != 200:
        raise Failure("metrics at the private address", str(answer), instance.name)
    return exposition.parse(answer.text, instance.name)


def _require_moving(exercise: Exercise, instance: Instance) -> None:
    path = exercise.profile.services[instance.service].version
    before = _exposed(exercise, instance)
    for _ in range(3):
        exercise.http.get(instance.url(path), via=instance.via)
    after = _exposed(exercise, instance)
    for name in (REQUESTS, DURATIONS):
        moved = exposition.total([after], name, route=path) - exposition.total([before], name, route=path)
        require(moved >= 3, f"{name} of {path} moves with 3 requests", f"+{moved:g}", instance.name)


def _one_video(exercise: Exercise, session: Session) -> str:
    asset = ready_asset(exercise, session)
    session.promote(asset.id)
    link = session.playback(asset.id).url
    played = exercise.http.get(link)
    require(played.status == 200, "the preview by its signed link", str(played), "edge")
    return asset.id


def _require_moved(exercise: Exercise, ours: list[Instance], metric: str, was: float) -> None:
    def moved() -> bool:
        now = exposition.total([_exposed(exercise, instance) for instance in ours], metric)
        if now <= was:
            raise Failure(f"{metric} moves", f"{was:g} before and {now:g} after", ours[0].service)
        return True

    eventually(moved, within_s=MOVED_WITHIN_S, every_s=0.25, what=f"{metric} moves", where=ours[0].service)


def _strange_traffic(exercise: Exercise, session: Session, every: list[Instance]) -> list[str]:
    """Send what nobody else sends, and return the values that must not turn up in any label."""
    used = []
    for number in range(STRANGERS):
        stranger, word = str(uuid.uuid4()), f"{exercise.marker}-{number}"
        used.append(stranger)
        session.call("GET", f"/v1/assets/{stranger}", headers={"X-Request-Id": word})
        exercise.http.get(f"play:/v/{stranger}/preview?exp=1&kid={word}&sig={'A' * 43}")
        exercise.http.get(f"app:/assets/{stranger}")
        exercise.http.get(f"api:/{word}?q={word}", headers={"User-Agent": word})
    for instance in every:
        send = partial(exercise.http.request, via=instance.via)
        for number in range(3):
            send("GET", instance.url(f"/{exercise.marker}-{number}"))
            send(f"SEATRIAL{number}", instance.url("/livez"))
    return [*used, "SEATRIAL"]


def _shown(lines: list[str]) -> str:
    more = len(lines) - SHOWN
    return "; ".join(lines[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
