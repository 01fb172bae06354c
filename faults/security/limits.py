"""Limits that do not limit, or limit the wrong ones."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch
from suites.client import made_up_address

CLIENT, LIMITS, EVENTS, INSTANCE = "system/common/client.py", "system/api/limits.py", "system/api/events.py", "api-2"
EVERYBODY = "0.0.0.0/0,::/0"


@fault("rate-limits-off", kind="code", caught_by={"SEC-HTTP-03": "429 after 40 requests at once"}, takes_s=40.0)
class Off(PatchedRelease):
    """Requests are counted, and nobody looks at the count.

    Source: CWE-770, "Allocation of Resources Without Limits or Throttling"
    """

    services = ("api",)
    patch: ClassVar = [Patch(file=LIMITS, find="        if wait_us:\n", replace="        if wait_us < 0:\n")]


@fault("rate-limit-without-wait", kind="code", caught_by={"SEC-HTTP-03": "Retry-After of 1 to 60 s"}, takes_s=40.0)
class WithoutWait(PatchedRelease):
    """A refusal does not say how long to wait, so that well-meant clients try again at once.

    Source: RFC 6585, section 4
    """

    services = ("api",)
    patch: ClassVar = [Patch(file=LIMITS, find='wait, then try again.", headers=headers)', replace='wait.")')]


@fault("account-limit-shared", kind="code", caught_by={"SEC-HTTP-03": "200 for another account"}, takes_s=40.0)
class Shared(PatchedRelease):
    """All accounts together have the limit of one: whoever is busy shuts the others out.

    Source: OWASP API Security Top 10 2023, API4, "Unrestricted Resource Consumption" (limits are to be per client)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=LIMITS, find="sha256(who.encode())", replace='sha256((who if kind == "client" else kind).encode())')
    ]


@fault(
    "limits-by-every-address",
    kind="code",
    caught_by={"SEC-HTTP-03": "429 from another address of the same network of 64 bits"},
    takes_s=40.0,
)
class ByEveryAddress(PatchedRelease):
    """Each IPv6 address is another client: whoever has one has 2^64 of them, and is never refused.

    Source: RFC 7421, section 1 (the prefix of a subnet has 64 bits: a host may take any address behind it)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=CLIENT,
            find="return str(found.ipv4_mapped or ip_network((found, 64), strict=False))",
            replace="return address",
        )
    ]


@fault(
    "instance-without-limits",
    kind="configuration",
    caught_by={"SEC-HTTP-03": "429 for a client over its limit"},
    takes_s=30.0,
)
class InstanceWithoutLimits:
    """One instance was told that nobody is limited, for a test of load, and was left so.

    Source: OWASP Top 10 2021, A05, "Security Misconfiguration"
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it with that setting."""
        destroy.platform.restart(INSTANCE, {"UNLIMITED_NETWORKS": EVERYBODY})

    def in_effect(self, observe: Observe) -> bool:
        """Read the setting that the platform gave to it, and ask there more often than anybody may."""
        told = observe.platform.config()[INSTANCE].get("UNLIMITED_NETWORKS") == EVERYBODY
        return told and not self._refuses(observe)

    @staticmethod
    def _refuses(observe: Observe) -> bool:
        via, claim = observe.profile.services["api"].instances[INSTANCE], {"X-Forwarded-For": made_up_address()}
        return any(observe.http.get("/v1/assets", via=via, headers=claim).status == 429 for _ in range(60))


@fault("streams-without-share", kind="code", caught_by={"SEC-HTTP-03": "429 for one stream more"}, takes_s=40.0)
class StreamsWithoutShare(PatchedRelease):
    """Streams of events are limited for an instance alone, so that one account can hold all of them.

    Source: CWE-770, "Allocation of Resources Without Limits or Throttling"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=EVENTS, find="[caller.account_id] >= STREAMS_EACH:", replace="[caller.account_id] >= STREAMS:")
    ]
