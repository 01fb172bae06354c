"""Slips in the code that verifies links: what is compared is less, or something else, than what is served."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

PLAY, SIGNING, PLAYBACK = "system/edge/play.py", "system/common/signing.py", "system/api/playback.py"
HOST = 'headers.get("host", "").lower()'


@fault(
    "link-host-from-the-caller",
    kind="code",
    caught_by={"SEC-HMAC-02": "the true one in forwarding headers"},
    takes_s=30.0,
)
class HostFromCaller(PatchedRelease):
    """The host that is compared is X-Forwarded-Host, which anybody can send.

    Source: CWE-348, "Use of Less Trusted Source"
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(file=PLAY, find=HOST, replace='(headers.get("x-forwarded-host") or headers.get("host", "")).lower()')
    ]


@fault("link-port-ignored", kind="code", caught_by={"SEC-HMAC-02": "link with host"}, takes_s=30.0)
class PortIgnored(PatchedRelease):
    """Signer and verifier cut the port off: a link of one site opens the same path at another one of that machine.

    Source: RFC 6454, section 4 (the port is part of an origin)
    """

    services = ("edge", "api")
    patch: ClassVar = [
        Patch(file=PLAY, find=HOST, replace='headers.get("host", "").lower().partition(":")[0]'),
        Patch(
            file=PLAYBACK,
            find="urlsplit(settings.play_origin).netloc",
            replace='urlsplit(settings.play_origin).hostname or ""',
        ),
    ]


@fault("signature-compared-in-part", kind="code", caught_by={"SEC-HMAC-02": "a link with sig"}, takes_s=30.0)
class ComparedInPart(PatchedRelease):
    """Only the first characters of the signature are compared, so that the rest may be anything.

    Source: CWE-187, "Partial String Comparison"
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=SIGNING,
            find="hmac.compare_digest(expected, link.sig)",
            replace="hmac.compare_digest(expected[:16], link.sig[:16])",
        )
    ]


@fault("link-key-id-unknown", kind="code", caught_by={"SEC-HMAC-02": "link with kid"}, takes_s=30.0)
class KeyIdUnknown(PatchedRelease):
    """The key id is neither signed nor looked at: a link that names another key opens with the one in use.

    Source: RFC 9421, section 7.2.1, "Insufficient Coverage"
    """

    services = ("edge", "api")
    patch: ClassVar = [
        Patch(file=SIGNING, find="asset_id, variant, kid, str(exp))", replace="asset_id, variant, str(exp))"),
        Patch(file=SIGNING, find="keys.keys.get(link.kid, _UNKNOWN_KEY)", replace="keys.keys[keys.active]"),
        Patch(file=SIGNING, find="in_time and link.kid in keys.keys", replace="in_time"),
    ]


@fault("link-letters-of-any-case", kind="code", caught_by={"SEC-HMAC-04": "an asset in capitals"}, takes_s=30.0)
class AnyCase(PatchedRelease):
    """Paths are matched without regard to case: one link has many spellings, for caches and for rules by path.

    Source: CWE-178, "Improper Handling of Case Sensitivity"
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(file=PLAY, find='(scope.get("raw_path") or b"")', replace='((scope.get("raw_path") or b"").lower())')
    ]


@fault("link-path-decoded", kind="code", caught_by={"SEC-HMAC-04": "an encoded letter"}, takes_s=30.0)
class PathDecoded(PatchedRelease):
    """The decoded path is verified, not the one that was sent: what a rule in front refuses gets through encoded.

    Source: CWE-177, "Improper Handling of URL Encoding (Hex Encoding)"
    """

    services = ("edge",)
    patch: ClassVar = [Patch(file=PLAY, find='(scope.get("raw_path") or b"")', replace='(scope["path"].encode())')]


@fault("link-opens-by-post", kind="code", caught_by={"SEC-HMAC-04": "method POST"}, takes_s=30.0)
class OpensByPost(PatchedRelease):
    """The method is signed as GET whatever it is, and POST is let in.

    Source: CWE-650, "Trusting HTTP Permission Methods on the Server Side"
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=PLAY,
            find='if scope["method"] not in ("GET", "HEAD"):',
            replace='if scope["method"] not in ("GET", "HEAD", "POST"):',
        ),
        Patch(
            file=SIGNING,
            find='signed_method = "GET" if method == "HEAD" else method',
            replace='signed_method = "GET" if method else method',
        ),
    ]


@fault("link-path-from-a-header", kind="code", caught_by={"SEC-HMAC-04": "X-Original-URL"}, takes_s=30.0)
class PathFromHeader(PatchedRelease):
    """The path is taken from X-Original-URL, which a gateway once set and anybody can send.

    Source: CVE-2018-14773 (Symfony believed X-Original-URL and X-Rewrite-URL)
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=PLAY,
            find='(scope.get("raw_path") or b"")',
            replace='(headers.get("x-original-url", "").partition("?")[0].encode() or scope.get("raw_path") or b"")',
        )
    ]


@fault("link-expired-is-gone", kind="code", caught_by={"SEC-HMAC-06": "the same refusal for"}, takes_s=30.0)
class ExpiredIsGone(PatchedRelease):
    """Links whose time is over are answered with another sentence, before anybody looks at their signature.

    Source: CWE-203, "Observable Discrepancy"
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=PLAY,
            find='await problem(403, "The link is not valid."',
            replace=(
                'asked = parse_query(scope["query_string"].decode("latin-1"))\n'
                "            late = asked is not None and asked.exp < time.time()\n"
                '            await problem(403, "The link has expired." if late else "The link is not valid."'
            ),
        )
    ]


@fault(
    "link-variant-looked-up-first", kind="code", caught_by={"SEC-HMAC-06": "403 for an unknown variant"}, takes_s=30.0
)
class LookedUpFirst(PatchedRelease):
    """An unknown variant is answered before the signature is verified: strangers can list what there is.

    Source: CWE-696, "Incorrect Behavior Order"
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=PLAY,
            find="        if found is None:\n",
            replace=(
                '        named = _PATH.fullmatch(scope.get("raw_path") or b"")\n'
                "        if named and named[2].decode() not in OBJECTS:\n"
                "            await self._absent()(scope, receive, send)\n"
                "            return\n"
                "        if found is None:\n"
            ),
        )
    ]
