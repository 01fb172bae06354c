"""What keeps a lost authority from being made anew."""

from pathlib import Path

from seatrial import Destroy, Observe, fault
from seatrial.errors import HarnessError


def _root_key(observe: Observe) -> Path:
    state = observe.profile.state
    if state is None:
        raise HarnessError("the profile names no state folder")
    return state / "ca/root.key"


@fault(
    "authority-key-lost",
    kind="TLS",
    caught_by={"DR-TLS-01": "not reached: authority replaced"},
    takes_s=45.0,
)
class AuthorityKeyLost:
    """The root's key is gone, and nobody has noticed: certificates are renewed by the authority below it, until that one is lost too.

    Source: https://docs.microsoft.com/en-us/archive/blogs/paranoidhumanoid/certificate-services-disaster-recovery (loss of access
    to the private key: nothing new can be issued)
    """

    def strike(self, destroy: Destroy) -> None:
        """Take the key away."""
        destroy.files.hide(_root_key(destroy))

    def in_effect(self, observe: Observe) -> bool:
        """Look for it, and find that the ingress serves all the same."""
        return not _root_key(observe).exists() and observe.http.get("app:/sign-in").status == 200
