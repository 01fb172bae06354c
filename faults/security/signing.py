"""Signatures that cover too little, links that live too long, keys that differ."""

import json
from typing import ClassVar

from faults._code import PatchedRelease
from faults.security._own_link import opens
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch
from suites.client import instances
from suites.security.signer import Ring

SIGNING, PLAY, PLAYBACK = "system/common/signing.py", "system/edge/play.py", "system/api/playback.py"
COVERED = "(VERSION, method, host, asset_id, variant, kid, str(exp))"
OTHER_KEYS = json.dumps({"active": "k1", "keys": {"k1": "5e" * 32}})
IN_TIME = "in_time = now_s < link.exp + skew_s and"


@fault(
    "link-keys-differ", kind="configuration", caught_by={"SEC-HMAC-01": "200 for a fresh preview link"}, takes_s=20.0
)
class KeysDiffer:
    """The edge verifies with another key than the API signs with, as after a rotation that missed one of the two.

    Source: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-trusted-signers.html (a rotation
    gives the new key to the verifier first, and takes the old one away last)
    """

    def strike(self, destroy: Destroy) -> None:
        """Give each edge instance another key under the same id."""
        for each in instances(destroy, "edge"):
            destroy.platform.restart(each.name, {"LINK_KEYS": OTHER_KEYS})

    def in_effect(self, observe: Observe) -> bool:
        """Open a link at each that was signed with the other key."""
        edges = instances(observe, "edge")
        return bool(edges) and all(opens(observe, each.name, Ring.parse(OTHER_KEYS), 60) for each in edges)


@fault("edge-serves-another-object", kind="code", caught_by={"SEC-HMAC-01": "the object of the bucket"}, takes_s=30.0)
class AnotherObject(PatchedRelease):
    """The edge looks every variant up under one key, so that a poster's link carries the preview.

    Source: CVE-2023-28858: a shared connection gave one caller the answer to another's request.
    """

    services = ("edge",)
    patch: ClassVar = [Patch(file=PLAY, find="{OBJECTS[variant]}", replace="{OBJECTS['preview']}")]


@fault("signature-without-host", kind="code", caught_by={"SEC-HMAC-02": "link with host"}, takes_s=30.0)
class WithoutHost(PatchedRelease):
    """The signature does not cover the host: a link of one environment opens the same path in another.

    Source: RFC 9421, section 7.2.1, "Insufficient Coverage"
    """

    services = ("edge", "api")
    patch: ClassVar = [Patch(file=SIGNING, find=COVERED, replace=COVERED.replace("host, ", ""))]


@fault("signature-without-expiry", kind="code", caught_by={"SEC-HMAC-02": "link with exp"}, takes_s=30.0)
class WithoutExpiry(PatchedRelease):
    """The signature does not cover the expiry: whoever has a link can prolong it.

    Source: RFC 9421, section 7.2.1, "Insufficient Coverage"
    """

    services = ("edge", "api")
    patch: ClassVar = [Patch(file=SIGNING, find=COVERED, replace=COVERED.replace(", str(exp)", ""))]


@fault("signature-without-variant", kind="code", caught_by={"SEC-HMAC-02": "link with variant"}, takes_s=30.0)
class WithoutVariant(PatchedRelease):
    """The signature does not cover the variant: a poster's link opens the video.

    Source: RFC 9421, section 7.2.1, "Insufficient Coverage"
    """

    services = ("edge", "api")
    patch: ClassVar = [Patch(file=SIGNING, find=COVERED, replace=COVERED.replace("variant, ", ""))]


@fault(
    "link-query-unanchored", kind="code", caught_by={"SEC-HMAC-02": "sig extra (a parameter after it)"}, takes_s=30.0
)
class QueryUnanchored(PatchedRelease):
    """The query is matched from its start only, so that anything may follow: caches see many names for one object.

    Source: CWE-777, "Regular Expression without Anchors"
    """

    services = ("edge",)
    patch: ClassVar = [Patch(file=SIGNING, find="_QUERY.fullmatch(query)", replace="_QUERY.match(query)")]


@fault("link-expiry-ignored", kind="code", caught_by={"SEC-HMAC-03": "403 at t"}, takes_s=30.0)
class ExpiryIgnored(PatchedRelease):
    """Expiry is signed and never looked at.

    Source: CWE-613, "Insufficient Session Expiration"
    """

    services = ("edge",)
    patch: ClassVar = [Patch(file=SIGNING, find=IN_TIME, replace="in_time =")]


@fault("link-expiry-inclusive", kind="code", caught_by={"SEC-HMAC-03": "403 at t "}, takes_s=30.0)
class ExpiryInclusive(PatchedRelease):
    """A link lives through the whole second that it names: the clock is cut to seconds and `<` became `<=`.

    Source: RFC 7519, section 4.1.4: not to be accepted "on or after" the expiration time.
    """

    services = ("edge",)
    patch: ClassVar = [Patch(file=SIGNING, find=IN_TIME, replace="in_time = int(now_s) <= link.exp + skew_s and")]


@fault("link-skew-too-wide", kind="time", caught_by={"SEC-HMAC-03": "403 at t"}, takes_s=20.0)
class SkewTooWide:
    """One edge instance forgives half a minute of clock skew, which nobody declared.

    Source: RFC 7519, section 4.1.4: leeway is "usually no more than a few minutes", and a decision, not an accident.
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it with the allowance."""
        self._ring = Ring.parse(destroy.credential("links").password)
        destroy.platform.restart("edge-2", {"LINK_SKEW_S": "30"})

    def in_effect(self, observe: Observe) -> bool:
        """Open a link there that ended twenty seconds ago."""
        return opens(observe, "edge-2", self._ring, -20)


@fault("link-maximum-ignored", kind="code", caught_by={"SEC-HMAC-03": "422 for a lifetime of"}, takes_s=30.0)
class MaximumIgnored(PatchedRelease):
    """The API signs links for longer than the declared maximum.

    Source: https://www.wiz.io/blog/38-terabytes-of-private-data-accidentally-exposed-by-microsoft-ai-researchers (a signed
    link that was valid until 2051)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=PLAYBACK, find="if lifetime_s > settings.link_max_lifetime_s:", replace="if lifetime_s > 86_400:")
    ]
