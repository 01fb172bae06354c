"""What a TLS server agrees to: SSLyze's scan of one host, judged by Mozilla's recommendations."""

import json
import socket
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from seatrial.errors import Invalid
from seatrial.probes.connections import budget
from seatrial.probes.text import describe, one_line

if TYPE_CHECKING:
    from sslyze import ServerScanResult

AT_ONCE = 5
TIMEOUT_S = 3
_PROTOCOLS = {
    "SSLv2": "ssl_2_0",
    "SSLv3": "ssl_3_0",
    "TLSv1.0": "tls_1_0",
    "TLSv1.1": "tls_1_1",
    "TLSv1.2": "tls_1_2",
    "TLSv1.3": "tls_1_3",
}


@dataclass(frozen=True)
class TlsScan:
    """One host's scan.

    Attributes:
        policy: the recommendations that it was held against, "Mozilla intermediate 5.7".
        scanner: "SSLyze 6.3.1".
        error: one line when the host could not be scanned at all; None otherwise.
        connections: how many connections the scan opened.
        issues: what does not meet the policy or is known to be broken -> one line.
        accepted: protocol -> the cipher suites that the host agreed to; a refused protocol is not in it.
        curves: the groups that it agreed to.
        keys: the keys of the certificates that it sent, leaf first: "ECDSA secp256r1".
        leaf_days: the days that its own certificate is made for.
    """

    host: str
    port: int
    policy: str
    scanner: str
    error: str | None = None
    connections: int = 0
    issues: dict[str, str] = field(default_factory=dict)
    accepted: dict[str, tuple[str, ...]] = field(default_factory=dict)
    curves: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    leaf_days: float = 0.0


def scan(host: str, port: int, *, address: str | None, ca: Path | None, most_connections: int) -> TlsScan:
    """Scan `host` at `address` for Mozilla's intermediate recommendations, five connections at a time.

    Raises Invalid when the scan needs more connections than `most_connections`, where it is stopped, or when a part
    of it did not come to an end: half a scan says nothing.
    """
    import sslyze  # noqa: PLC0415 - a quarter of a second of start-up that most checks do not need
    from sslyze.__version__ import __version__  # noqa: PLC0415
    from sslyze.mozilla_tls_profile import tls_config_checker as mozilla  # noqa: PLC0415
    from sslyze.plugins.certificate_info.implementation import CertificateInfoExtraArgument  # noqa: PLC0415

    recommendations = json.loads(mozilla.MozillaTlsConfiguration._JSON_PROFILE_PATH.read_text())  # noqa: SLF001 - the version stands nowhere else
    blank = TlsScan(host, port, f"Mozilla intermediate {recommendations['version']}", f"SSLyze {__version__}")
    try:
        place = address or str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        return replace(blank, error=describe(error))
    request = sslyze.ServerScanRequest(
        sslyze.ServerNetworkLocation(host, port, ip_address=place),
        sslyze.ServerNetworkConfiguration(host, network_timeout=TIMEOUT_S, network_max_retries=1),
        set(mozilla.SCAN_COMMANDS_NEEDED_BY_MOZILLA_CHECKER),
        sslyze.ScanCommandsExtraArguments(certificate_info=CertificateInfoExtraArgument(ca) if ca else None),
    )
    with warnings.catch_warnings(), budget(place, port, most_connections) as spent:
        warnings.simplefilter("ignore")  # its trust stores hold certificates that cryptography frowns upon
        scanner = sslyze.Scanner(per_server_concurrent_connections_limit=AT_ONCE)
        scanner.queue_scans([request])
        (result,) = scanner.get_results()
    if spent.refused:
        raise Invalid(f"the scan of {host} needs more than {most_connections} connections, and was stopped there")
    counted = replace(blank, connections=spent.opened)
    if result.scan_result is None:
        return replace(counted, error=_trouble(result))
    return replace(counted, issues=_issues(result), **_details(result.scan_result))


def _issues(result: "ServerScanResult") -> dict[str, str]:
    """Hold a scan against the recommendations, and add what it measured and they leave out."""
    from sslyze.mozilla_tls_profile import tls_config_checker as mozilla  # noqa: PLC0415

    wanted = mozilla.MozillaTlsConfiguration.get(mozilla.TlsConfigurationEnum.MOZILLA_INTERMEDIATE)
    issues = _beyond(result, wanted)
    try:
        mozilla.check_server_against_tls_configuration(result, wanted)
    except mozilla.ServerNotCompliantWithTlsConfiguration as error:
        issues |= {name: one_line(issue) for name, issue in error.issues.items()}
    return issues


def _beyond(result: "ServerScanResult", wanted: Any) -> dict[str, str]:
    from sslyze import RobotScanResultEnum  # noqa: PLC0415
    from sslyze.mozilla_tls_profile import tls_config_checker as mozilla  # noqa: PLC0415

    seen: Any = result.scan_result
    for command in sorted(mozilla.SCAN_COMMANDS_NEEDED_BY_MOZILLA_CHECKER):
        attempt = getattr(seen, command.value)
        if attempt.result is None:
            trace = attempt.error_trace
            why = one_line(list(trace.format_exception_only())[-1]) if trace else attempt.status.value
            raise Invalid(f"{command.value} of {result.server_location.hostname} did not come to an end: {why}")
    issues = {}
    if seen.session_renegotiation.result.is_vulnerable_to_client_renegotiation_dos:
        issues["client_renegotiation"] = "A client may renegotiate as often as it likes."
    robot = seen.robot.result.robot_result
    if robot is RobotScanResultEnum.UNKNOWN_INCONSISTENT_RESULTS:
        raise Invalid(f"the answers of {result.server_location.hostname} to the ROBOT test contradict each other")
    if robot is RobotScanResultEnum.VULNERABLE_WEAK_ORACLE:
        issues["robot_weak"] = "Server is vulnerable to the ROBOT attack, with a weak oracle."
    for deployment in seen.certificate_info.result.certificate_deployments:
        for above in deployment.received_certificate_chain[1:]:
            key = above.public_key()
            weak_rsa = isinstance(key, rsa.RSAPublicKey) and key.key_size < wanted.rsa_key_size
            if weak_rsa or (isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < wanted.ecdh_param_size):
                issues["chain_key"] = f"{above.subject.rfc4514_string()} above the leaf has a weak key: {_key(above)}."
    return issues


def _details(seen: Any) -> dict[str, Any]:
    suites = {name: getattr(seen, f"{field}_cipher_suites").result for name, field in _PROTOCOLS.items()}
    chain = seen.certificate_info.result.certificate_deployments[0].received_certificate_chain
    life = chain[0].not_valid_after_utc - chain[0].not_valid_before_utc
    return {
        "accepted": {
            name: tuple(each.cipher_suite.name for each in found.accepted_cipher_suites)
            for name, found in suites.items()
            if found.is_tls_version_supported
        },
        "curves": tuple(curve.name for curve in seen.elliptic_curves.result.supported_curves or ()),
        "keys": tuple(_key(sent) for sent in chain),
        "leaf_days": round(life.total_seconds() / 86400, 4),
    }


def _trouble(result: "ServerScanResult") -> str:
    trace = result.connectivity_error_trace
    return one_line(list(trace.format_exception_only())[-1]) if trace else result.scan_status.value


def _key(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return f"ECDSA {key.curve.name}" if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__
