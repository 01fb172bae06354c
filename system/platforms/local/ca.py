"""The instance's certificate authority: one root for the ingress' internal CA, PostgreSQL and Redis."""

import datetime as dt
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from system.platforms.local.addresses import Endpoint

_ROOT_DAYS = 3650
LEAF_DAYS = 90
_BACKDATED = dt.timedelta(hours=1)


@dataclass(frozen=True)
class LeafFiles:
    """Where a part finds its certificate and key.

    Attributes:
        certificate: PEM, leaf only: the root signs it directly.
        key: PEM, mode 0600.
    """

    certificate: Path
    key: Path


class Authority:
    """The root and what it signs.

    Args:
        directory: exists, mode 0700.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.root_certificate = directory / "root.crt"
        self.root_key = directory / "root.key"

    def ensure_root(self) -> None:
        """Make the root at the first boot."""
        if self.root_certificate.exists():
            return
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Seatrial local root")
        now = dt.datetime.now(dt.UTC)
        certificate = (
            _builder(name, name, key.public_key(), now - _BACKDATED, now + dt.timedelta(days=_ROOT_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(_key_usage(authority=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write_key(self.root_key, key)
        _write(self.root_certificate, certificate.public_bytes(serialization.Encoding.PEM))

    def leaf(self, part: str) -> LeafFiles:
        """Say where a part's certificate and key lie."""
        return LeafFiles(self._directory / f"{part}.crt", self._directory / f"{part}.key")

    def issue(self, part: str, names: Sequence[str], *, days: int = LEAF_DAYS, self_signed: bool = False) -> LeafFiles:
        """Make a new key and certificate for a part.

        Args:
            part: names the files.
            names: DNS names and IP addresses for the subject's alternative names.
            days: validity from now; zero or less makes an expired one.
            self_signed: sign with its own key, so that nobody trusts it.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        root = x509.load_pem_x509_certificate(self.root_certificate.read_bytes())
        signer = serialization.load_pem_private_key(self.root_key.read_bytes(), password=None)
        if not isinstance(signer, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{self.root_key} holds no EC key")
        subject = _name(names[0])
        now = dt.datetime.now(dt.UTC)
        end = now + dt.timedelta(days=days) if days > 0 else now - dt.timedelta(minutes=1, days=-days)
        issuer, authority = (subject, key) if self_signed else (root.subject, signer)
        certificate = (
            _builder(subject, issuer, key.public_key(), min(now, end) - _BACKDATED, end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([_general_name(each) for each in names]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
            .sign(authority, hashes.SHA256())
        )
        files = self.leaf(part)
        _write_key(files.key, key)
        _write(files.certificate, certificate.public_bytes(serialization.Encoding.PEM))
        return files

    def ensure_leaf(self, part: str, endpoint: Endpoint) -> LeafFiles:
        """Make a part's proper certificate unless a valid one of the proper names is there."""
        files, names = self.leaf(part), proper_names(part, endpoint)
        if not (files.certificate.exists() and files.key.exists() and _fits(files.certificate, self, names)):
            self.issue(part, names)
        return files


def proper_names(part: str, endpoint: Endpoint) -> list[str]:
    """Give the names that a part's certificate holds in good order."""
    hosts = {"postgres": ["pg"], "postgres-standby": ["pg-standby", "pg"]}  # a standby may take the primary's place
    return [*(f"{host}.seatrial.internal" for host in hosts.get(part, [part])), endpoint.address]


def _fits(path: Path, authority: Authority, names: Sequence[str]) -> bool:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    root = x509.load_pem_x509_certificate(authority.root_certificate.read_bytes())
    alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(days=LEAF_DAYS // 3)
    return (
        certificate.issuer == root.subject
        and certificate.not_valid_after_utc > soon
        and list(alternative) == [_general_name(each) for each in names]
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    start: dt.datetime,
    end: dt.datetime,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(path, pem)


def _write(path: Path, data: bytes) -> None:
    """Replace a file at once, 0600: PostgreSQL refuses a key that others may read."""
    half = path.with_name(f".{path.name}.new")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    half.rename(path)
