"""Bounds that are not there: how much, how long, and how plainly a stranger is told of the inside."""

from typing import ClassVar

from faults._code import PatchedRelease
from faults.security._ingress import PatchedIngress, site
from seatrial import Observe, fault
from seatrial.platform import Patch

EDGE = "system/edge/app.py"
BODY, ERRORS, MIDDLEWARE = "system/common/body.py", "system/api/errors.py", "system/common/middleware.py"


@fault(
    "body-limit-off",
    kind="code",
    caught_by={"SEC-HTTP-04": "413 for a body over the limit, announced"},
    takes_s=30.0,
)
class BodyLimitOff(PatchedRelease):
    """A body may be as long as it says, and is read into memory first.

    Source: CWE-770, "Allocation of Resources Without Limits or Throttling"
    """

    patch: ClassVar = [
        Patch(
            file=BODY,
            find="self.app, self.max_bytes, self.max_seconds = app, max_bytes, max_seconds",
            replace="self.app, self.max_bytes, self.max_seconds = app, max_bytes << 30, max_seconds",
        )
    ]


@fault(
    "body-limit-announced-only",
    kind="code",
    caught_by={"SEC-HTTP-04": "413 for a body over the limit, in chunks"},
    takes_s=30.0,
)
class BodyLimitAnnouncedOnly(PatchedRelease):
    """Only the announced length is compared with the limit; a body in chunks announces none.

    Source: CWE-770, "Allocation of Resources Without Limits or Throttling", for one of two ways of sending
    """

    patch: ClassVar = [Patch(file=BODY, find="if received > self.max_bytes:", replace="if received < 0:")]


@fault("slow-bodies-unbounded", kind="code", caught_by={"SEC-HTTP-04": "an end of a slow body"}, takes_s=30.0)
class SlowBodiesUnbounded(PatchedRelease):
    """A caller may take as long over its body as it likes, and holds a place for as long (R-U-Dead-Yet).

    Source: CWE-400, "Uncontrolled Resource Consumption"
    """

    patch: ClassVar = [Patch(file=BODY, find="max_seconds: float = 6.0", replace="max_seconds: float = 3600.0")]


@fault(
    "slow-headers-unbounded",
    kind="configuration",
    caught_by={"SEC-HTTP-04": "an end of slow headers"},
    takes_s=30.0,
)
class SlowHeadersUnbounded(PatchedIngress):
    """The ingress waits for the end of the headers as long as a caller wants it to.

    Source: CVE-2007-6750 (Slowloris: connections held open by partial requests)
    """

    def edits(self, _loaded: str) -> list[tuple[str, str]]:
        """Raise the time."""
        return [("read_header 6s", "read_header 1h")]


@fault("headers-without-measure", kind="code", caught_by={"SEC-HTTP-04": "a header of 64 KB"}, takes_s=30.0)
class HeadersWithoutMeasure(PatchedRelease):
    """The services take headers of any size from whoever reaches them past the ingress.

    Source: RFC 6585, section 5, and CWE-770
    """

    patch: ClassVar = [
        Patch(
            file=MIDDLEWARE,
            find="LARGEST_HEADERS_BYTES = 32 * 1024",
            replace="LARGEST_HEADERS_BYTES = 32 * 1024 * 1024",
        )
    ]


@fault(
    "malformed-request-ends-the-edge",
    kind="code",
    caught_by={"SEC-HTTP-04": "nobody took the connection any more"},
    takes_s=30.0,
)
class MalformedRequestEndsTheEdge(PatchedRelease):
    """A second Host, which nothing expects, ends the process of an edge; whoever comes meanwhile is refused by the kernel.

    Source: CWE-617, "Reachable Assertion"
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=EDGE,
            find='        if scope["type"] == "http" and scope["path"].startswith("/v/"):\n',
            replace=(
                '        if [name for name, _ in scope.get("headers", ())].count(b"host") > 1:\n'
                '            __import__("os")._exit(1)\n'
                '        if scope["type"] == "http" and scope["path"].startswith("/v/"):\n'
            ),
        )
    ]


@fault("refusals-repeat-the-input", kind="code", caught_by={"SEC-HTTP-04": "nothing of a body"}, takes_s=30.0)
class RefusalsRepeatTheInput(PatchedRelease):
    """A refusal quotes what did not fit, which at the sign-in is a password.

    Source: CWE-209, "Generation of Error Message Containing Sensitive Information"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=ERRORS, find='"message": _plain(item["msg"])}', replace='"message": str(item)[:300]}')
    ]


@fault("refusals-show-the-trace", kind="code", caught_by={"SEC-HTTP-04": "no inside of ours"}, takes_s=30.0)
class RefusalsShowTheTrace(PatchedRelease):
    """Somebody in search of a bug left the stack trace in the answer.

    Source: CWE-209, and CWE-489, "Active Debug Code"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=ERRORS,
            find='"The request does not fit the contract.", errors=errors)',
            replace=(
                '"The request does not fit the contract.", errors=errors, '
                'trace=__import__("traceback").format_exception(error))'
            ),
        )
    ]


@fault(
    "slash-redirected-to-claimed-host",
    kind="configuration",
    caught_by={"SEC-HTTP-05": "no header with the claimed host for GET /upload/"},
)
class SlashToClaimedHost(PatchedIngress):
    """The ingress takes a slash off the end by a redirect, to the host that X-Forwarded-Host claims.

    Source: https://github.com/kubernetes/ingress-nginx/issues/13158 (X-Forwarded-Host believed in a redirect of the ingress)
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Redirect before the frontend is asked."""
        begin = site(loaded, "app")
        claimed = "\t@claimed {\n\t\theader X-Forwarded-Host *\n\t\tpath /upload/\n\t}\n"
        return [(begin, f"{begin}{claimed}\tredir @claimed https://{{header.X-Forwarded-Host}}/upload 308\n")]

    def shows(self, observe: Observe) -> bool:
        """Claim a host."""
        answer = observe.http.get("app:/upload/", headers={"X-Forwarded-Host": "stranger.example"})
        return answer.headers.get("location") == "https://stranger.example/upload"
