"""Rotations that are none: the old value stays, or the new one comes too soon for somebody."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

SIGNING = "system/common/signing.py"


@fault(
    "retired-link-key-kept",
    kind="code",
    caught_by={"SEC-HMAC-05": "403 for a link of the retired key within"},
    takes_s=30.0,
)
class RetiredLinkKeyKept(PatchedRelease):
    """One edge instance keeps the ring that it had when the key was rotated in, and goes on to accept the retired key.

    Source: CWE-324, "Use of a Key Past its Expiration Date"
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=SIGNING,
            find="    expected = _signature(keys.keys.get(link.kid, _UNKNOWN_KEY), text)",
            replace=(
                '    if os.environ.get("INSTANCE") == "edge-2":\n'
                "        _SEEN.update(keys.keys)\n"
                "        keys = KeyRing(keys.active, _SEEN)\n"
                "    expected = _signature(keys.keys.get(link.kid, _UNKNOWN_KEY), text)"
            ),
        ),
        Patch(
            file=SIGNING, find="_UNKNOWN_KEY = bytes(32)", replace="import os\n\n_UNKNOWN_KEY = bytes(32)\n_SEEN = {}"
        ),
    ]


@fault(
    "link-keys-without-overlap",
    kind="code",
    caught_by={"SEC-HMAC-05": "200 for a link of the old key during the overlap"},
    takes_s=30.0,
)
class LinkKeysWithoutOverlap(PatchedRelease):
    """The verifier knows the signing key alone: at the moment of a rotation every link that is out there dies.

    Source: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-trusted-signers.html (a rotation
    keeps the old key valid until links signed with it have expired)
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=SIGNING,
            find="and link.kid in keys.keys",
            replace="and link.kid in keys.keys and link.kid == keys.active",
        )
    ]


@fault(
    "unknown-key-id-falls-back",
    kind="code",
    caught_by={"SEC-HMAC-05": "403 for a link with an unknown key id"},
    takes_s=30.0,
)
class UnknownKeyIdFallsBack(PatchedRelease):
    """A key id that nobody knows is verified with the active key: ids mean nothing, and no key can be retired by its id.

    Source: RFC 7515, section 4.1.4: the key id is the hint by which originators "signal a change of key"
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=SIGNING,
            find="keys.keys.get(link.kid, _UNKNOWN_KEY)",
            replace="keys.keys.get(link.kid, keys.keys[keys.active])",
        ),
        Patch(file=SIGNING, find=" and link.kid in keys.keys", replace=""),
    ]
