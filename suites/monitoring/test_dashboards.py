"""Dashboards: no panel is empty, and nothing that matters is missing from them."""

import math
from collections.abc import Iterable
from pathlib import Path

from seatrial import MAJOR, MINOR, Exercise, Failure, Invalid, Observe, check, eventually, require
from suites.client import Instance, instances, ready_asset, require_removable_masters, signed_in
from suites.monitoring import _watch as watch
from suites.monitoring._dashboards import Panel, panels
from suites.monitoring._watch import WATCHED

SCRAPED_WITHIN_S = 15.0
METRIC = "dependency_up"


@check("MON-07", severity=MINOR, component="monitoring", needs=WATCHED)
def test_every_panel_has_data(exercise: Exercise) -> None:
    """Dashboards load, and each panel's query returns data.

    Why it matters: an empty panel looks like a system at rest. A metric that was renamed empties it, and nobody notices before
    the incident in which somebody looks.

    How it is measured: the files of targets.dashboards are read as Grafana reads them: each has an id and a title, and each
    panel a title and a query. One video is uploaded, previewed, promoted and played, so that there is something to draw;
    then each query is put to Prometheus, and must return a figure within the time of a few scrapes. The video is removed when
    its master's retention has ended, which may take a minute at most (targets.master_retention_s).

    Not covered: Grafana itself; whether a panel shows what its title says.
    """
    require_removable_masters(exercise)
    every = _all_panels(exercise)
    session = signed_in(exercise)
    asset = ready_asset(exercise, session)
    session.promote(asset.id)
    exercise.http.get(session.playback(asset.id).url)
    series = {}
    with exercise.cases(at_least=len(every)) as cases:
        for panel in every:
            with cases(panel.title):
                series[panel.title] = _figures(exercise, panel)
    exercise.evidence("panels", series)


@check("MON-09", severity=MAJOR, component="monitoring", needs=WATCHED)
def test_every_dependency_has_a_figure_a_panel_and_an_alert(observe: Observe) -> None:
    """Whatever a service depends on has a figure at each instance, a panel that shows it, and an alert about it.

    Why it matters: what a service cannot do without is what takes it down. One that was added with a release, and not to the
    monitoring, is found out about by users.

    How it is measured: each instance names its dependencies in its readiness, read at its private address. For each of them
    Prometheus must hold dependency_up of that instance; the alerts' expressions about it, put to Prometheus with
    comparisons that leave nothing out, must return it; and so must the query of a panel of targets.dashboards.

    Not covered: whether the alert fires (MON-02); traces through what depends on what (MON-10); the collectors of errors and spans,
    which no service waits for: where one is gone, its own figures are missed as an instance's are.
    """
    every = [each for each in instances(observe) if each.via is not None]
    if not every:
        raise Invalid("no private address of any instance")
    alerts = [rule.query for rule in watch.rules(observe) if METRIC in rule.query]
    drawn = [panel.query for panel in _all_panels(observe) if METRIC in panel.query]
    seen: dict[str, list[str]] = {}
    with observe.cases(at_least=2 * len(every)) as cases:
        for instance in every:
            seen[instance.name] = _dependencies(observe, instance)
            for dependency in seen[instance.name]:
                with cases(f"{dependency} of {instance.name}"):
                    pair, where = (instance.name, dependency), instance.name
                    has = f"of {instance.name}"
                    _eventually_among(observe, pair, [METRIC])
                    require(
                        _among(observe, pair, map(watch.unfiltered, alerts)),
                        f"an alert about {dependency}",
                        f"none {has}",
                        where,
                    )
                    require(_among(observe, pair, drawn), f"a panel with {dependency}", f"none {has}", where)
    observe.evidence("dependencies", seen)


def _all_panels(observe: Observe) -> list[Panel]:
    files: list[Path] = [observe.tree / name for name in observe.target("dashboards")]
    return [panel for file in files for panel in panels(file)]


def _figures(exercise: Exercise, panel: Panel) -> int:
    """Wait until a panel has data, and return how many series it has."""

    def drawn() -> int:
        return sum(not math.isnan(float(each["value"][1])) for each in watch.asked(exercise, panel.query))

    return eventually(
        drawn, within_s=SCRAPED_WITHIN_S, every_s=0.5, what=f"data for {panel.title}", where=panel.dashboard
    )


def _dependencies(observe: Observe, instance: Instance) -> list[str]:
    """Return what an instance names in its readiness; raises Invalid where it names nothing."""
    path = observe.profile.services[instance.service].ready
    answer = observe.http.get(instance.url(path), via=instance.via)
    named = answer.json().get("dependencies", {}) if answer.status in {200, 503} else {}
    if not named:
        raise Invalid(f"{instance.name} does not say what it depends on: {answer}")
    return sorted(named)


def _eventually_among(observe: Observe, pair: tuple[str, str], queries: list[str]) -> None:
    component, dependency = pair

    def there() -> bool:
        if not _among(observe, pair, queries):
            raise Failure(f"a figure of {dependency}", f"none of {component}", component)
        return True

    eventually(there, within_s=SCRAPED_WITHIN_S, every_s=0.5, what=f"a figure of {dependency}", where=component)


def _among(observe: Observe, pair: tuple[str, str], queries: Iterable[str]) -> bool:
    """Say whether one of the queries returns this instance's dependency."""
    return any(
        (each["metric"].get("component"), each["metric"].get("dependency")) == pair
        for query in queries
        for each in watch.asked(observe, query)
    )
