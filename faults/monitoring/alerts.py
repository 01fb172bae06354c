"""Rules that look like all the others and say nothing, or nothing of use."""

from faults.monitoring._files import EditedFile, series
from seatrial import Destroy, Observe, fault

WATCHED = "app,api,s3"


@fault(
    "alert-on-a-renamed-metric",
    kind="configuration",
    caught_by={"MON-02": "RedisDown to fire"},
)
class RenamedMetric(EditedFile):
    """The exporter's metric was renamed and the rule was not: it is evaluated, finds nothing, and is content.

    Source: https://blog.cloudflare.com/monitoring-our-monitoring/ (rules that query metrics which are not there)
    """

    part, find, replace = "prometheus", "expr: redis_up == 0", "expr: redis_is_up == 0"


@fault("alert-falls-silent", kind="configuration", caught_by={"MON-02": "RedisDown to fire as long as its cause"})
class FallsSilent(EditedFile):
    """Somebody wanted to be told of the moment at which it goes down: the alert ends by itself, as if all were well again.

    Source: https://prometheus.io/docs/prometheus/latest/querying/functions/#changes (of the range alone)
    """

    part, find = "prometheus", "expr: redis_up == 0"
    replace = "expr: redis_up == 0 and changes(redis_up[10s]) > 0"


@fault("alert-names-nobody", kind="configuration", caught_by={"MON-02": "InstanceDown to fire within"})
class NamesNobody(EditedFile):
    """Somebody counted the instances that are down, so that the page says how many and not which.

    Source: https://prometheus.io/docs/prometheus/latest/querying/operators/#aggregation-operators (labels that are not
    kept by `by` are dropped)
    """

    part, find, replace = "prometheus", "expr: up == 0", "expr: count(up == 0) > 0"


@fault(
    "alert-about-one-instance",
    kind="configuration",
    caught_by={"MON-02": "InstanceDown to look at all that have its figure"},
)
class AboutOneInstance(EditedFile):
    """The rule was tried out on the instance that always dies first, and nobody took its name out again.

    Source: https://prometheus.io/docs/prometheus/latest/querying/basics/#time-series-selectors (label matchers select a subset)
    """

    part, find, replace = "prometheus", "expr: up == 0", 'expr: up{component="edge-2"} == 0'


@fault(
    "alert-about-one-tier",
    kind="configuration",
    caught_by={"MON-02": "ErrorBudgetBurn to look at all that have its figure"},
)
class AboutOneTier(EditedFile):
    """The objective was the API's alone when the rule was written: nobody is told of errors anywhere else.

    Source: https://prometheus.io/docs/prometheus/latest/querying/basics/#time-series-selectors (label matchers select a subset)
    """

    part, find = "prometheus", "expr: tier:error_ratio:rate5m >"
    replace = 'expr: tier:error_ratio:rate5m{tier="api"} >'


@fault(
    "figure-of-one-tier",
    kind="configuration",
    caught_by={"MON-02": "tier:requests:rate5m to count all tiers and routes"},
)
class FigureOfOneTier(EditedFile):
    """The alert looks at all tiers, and the figure that is recorded for it has one: nobody is told of errors anywhere else.

    Source: https://prometheus.io/docs/practices/rules/ (a rule's output is what its own selectors and labels leave)
    """

    part, shows = "prometheus", '/version",tier="api"}'
    find = (
        "tier:requests:rate5m\n"
        '        expr: sum by (tier) (rate(http_requests_total{route!~"/livez|/readyz|/metrics|/version"}'
    )
    replace = find.replace('/version"}', shows)


@fault(
    "alert-about-one-host",
    kind="configuration",
    caught_by={"MON-08": "PublicHostDown to look at each public host"},
)
class AboutOneHost(EditedFile):
    """Somebody silenced the hosts that were noisy by naming the one that was not: the others are asked, and nobody is told.

    Source: https://prometheus.io/docs/prometheus/latest/querying/basics/#time-series-selectors (label matchers select a subset)
    """

    part, find, replace = "prometheus", "expr: public_up == 0", 'expr: public_up{component=~"s3.*"} == 0'


@fault("host-not-watched", kind="configuration", caught_by={"MON-08": "public_up for each public host"})
class HostNotWatched:
    """A host was added to the product and not to the list of those that are asked from outside.

    Source: https://sre.google/sre-book/monitoring-distributed-systems/ (black-box monitoring of what users see)
    """

    def strike(self, destroy: Destroy) -> None:
        """Leave it out."""
        self._before = _started(destroy)
        destroy.platform.restart("exporter", {"hosts": WATCHED})

    def in_effect(self, observe: Observe) -> bool:
        """Read with which words its process runs, and wait until Prometheus has asked the new exporter."""
        mine = [each.command for each in observe.platform.processes() if each.part == "exporter"]
        told = any(f"--hosts={WATCHED}" in command.split() for command in mine)
        return told and _started(observe) not in {"", self._before}


def _started(observe: Observe) -> str:
    """Return when the exporter was started that Prometheus has asked last."""
    found = series(observe, 'process_start_time_seconds{job="exporter"}')
    return str(found[0]["value"][1]) if len(found) == 1 else ""
