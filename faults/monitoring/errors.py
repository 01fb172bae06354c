"""Errors that nobody is told of, or everybody too much."""

from typing import ClassVar

from faults._code import NextRelease
from seatrial import fault
from seatrial.platform import Patch

REPORTING = "system/common/reporting.py"


@fault("error-reporter-off", kind="code", takes_s=30.0, caught_by={"MON-06": "a report of the error at the collector"})
class ReporterOff(NextRelease):
    """The line that starts the reporter was lost when the start of services was reworked; all goes on, and it is quiet.

    Source: https://docs.sentry.io/platforms/python/ (nothing is sent before init)
    """

    patch: ClassVar = [
        Patch(
            file="system/common/serve.py",
            find="    setup_logging(settings)\n    setup_reporting(settings)\n",
            replace="    setup_logging(settings)\n",
        )
    ]


@fault("error-without-trace", kind="code", takes_s=30.0, caught_by={"MON-06": "the trace of the request in the report"})
class WithoutTrace(NextRelease):
    """Reports have a trace of the reporter's own, so that none leads to the lines of the request in the logs.

    Source: https://develop.sentry.dev/sdk/data-model/event-payloads/contexts/ (trace context)
    """

    patch: ClassVar = [Patch(file=REPORTING, find="if trace := trace_id.get():", replace='if trace := "":')]


@fault("error-with-variables", kind="code", takes_s=30.0, caught_by={"MON-06": "no variable's value in a report"})
class WithVariables(NextRelease):
    """Somebody wanted to see the variables of each frame; among them are headers and rows.

    Source: https://docs.sentry.io/platforms/python/configuration/options/ (include_local_variables, which is on by default)
    """

    patch: ClassVar = [
        Patch(file=REPORTING, find="include_local_variables=False", replace="include_local_variables=True")
    ]
