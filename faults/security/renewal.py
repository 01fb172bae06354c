"""Renewals that everybody notices."""

from datetime import UTC, datetime

from faults.security._ingress import PatchedIngress, served_chain, storage
from faults.security.tls import LIFETIME
from seatrial import Observe, fault

AUTHORITY = 'name "Seatrial local"\n'
SECONDS_BEFORE = 3


@fault("renewal-after-the-expiry", kind="time", caught_by={"SEC-TLS-05": "certificate has expired"})
class AfterTheExpiry(PatchedIngress):
    """Renewal is looked after less often than certificates expire, so that each is replaced when it is already dead.

    Source: https://letsencrypt.org/docs/integration-guide/ (section "When to Renew": at a third of the lifetime left)
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Let certificates live 30 s and look every 45 s, in a store of its own."""
        return [
            (LIFETIME, LIFETIME.replace("75s", "30s")),
            ("renew_interval 2s", "renew_interval 45s"),
            (storage(loaded), f"{storage(loaded)}-late"),
        ]

    def shows(self, observe: Observe) -> bool:
        """Compare the two dates of the leaf."""
        chain = served_chain(observe)
        return bool(chain) and (chain[0].not_valid_after_utc - chain[0].not_valid_before_utc).total_seconds() < 40


@fault(
    "renewal-below-a-dying-intermediate", kind="TLS", caught_by={"SEC-TLS-05": "certificate has expired"}, takes_s=60.0
)
class BelowDyingIntermediate(PatchedIngress):
    """The authority's intermediate expires before the leaves that it has just signed, and goes on being sent.

    Source: https://support.sectigo.com/articles/Knowledge/Sectigo-AddTrust-External-CA-Root-Expiring-May-30-2020 (chains
    that ended above good leaves)
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Let the intermediate live 45 s, and leaves 30 s, in a store of its own."""
        return [
            (AUTHORITY, f"{AUTHORITY}\t\t\tintermediate_lifetime 45s\n"),
            (LIFETIME, LIFETIME.replace("75s", "30s")),
            (storage(loaded), f"{storage(loaded)}-dying"),
        ]

    def in_effect(self, observe: Observe) -> bool:
        """Wait until the intermediate has little left."""
        chain = served_chain(observe)
        if len(chain) < 2 or not super().in_effect(observe):
            return False
        return (chain[1].not_valid_after_utc - datetime.now(UTC)).total_seconds() < SECONDS_BEFORE
