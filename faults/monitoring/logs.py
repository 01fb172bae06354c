"""Logs that nobody can search, or that say too much."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

LOGGING, MIDDLEWARE = "system/common/logging.py", "system/common/middleware.py"
QUERY = Patch(
    file=MIDDLEWARE,
    find='                        "path": scope["path"],\n',
    replace=(
        '                        "path": scope["path"],\n'
        '                        "query": __import__("urllib.parse").parse.quote(scope["query_string"], safe=""),\n'
    ),
)


@fault("log-plain-text", kind="code", takes_s=30.0, caught_by={"MON-05": "every line to be one JSON object"})
class PlainText(PatchedRelease):
    """Somebody wanted to read the log on a terminal: warnings are plain text since then, requests still are not.

    Source: https://12factor.net/logs (what an app writes is a stream for others' programs)
    """

    patch: ClassVar = [
        Patch(
            file=LOGGING,
            find="        return _ENCODER.encode(line)\n\n\n_access",
            replace="        return f\"{line['ts']} {line['level'].upper()} {line['message']}\"\n\n\n_access",
        )
    ]


@fault("log-without-request-id", kind="code", takes_s=30.0, caught_by={"MON-05": "with the request's id and trace"})
class WithoutRequestId(PatchedRelease):
    """Each service makes up an id of its own for a request that came with one, so that nothing leads from one log to the next.

    Source: https://www.w3.org/TR/trace-context/ (section 2.2: what is received is passed on)
    """

    patch: ClassVar = [
        Patch(
            file=MIDDLEWARE,
            find="request_id.set(given[0].decode() if given else secrets.token_hex(16))",
            replace="request_id.set(secrets.token_hex(16))",
        )
    ]


@fault("log-with-query", kind="code", takes_s=30.0, caught_by={"MON-05": "no secret in a log"})
class WithQuery(PatchedRelease):
    """The line of a request has its query, and with it the signatures of links.

    It is escaped, as many writers of access logs do it: who looks for the shape of a link does not find it, and only who
    looks for the signature itself does. So it leaves nothing in a log that would keep SEC-SEC-02 red after it.

    Source: https://cwe.mitre.org/data/definitions/532.html (insertion of sensitive information into log file)
    """

    patch: ClassVar = [QUERY]


@fault("log-with-query-later", kind="code", takes_s=30.0, caught_by={"MON-05": "no secret in a log"})
class WithQueryLater(PatchedRelease):
    """The line of a request has its query, and lines are written in bundles: what was said last is not there yet.

    Source: https://cwe.mitre.org/data/definitions/532.html (insertion of sensitive information into log file)
    """

    patch: ClassVar = [
        QUERY,
        Patch(file=LOGGING, find="call_soon(self._flush)", replace="call_later(3.0, self._flush)"),
    ]
