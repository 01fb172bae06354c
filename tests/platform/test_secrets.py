"""Secrets, certificates and the store's identities."""

import datetime as dt
import json
from pathlib import Path

import pytest
from cryptography import x509

from system.platforms.local.addresses import Endpoint
from system.platforms.local.ca import Authority
from system.platforms.local.parts.s3_identities import IDENTITIES, identities_file
from system.platforms.local.secret_files import ACCOUNTS, SecretFiles

PLACE = Endpoint("127.77.0.10", 18001)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    authority = Authority(tmp_path)
    authority.ensure_root()
    return authority


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_secrets_are_long_distinct_private_and_stay(tmp_path: Path) -> None:
    secrets = SecretFiles(tmp_path)
    secrets.make_all()
    first = {str(path.relative_to(tmp_path)): path.read_text() for path in secrets.files()}
    secrets.make_all()
    assert {str(path.relative_to(tmp_path)): path.read_text() for path in secrets.files()} == first
    assert len(set(first.values())) == len(first)
    assert all(len(value) >= 32 for name, value in first.items() if not name.endswith("/access"))
    assert {path.stat().st_mode & 0o777 for path in secrets.files()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.d")} == {0o700}
    assert {f"account-{number}" for number in range(1, len(ACCOUNTS) + 1)} <= set(first)


def test_a_leaf_is_signed_by_the_root_for_name_and_address(authority: Authority) -> None:
    files = authority.ensure_leaf("postgres", PLACE)
    leaf = load(files.certificate)
    leaf.verify_directly_issued_by(load(authority.root_certificate))
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["pg.seatrial.internal"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == [PLACE.address]
    assert files.key.stat().st_mode & 0o777 == 0o600


def test_a_proper_leaf_is_kept_and_an_improper_one_replaced(authority: Authority) -> None:
    first = load(authority.ensure_leaf("redis", PLACE).certificate).serial_number
    assert load(authority.ensure_leaf("redis", PLACE).certificate).serial_number == first
    for improper in ({"names": ["other"]}, {"names": ["redis.seatrial.internal", PLACE.address], "days": 0}):
        authority.issue("redis", **improper)
        bad = load(authority.leaf("redis").certificate).serial_number
        assert load(authority.ensure_leaf("redis", PLACE).certificate).serial_number != bad


@pytest.mark.parametrize("days", [0, -3])
def test_a_leaf_can_be_expired(authority: Authority, days: int) -> None:
    leaf = load(authority.issue("postgres", ["x"], days=days).certificate)
    assert leaf.not_valid_before_utc < leaf.not_valid_after_utc < dt.datetime.now(dt.UTC)


def test_a_leaf_can_be_signed_by_itself(authority: Authority) -> None:
    leaf = load(authority.issue("postgres", ["x"], self_signed=True).certificate)
    leaf.verify_directly_issued_by(leaf)
    assert leaf.issuer != load(authority.root_certificate).subject


def test_only_the_admin_of_the_store_has_more_than_a_policy() -> None:
    document = json.loads(identities_file({name: ["A\nS"] for name in IDENTITIES}))
    assert [each["name"] for each in document["identities"] if "actions" in each] == ["admin"]
    policies = {policy["name"]: json.loads(policy["content"])["Statement"] for policy in document["policies"]}
    reading = [action for each in policies["observer"] + policies["edge"] for action in each["Action"]]
    assert all(action.removeprefix("s3:").startswith(("Get", "List")) for action in reading)
    for statements in policies.values():
        assert not [
            action for each in statements for action in each["Action"] if "Bypass" in action or action == "s3:*"
        ]


def test_every_secret_is_explained(tmp_path: Path) -> None:
    secrets = SecretFiles(tmp_path)
    secrets.make_all()
    names = {path.name.removesuffix(".d") for path in tmp_path.iterdir() if path.suffix not in (".access", ".secret")}
    text = Path("docs/secrets.md").read_text()

    between = {f"account-{number}" for number in range(2, len(ACCOUNTS))}
    assert sorted(name for name in names - between if f"`{name}`" not in text) == []
