"""Broken certificates, and broken ways from HTTP to HTTPS."""

import re
import ssl
from datetime import UTC, datetime
from urllib.parse import urlsplit

from cryptography import x509

from faults.security._ingress import PatchedIngress, configuration, served_chain, storage
from seatrial import Observe, fault

LIFETIME = "issuer internal {\n\t\t\tlifetime 75s"


@fault("tls-intermediate-missing", kind="TLS", caught_by={"SEC-TLS-01": "unable to get local issuer"}, takes_s=30.0)
class IntermediateMissing(PatchedIngress):
    """The ingress leaves out the certificate that links what it sends to the root.

    Its leaf comes from an authority below the trusted intermediate, which is not sent along. To a client that is the
    same as `cert.pem` configured in the place of `fullchain.pem`.
    Source: RFC 8446, section 4.4.2: only the trust anchor itself may be left out of the certificate list.
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Make a lower authority whose parent is the intermediate, and issue from it."""
        parent = f"{storage(loaded)}/pki/authorities/local/intermediate"
        lower = (
            "\tpki {\n\t\tca lower {\n\t\t\tintermediate_lifetime 1h\n\t\t\troot {\n\t\t\t\tformat pem_file\n"
            f'\t\t\t\tcert "{parent}.crt"\n\t\t\t\tkey "{parent}.key"\n\t\t\t}}\n\t\t}}\n'
        )
        return [("\tpki {\n", lower), (LIFETIME, LIFETIME.replace("{\n", "{\n\t\t\tca lower\n"))]

    def in_effect(self, observe: Observe) -> bool:
        """Look at the issuer of the last certificate sent: an intermediate, and not a root."""
        chain = served_chain(observe)
        return bool(chain) and "Intermediate" in chain[-1].issuer.rfc4514_string()


@fault("tls-foreign-authority", kind="TLS", caught_by={"SEC-TLS-01": "unable to get local issuer"}, takes_s=30.0)
class ForeignAuthority(PatchedIngress):
    """The ingress issues its certificates from an authority of its own, which no client has reason to trust.

    Source: RFC 5280, section 6.1: a path is valid only from a trust anchor of the verifier's own choice.
    """

    def edits(self, _loaded: str) -> list[tuple[str, str]]:
        """Issue from an authority that the ingress makes for itself."""
        return [(LIFETIME, LIFETIME.replace("{\n", "{\n\t\t\tca own\n"))]

    def in_effect(self, observe: Observe) -> bool:
        """Look at the last issuer: not the authority that the profile trusts."""
        chain, ca = served_chain(observe), observe.profile.ca
        trusted = [each.subject for each in x509.load_pem_x509_certificates(ca.read_bytes())] if ca else []
        return bool(chain) and chain[-1].issuer not in trusted


@fault(
    "tls-site-renamed",
    kind="configuration",
    caught_by={"SEC-TLS-01": "a chain for play.seatrial.localhost that verifies"},
    takes_s=30.0,
)
class SiteRenamed(PatchedIngress):
    """The player's site was renamed, and its old name still stands in every link: no certificate is served for it.

    Source: https://github.com/nasty-project/nasty/pull/276 (a name without a policy of its own ends in an alert, and every
    test that used the other name was red)
    """

    def edits(self, _loaded: str) -> list[tuple[str, str]]:
        """Give the site another name."""
        return [("https://play.seatrial.localhost {", "https://player.seatrial.localhost {")]

    def in_effect(self, observe: Observe) -> bool:
        """Be given no certificate at all for the old name."""
        parts = urlsplit(observe.profile.urls["play"])
        old = observe.tls.handshake(parts.hostname or "", parts.port or 443, verify=False)
        return super().in_effect(observe) and not old.chain


@fault("tls-short-lived", kind="TLS", caught_by=dict.fromkeys(("SEC-TLS-02", "DR-TLS-01"), "left on every certificate"))
class ShortLived(PatchedIngress):
    """Certificates are issued for less time than the renewal window leaves.

    Source: https://www.epicgames.com/site/en-US/expiration-date-4-6-2021 (what one expired certificate took along)
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Shorten the lifetime, in a store of its own so that no older certificate is taken from the usual one."""
        return [(LIFETIME, LIFETIME.replace("75s", "14s")), (storage(loaded), f"{storage(loaded)}-short")]

    def in_effect(self, observe: Observe) -> bool:
        """Compare the two dates of the leaf."""
        chain = served_chain(observe)
        return bool(chain) and (chain[0].not_valid_after_utc - chain[0].not_valid_before_utc).total_seconds() < 30


@fault(
    "tls-renewal-stopped",
    kind="time",
    caught_by={"SEC-TLS-02": "left on every certificate", "DR-TLS-01": "not reached: renewed by itself"},
    takes_s=90.0,
)
class RenewalStopped(PatchedIngress):
    """The loop that renews certificates has stopped, and nothing else shows it.

    Source: https://www.epicgames.com/site/en-US/expiration-date-4-6-2021 (automatic renewal was not enabled for the
    certificate that expired)
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Look for certificates to renew too seldom; they live 36 s, so that the wait is short."""
        return [
            (LIFETIME, LIFETIME.replace("75s", "36s")),
            ("renew_interval 2s", "renew_interval 1h"),
            (storage(loaded), f"{storage(loaded)}-stopped"),
        ]

    def in_effect(self, observe: Observe) -> bool:
        """Wait until two thirds of the leaf's life are over, by which it should have been renewed."""
        chain = served_chain(observe)
        if not chain or "renew_interval 1h" not in configuration(observe):
            return False
        begun, ends = chain[0].not_valid_before_utc, chain[0].not_valid_after_utc
        return (datetime.now(UTC) - begun) > (ends - begun) * 2 / 3


@fault("tls-cbc-suite", kind="TLS", caught_by={"SEC-TLS-03": "Cipher suites {'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA'}"})
class CbcSuite(PatchedIngress):
    """For the sake of an old client the ingress agrees to a cipher suite with CBC and SHA-1.

    Source: N. AlFardan and K. Paterson, "Lucky Thirteen: Breaking the TLS and DTLS Record Protocols", 2013
    """

    def edits(self, _loaded: str) -> list[tuple[str, str]]:
        """Put the suite before a good one."""
        suites = "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
        return [(f"\ttls {{\n\t\t{LIFETIME}", f"\ttls {{\n\t\tciphers {suites}\n\t\t{LIFETIME}")]

    def in_effect(self, observe: Observe) -> bool:
        """Offer nothing but that suite."""
        host = urlsplit(observe.profile.urls["api"])
        answer = observe.tls.handshake(
            host.hostname or "",
            host.port or 443,
            verify=False,
            highest=ssl.TLSVersion.TLSv1_2,
            ciphers="ECDHE-ECDSA-AES128-SHA",
        )
        return answer.cipher == "ECDHE-ECDSA-AES128-SHA"


@fault("tls-foreign-curve", kind="configuration", caught_by={"SEC-TLS-03": "TLS curves {'secp521r1'}"})
class ForeignCurve(PatchedIngress):
    """The ingress agrees to a curve that the policy does not name; its arithmetic has seen fewer eyes.

    Source: CVE-2019-6486 (Go's P-521 could be made to spend excessive CPU in a handshake)
    """

    def edits(self, _loaded: str) -> list[tuple[str, str]]:
        """Name the curves, with one too many."""
        curves = "\tcurves x25519 secp256r1 secp521r1\n\t"
        return [(f"\ttls {{\n\t\t{LIFETIME}", f"\ttls {{\n\t{curves}\t{LIFETIME}")]


@fault("tls-certificate-for-years", kind="TLS", caught_by={"SEC-TLS-03": "Certificate life span is 400 days"})
class CertificateForYears(PatchedIngress):
    """Certificates are issued for longer than a year: a stolen key serves its thief as long.

    Source: CA/Browser Forum, Baseline Requirements, section 6.3.2 (at most 398 days since 2020)
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Raise both lifetimes, in a store of its own so that no other certificate is taken from the usual one."""
        authority = 'name "Seatrial local"\n'
        return [
            (LIFETIME, LIFETIME.replace("75s", "400d")),
            (authority, f"{authority}\t\t\tintermediate_lifetime 500d\n"),
            (storage(loaded), f"{storage(loaded)}-long"),
        ]

    def in_effect(self, observe: Observe) -> bool:
        """Compare the two dates of the leaf."""
        chain = served_chain(observe)
        return bool(chain) and (chain[0].not_valid_after_utc - chain[0].not_valid_before_utc).days > 366


@fault("http-served", kind="configuration", caught_by={"SEC-TLS-04": "308 from http://"})
class HttpServed(PatchedIngress):
    """Plain HTTP is answered with the pages themselves instead of a redirect.

    Source: M. Marlinspike, "New Tricks For Defeating SSL In Practice", Black Hat DC 2009 (sslstrip)
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Put the frontend behind the HTTP port."""
        redirect = re.search(r"redir https://\{host\}:?\S*\{uri\} 308", loaded)
        frontend = re.search(r"reverse_proxy (\d\S+)", loaded)
        assert redirect is not None
        assert frontend is not None
        return [(redirect[0], f"reverse_proxy {frontend[1]} # over HTTP")]

    def shows(self, observe: Observe) -> bool:
        """Be given a page by plain HTTP."""
        return observe.http.get("redirect:/sign-in").status == 200


@fault("redirect-temporary", kind="configuration", caught_by={"SEC-TLS-04": "308 from http://"})
class RedirectTemporary(PatchedIngress):
    """HTTP redirects with 302: clients may turn a POST into a GET, and ask again over HTTP next time.

    Source: RFC 9110, sections 15.4.3 and 15.4.9
    """

    def edits(self, _loaded: str) -> list[tuple[str, str]]:
        """Change the status."""
        return [("{uri} 308", "{uri} 302")]

    def shows(self, observe: Observe) -> bool:
        """Ask by plain HTTP."""
        return observe.http.get("redirect:/sign-in").status == 302


@fault("hsts-short", kind="configuration", caught_by={"SEC-TLS-04": "max-age of at least"})
class HstsShort(PatchedIngress):
    """Browsers may forget after a day that the hosts are HTTPS only.

    Source: RFC 6797, section 11.2 (what a short max-age leaves open)
    """

    def edits(self, _loaded: str) -> list[tuple[str, str]]:
        """Shorten max-age."""
        return [('>Strict-Transport-Security "max-age=31536000"', '>Strict-Transport-Security "max-age=86400"')]

    def shows(self, observe: Observe) -> bool:
        """Read it on a page."""
        return observe.http.get("app:/sign-in").headers.get("strict-transport-security") == "max-age=86400"
