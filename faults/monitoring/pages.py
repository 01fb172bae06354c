"""Alerts that reach nobody, and monitoring that is missed by nobody."""

from faults.monitoring._files import EditedFile, series
from seatrial import Destroy, Observe, fault


@fault("page-misrouted", kind="configuration", caught_by={"MON-03": "FIRING InstanceDown edge-2 by slack"})
class Misrouted(EditedFile):
    """The root of the routes has another receiver, so that everything that no route names goes there.

    Source: https://prometheus.io/docs/alerting/latest/configuration/#route
    """

    part, find, replace = "alertmanager", "route:\n  receiver: on-call", "route:\n  receiver: dead-man"


@fault("page-mail-refused", kind="configuration", caught_by={"MON-03": "FIRING InstanceDown edge-2 by mail"})
class MailRefused(EditedFile):
    """The mail server was moved; the chat still gets its messages, and nobody misses the mail.

    Source: https://prometheus.io/docs/alerting/latest/configuration/#email_config
    """

    part, find, replace = "alertmanager", "smtp_smarthost: '127.77.0.93", "smtp_smarthost: '127.77.0.94"
    shows = "smtp_smarthost: 127.77.0.94"


@fault("alertmanager-gone", kind="process", caught_by={"MON-03": "FIRING InstanceDown edge-2 by slack"})
class AlertmanagerGone:
    """What sends the pages is gone itself: alerts fire in Prometheus, and nobody is told.

    Source: https://docs.monlab.newt.cz/runbooks/alertmanager/AlertmanagerClusterDown/ (the alert about which no page can come)
    """

    def strike(self, destroy: Destroy) -> None:
        """Stop it."""
        destroy.platform.stop("alertmanager")

    def in_effect(self, observe: Observe) -> bool:
        """Look for its process."""
        return not any(each.part == "alertmanager" for each in observe.platform.processes())


@fault("page-without-runbook", kind="configuration", caught_by={"MON-03": "a link of InstanceDown to a section"})
class WithoutRunbook(EditedFile):
    """The template asks for an annotation that the rules do not have: the link leads to a folder.

    Source: https://prometheus.io/docs/alerting/latest/notification_examples/
    """

    part = "alertmanager"
    find = ".CommonAnnotations.runbook }}'\n        text:"
    replace = ".CommonAnnotations.runbook_url }}'\n        text:"
    shows = ".CommonAnnotations.runbook_url"


@fault(
    "scrape-stopped",
    kind="configuration",
    caught_by={"MON-04": "a heartbeat at the dead-man's switch"},
    takes_s=40.0,
)
class ScrapeStopped(EditedFile):
    """Prometheus reads another list of targets, finds none, and evaluates its rules over nothing.

    Source: https://prometheus.io/docs/guides/file-sd/ (a file that is not there is no error)
    """

    part, find, replace = "prometheus", "targets.json", "targets-of-before.json"

    def in_effect(self, observe: Observe) -> bool:
        """Wait until Prometheus knows nothing of any service any more."""
        return not series(observe, 'up{job="services"}')


@fault("silence-unheard", kind="configuration", caught_by={"MON-04": "a page of the dead-man's switch"})
class SilenceUnheard:
    """The dead-man's switch waits for an hour, since it was too nervous once.

    Source: https://prometheus.io/docs/practices/alerting/#metamonitoring
    """

    def strike(self, destroy: Destroy) -> None:
        """Let it wait."""
        destroy.platform.restart("pager", {"silence_s": 3600})

    def in_effect(self, observe: Observe) -> bool:
        """Read with which words its process runs."""
        return any(each.part == "pager" and "--silence=3600" in each.command for each in observe.platform.processes())
