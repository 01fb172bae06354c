"""Servers that take a caller's word for its address, or for the host that it asked."""

from typing import ClassVar

from faults._code import PatchedRelease
from faults.security._ingress import PatchedIngress
from seatrial import fault
from seatrial.platform import Patch

CLIENT = "system/common/client.py"


@fault("proxy-trusts-everyone", kind="configuration", caught_by={"INF-LB-02": "made-up X-Forwarded-For"})
class TrustsEveryone(PatchedIngress):
    """The ingress takes every peer for a proxy of ours, and passes on the address that it claims.

    Source: https://caddyserver.com/docs/caddyfile/options#trusted-proxies (why the list is empty unless it is set)
    """

    def edits(self, _loaded: str) -> list[tuple[str, str]]:
        """Trust all addresses, and hand over what they say."""
        return [
            ("\tservers {\n", "\tservers {\n\t\ttrusted_proxies static 0.0.0.0/0 ::/0\n"),
            ("header_up X-Real-IP {remote_host}", "header_up X-Forwarded-For {client_ip}"),
        ]


@fault(
    "api-believes-a-cdn-header",
    kind="code",
    caught_by={"INF-LB-02": "made-up True-Client-IP"},
    takes_s=30.0,
)
class BelievesCdnHeader(PatchedRelease):
    """The API prefers the header of a content delivery network that nobody put in front of it.

    Source: A. Pritchard, "The perils of the 'real' client IP", 2022 (https://adam-p.ca/blog/2022/03/x-forwarded-for/)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=CLIENT,
            find='request.headers.getlist("x-forwarded-for")',
            replace='request.headers.getlist("true-client-ip") or request.headers.getlist("x-forwarded-for")',
        )
    ]


@fault("redirect-to-overridden-host", kind="code", caught_by={"INF-LB-02": "the Location as without"}, takes_s=30.0)
class RedirectsToOverriddenHost(PatchedRelease):
    """The frontend builds its redirects for the host that X-Host names, which the ingress passes on as it came.

    Source: J. Kettle, "Practical HTTP Host header attacks", 2013
    (https://portswigger.net/web-security/host-header lists X-Host among the overrides)
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(
            file="system/frontend/errors.py",
            find='RedirectResponse(f"/sign-in{back}", 303)',
            replace=(
                'RedirectResponse(("https://" + request.headers["x-host"] if "x-host" in '
                'request.headers else "") + f"/sign-in{back}", 303)'
            ),
        )
    ]
