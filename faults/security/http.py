"""Headers that were dropped, cookies that scripts can read, origins that are believed."""

from typing import ClassVar

from faults._code import PatchedRelease
from faults._store import STRANGER, uploads_allowed
from faults.security._ingress import PatchedIngress
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch

SESSION = "system/frontend/session.py"
# A directive for every site, after which others of the same kind can be put.
COMMON = "\theader -Via\n"
PAGE, POLICY, OLD_ORIGIN = "app:/sign-in", "content-security-policy", "https://old.example"


@fault(
    "csp-dropped",
    kind="configuration",
    caught_by={"SEC-HTTP-01": "one content-security-policy on", "SEC-API-02": "stopped by the policy"},
)
class PolicyDropped(PatchedIngress):
    """The ingress strips the Content-Security-Policy that the services send.

    Source: https://owasp.org/Top10/A05_2021-Security_Misconfiguration/
    """

    def edits(self, _loaded: str) -> list[tuple[str, str]]:
        """Remove the header for every site."""
        return [(COMMON, f"{COMMON}\theader -Content-Security-Policy\n")]

    def shows(self, observe: Observe) -> bool:
        """Miss it on a page."""
        page = observe.http.get(PAGE)
        return page.status == 200 and POLICY not in page.headers


@fault(
    "csp-unsafe-inline",
    kind="configuration",
    caught_by={"SEC-HTTP-01": "a script-src without", "SEC-API-02": "stopped by the policy"},
)
class PolicyLoosened(PatchedIngress):
    """The policy allows inline scripts, as it is loosened to make a widget work: injected text runs.

    Source: https://www.w3.org/TR/CSP3/#csp-directives ('unsafe-inline')
    """

    def edits(self, _loaded: str) -> list[tuple[str, str]]:
        """Replace the header for every site."""
        policy = "default-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
        return [(COMMON, f'{COMMON}\theader >Content-Security-Policy "{policy}"\n')]

    def shows(self, observe: Observe) -> bool:
        """Read it on a page."""
        return "default-src 'self' 'unsafe-inline'" in observe.http.get(PAGE).headers.get(POLICY, "")


@fault(
    "csp-script-elements-open",
    kind="configuration",
    caught_by={"SEC-HTTP-01": "a script-src-elem without"},
)
class ScriptElementsOpen(PatchedIngress):
    """The policy keeps its strict script-src, and a newer directive beside it, which browsers ask first, allows inline scripts.

    Source: https://www.w3.org/TR/CSP3/#csp-directives (script-src-elem)
    """

    def edits(self, _loaded: str) -> list[tuple[str, str]]:
        """Replace the header for every site."""
        closed = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; script-src 'self'"
        policy = f"{closed}; script-src-elem 'self' 'unsafe-inline'"
        return [(COMMON, f'{COMMON}\theader >Content-Security-Policy "{policy}"\n')]

    def shows(self, observe: Observe) -> bool:
        """Read it on a page."""
        return "script-src-elem 'self' 'unsafe-inline'" in observe.http.get(PAGE).headers.get(POLICY, "")


@fault("cookie-open-to-scripts", kind="code", caught_by={"SEC-HTTP-01": "httponly on the cookie"}, takes_s=30.0)
class CookieOpen(PatchedRelease):
    """Scripts can read the session's cookies, and so can whatever script is injected.

    Source: CWE-1004, "Sensitive Cookie Without 'HttpOnly' Flag"
    """

    services = ("frontend",)
    patch: ClassVar = [Patch(file=SESSION, find="httponly=True", replace="httponly=False")]


@fault("origin-reflected", kind="configuration", caught_by={"SEC-HTTP-02": "no origin but"})
class OriginReflected(PatchedIngress):
    """The ingress allows whatever origin asks, with credentials.

    Source: J. Kettle, "Exploiting CORS misconfigurations for Bitcoins and bounties", 2016
    """

    def edits(self, _loaded: str) -> list[tuple[str, str]]:
        """Send the request's Origin back for every site."""
        allow = "\theader >Access-Control-Allow-Origin {http.request.header.Origin}\n"
        return [(COMMON, f"{COMMON}{allow}\theader >Access-Control-Allow-Credentials true\n")]

    def shows(self, observe: Observe) -> bool:
        """Ask from a stranger's origin."""
        answer = observe.http.get(PAGE, headers={"Origin": STRANGER})
        return answer.headers.get("access-control-allow-origin") == STRANGER


@fault("upload-origin-any", kind="cloud objects", caught_by={"SEC-HTTP-02": "no origin but"})
class UploadOriginAny:
    """The upload bucket's CORS rule allows every origin, as most examples of such rules do.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html
    """

    def strike(self, destroy: Destroy) -> None:
        """Replace the rule."""
        rule = {"AllowedOrigins": ["*"], "AllowedMethods": ["PUT"], "AllowedHeaders": ["*"], "MaxAgeSeconds": 600}
        destroy.s3.set_cors("staging", [rule])

    def in_effect(self, observe: Observe) -> bool:
        """Ask from a stranger's origin."""
        return uploads_allowed(observe, STRANGER)


@fault("upload-origin-lost", kind="cloud objects", caught_by={"SEC-HTTP-02": "for the upload's preflight"})
class UploadOriginLost:
    """The upload bucket names an origin of before the app moved, so that no browser can upload.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors-troubleshooting.html
    """

    def strike(self, destroy: Destroy) -> None:
        """Replace the rule."""
        rule = {"AllowedOrigins": [OLD_ORIGIN], "AllowedMethods": ["PUT"], "AllowedHeaders": ["*"]}
        destroy.s3.set_cors("staging", [rule])

    def in_effect(self, observe: Observe) -> bool:
        """Ask from the old origin, and from that of now."""
        return uploads_allowed(observe, OLD_ORIGIN) and not uploads_allowed(observe, observe.profile.urls["app"])
