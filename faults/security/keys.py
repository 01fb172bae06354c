"""Keys that may do more than they should, or nothing any more."""

from typing import Any

from faults._store import refused
from seatrial import Destroy, Observe, fault

ACCOUNT = "arn:aws:iam::000000000000"


def _policy(effect: str, user: str, action: str, bucket: str) -> dict[str, Any]:
    statement = {
        "Effect": effect,
        "Principal": {"AWS": f"{ACCOUNT}:user/{user}"},
        "Action": [action],
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


@fault("key-too-wide", kind="cloud objects", caught_by={"SEC-SEC-05": "also: read masters"})
class TooWide:
    """The edge's key was given the originals for a one-time repair, and kept them.

    Source: https://cwe.mitre.org/data/definitions/272.html (least privilege violation)
    """

    def strike(self, destroy: Destroy) -> None:
        """Set the policy."""
        self._edge = destroy.s3.service("edge")
        destroy.s3.set_policy("masters", _policy("Allow", "edge", "s3:GetObject", destroy.s3.bucket("masters")))

    def in_effect(self, _observe: Observe) -> bool:
        """Be let past the rights with the edge's key."""
        return refused(self._edge, "masters") is False


@fault("key-dead", kind="cloud objects", caught_by={"SEC-SEC-05": "a key s3-edge that works"})
class Dead:
    """The edge's key was shut out of everything after an alarm, and nobody gave the edge another.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html (an explicit deny wins)
    """

    def strike(self, destroy: Destroy) -> None:
        """Deny it everything."""
        self._edge = destroy.s3.service("edge")
        destroy.s3.set_policy("previews", _policy("Deny", "edge", "s3:*", destroy.s3.bucket("previews")))

    def in_effect(self, _observe: Observe) -> bool:
        """Be refused with the edge's key."""
        return refused(self._edge, "previews") is True
