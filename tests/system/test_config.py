"""The services' configuration: every mistake at once, and no secret in any message."""

from pathlib import Path

import pytest

from system.api.settings import read_settings
from system.common.config import ConfigError, KeyRing, Reader

GOOD = {
    "RELEASE": "r1",
    "LISTEN_HOST": "127.0.0.1",
    "LISTEN_PORT": "8000",
    "DATABASE_URL": "postgresql://api@db.test:5432/seatrial?sslmode=verify-full",
    "DATABASE_PASSWORD": "database-password",
    "REDIS_URL": "redis://api@redis.test:6379/0",
    "REDIS_PASSWORD": "redis-password",
    "S3_ENDPOINT": "http://s3.test:8333",
    "S3_REGION": "local-1",
    "S3_ACCESS_KEY": "access-key",
    "S3_SECRET_KEY": "secret-of-s3",
    "BUCKET_STAGING": "staging",
    "BUCKET_MASTERS": "masters",
    "BUCKET_PREVIEWS": "previews",
    "JWT_KEY": "j" * 40,
    "LINK_KEYS": '{"active": "k1", "keys": {"k1": "' + "ab" * 32 + '"}}',
    "API_ORIGIN": "https://api.test:18443",
    "PLAY_ORIGIN": "https://play.test",
    "MASTER_RETENTION_S": "5",
}
SECRETS = ("database-password", "redis-password", "secret-of-s3", "access-key", "j" * 40, "ab" * 32)


def test_reads_a_complete_environment() -> None:
    settings = read_settings(GOOD)
    assert settings.service.instance == "api-1"
    assert settings.storage.public_endpoint == "http://s3.test:8333"
    assert settings.link_lifetime_s == 300
    assert settings.jwt_keys.now.active == "k1"


def test_reports_every_missing_variable_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings({})
    named = {problem.split(":")[0] for problem in caught.value.problems}
    assert named == set(GOOD)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LISTEN_PORT", "0", "1 to 65535"),
        ("LISTEN_PORT", "80a", "1 to 65535"),
        ("LISTEN_PORT", "٨", "1 to 65535"),
        ("SERVICE", "edge", "one of api"),
        ("LOG_LEVEL", "LOUD", "one of DEBUG"),
        ("DATABASE_URL", "postgresql://api:hunter2@db.test/seatrial", "must not hold a password"),
        ("DATABASE_URL", "mysql://db.test", "scheme"),
        ("REDIS_URL", "rediss://redis.test", "REDIS_CA"),
        ("REDIS_SENTINELS", "s1.test:26379,s2.test:26379", "name@host:port"),
        ("REDIS_SENTINELS", "queue@s1.test:26379,s2.test", "name@host:port"),
        ("REDIS_SENTINELS", "queue@", "name@host:port"),
        ("PLAY_ORIGIN", "https://play.test/", "origin"),
        ("PLAY_ORIGIN", "https://Play.test", "lower case"),
        ("JWT_KEY", "short", "shorter than 32 bytes"),
        ("LINK_KEYS", '{"active": "k2", "keys": {"k1": "' + "ab" * 32 + '"}}', "not among the keys"),
        ("LINK_KEYS", '{"active": "k1", "keys": {"k1": "zz"}}', "non-hexadecimal"),
        ("LINK_KEYS", '{"active": ["k1"]}', "expected"),
        ("TRUSTED_PROXIES", "everyone", "everyone"),
        ("CLIENT_LIMIT", "many", "expected a limit"),
        ("ACCOUNT_LIMIT", "1/s, 90 at once", "more than a minute"),
    ],
)
def test_refuses_a_malformed_value(name: str, value: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        read_settings(GOOD | {name: value})
    assert "hunter2" not in str(caught.value)


def test_reads_the_sentinels_with_the_name_of_what_they_watch() -> None:
    sentinels = read_settings(GOOD | {"REDIS_SENTINELS": "queue@s1.test:26379,10.0.0.2:26380"}).redis.sentinels
    assert sentinels
    assert (sentinels.name, sentinels.places) == ("queue", (("s1.test", 26379), ("10.0.0.2", 26380)))
    assert read_settings(GOOD).redis.sentinels is None


def test_reads_a_value_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("from-file\n")
    environ = {name: value for name, value in GOOD.items() if name != "DATABASE_PASSWORD"}
    assert read_settings(environ | {"DATABASE_PASSWORD_FILE": str(path)}).database.passwords.now == ("from-file",)


def test_refuses_a_value_given_twice_missing_or_empty(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    reader = Reader({"A": "x", "A_FILE": "y", "B_FILE": str(tmp_path / "nowhere"), "C_FILE": str(empty)})
    for name in "ABC":
        reader.text(name)
    with pytest.raises(ConfigError) as caught:
        reader.finish()
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["A", "B", "C"]


def test_shows_no_secret_in_its_repr() -> None:
    shown = repr(read_settings(GOOD))
    assert [secret for secret in SECRETS if secret in shown] == []


def test_a_key_ring_of_two_verifies_with_both() -> None:
    ring = KeyRing.parse('{"active": "new", "keys": {"old": "' + "00" * 32 + '", "new": "' + "11" * 32 + '"}}')
    assert (ring.active, set(ring.keys)) == ("new", {"old", "new"})
