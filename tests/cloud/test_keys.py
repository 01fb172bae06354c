"""SEC-SEC-05 on receivers that really answer: keys that work, that are dead, that may too much."""

import datetime as dt
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from seatrial.environment import Environment
from seatrial.impact import Exercise
from seatrial.profile import load
from suites.security import test_keys as check
from tests.checking import ended
from tests.cloud.stand_in import StandIn
from tests.probes.conftest import Authority
from tests.serving import answering

DECLARED = ["account:read", "app:read", "database:read", "droplet:read", "firewall:read", "vpc:read"]


class Mailbox:
    """Keeps what is sent, which must stay nothing."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []

    async def handle_DATA(  # noqa: N802 - the name that aiosmtpd calls
        self, _: SMTP, __: Session, envelope: Envelope
    ) -> str:
        self.mails.append(envelope)
        return "250 OK"


def authenticate(_: SMTP, __: Session, ___: Envelope, mechanism: str, given: Any) -> AuthResult:
    good = isinstance(given, LoginPassword) and (given.login, given.password) == (b"mailer", b"good-password")
    return AuthResult(success=good, handled=not good and mechanism == "never")


@pytest.fixture
def mail(authority: Authority) -> Iterator[Controller]:
    context = authority.context(names=("127.0.0.1",))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(
        Mailbox(),
        hostname="127.0.0.1",
        port=port,
        tls_context=context,
        require_starttls=True,
        authenticator=authenticate,
        auth_require_tls=True,
    )
    controller.start()
    yield controller
    controller.stop()


class Receiver(BaseHTTPRequestHandler):
    """Slack's incoming webhooks and Sentry's envelope endpoint, as their documentation has them answer.

    https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/ (400 invalid_payload, 403 invalid_token, 404
    no_service); https://develop.sentry.dev/sdk/data-model/envelopes/ (POST /api/PROJECT/envelope/).
    """

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/services/"):
            status, text = {
                "/services/T0/B0/good": (400, "invalid_payload" if body == b"{}" else "no_text"),
                "/services/T0/B0/limited": (429, "rate_limited"),
            }.get(self.path, (404, "no_service"))
        elif self.path == "/api/42/envelope/":
            good = "sentry_key=goodkey" in self.headers["X-Sentry-Auth"] and body == b"{}\n"
            status, text = (200, "{}") if good else (403, '{"detail":"bad sentry DSN public key"}')
        else:
            status, text = 404, "nothing here"
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver(authority: Authority) -> Iterator[str]:
    with answering(Receiver, authority.context(names=("127.0.0.1",))) as port:
        yield f"127.0.0.1:{port}"


class Outcome:
    """Declares one key and runs the check on it."""

    def __init__(self, folder: Path, ca: Path) -> None:
        self.folder, self.ca = folder, ca

    def __call__(
        self, kind: str, key: str, *, user: str = "any", age_days: int = 0, **declared: Any
    ) -> tuple[str, str]:
        (self.folder / "key").write_text(key)
        issued = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=age_days)
        fields = {"issued": issued, "max_age_days": 90, **declared}
        lines = [
            'name = "here"\nmax_impact = "exercise"\n[urls]\n[external.the-key]',
            f'kind = "{kind}"\ncredential = "{kind}"\nca = "{self.ca}"',
            *(f"{name} = {_toml(value)}" for name, value in fields.items()),
            f'[credentials.exercise]\n{kind} = {{ user = "{user}", password = "file:key" }}',
        ]
        file = self.folder / "here.toml"
        file.write_text("\n".join(lines) + "\n")
        exercise = Exercise(Environment(load(file)), "test")
        outcome, said = ended(exercise, check.test_external_keys_work_and_may_do_no_more_than_declared)
        assert key not in said
        return outcome, said


def _toml(value: object) -> str:
    if isinstance(value, dt.date):
        return value.isoformat()
    return str(value).lower() if isinstance(value, bool) else repr(value)


@pytest.fixture
def outcome(tmp_path: Path, authority: Authority) -> Outcome:
    return Outcome(tmp_path, authority.ca)


def test_a_token_that_may_what_was_declared_passes_and_makes_nothing(outcome: Outcome, cloud: StandIn) -> None:
    assert outcome("digitalocean", "reader", scope=DECLARED, endpoint=cloud.endpoint) == ("PASSED", "")
    assert sum(request.startswith("POST") for request in cloud.asked) == 5


@pytest.mark.parametrize(
    ("scopes", "words"),
    [
        ({*DECLARED, "droplet:create"}, "also: droplet:create"),
        (set(DECLARED) - {"vpc:read"}, "refused: vpc:read"),
        (set(), "nothing allowed"),
        (None, "nothing allowed: account:read: account.get: 401"),
    ],
)
def test_a_token_with_another_scope_or_none_fails(
    outcome: Outcome, cloud: StandIn, scopes: set[str] | None, words: str
) -> None:
    cloud.tokens = {} if scopes is None else {"reader": frozenset(scopes)}

    ended, said = outcome("digitalocean", "reader", scope=DECLARED, endpoint=cloud.endpoint)

    assert (ended, words in said) == ("FAILED", True), said


def test_an_api_that_tells_nothing_is_invalid(
    outcome: Outcome, cloud: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.wrong = "429"
    monkeypatch.setattr("seatrial.probes.cloud.RETRY_PAUSE_S", 0.01)

    ended, said = outcome("digitalocean", "reader", scope=DECLARED, endpoint=cloud.endpoint)

    assert (ended, "429" in said) == ("INVALID", True), said


def test_mail_signs_in_over_tls_and_sends_nothing(outcome: Outcome, mail: Controller) -> None:
    endpoint = f"127.0.0.1:{mail.port}"

    good = outcome("smtp", "good-password", user="mailer", scope=["login"], endpoint=endpoint)
    wrong = outcome("smtp", "old-password", user="mailer", scope=["login"], endpoint=endpoint)

    assert good == ("PASSED", "")
    assert (wrong[0], "login answered 535" in wrong[1]) == ("FAILED", True), wrong
    assert mail.handler.mails == []


def test_mail_without_a_certificate_to_believe_tells_nothing(
    outcome: Outcome, mail: Controller, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    endpoint = f"127.0.0.1:{mail.port}"
    outcome.ca = Authority(other).ca

    ended, said = outcome("smtp", "good-password", user="mailer", scope=["login"], endpoint=endpoint)

    assert (ended, "certificate verify failed" in said) == ("INVALID", True), said


@pytest.mark.parametrize(
    ("hook", "ended", "words"),
    [("good", "PASSED", ""), ("revoked", "FAILED", "404 no_service"), ("limited", "INVALID", "429 rate_limited")],
)
def test_a_webhook(outcome: Outcome, receiver: str, hook: str, ended: str, words: str) -> None:
    seen, said = outcome("slack", f"https://{receiver}/services/T0/B0/{hook}", scope=["post"])

    assert (seen, words in said) == (ended, True), said


@pytest.mark.parametrize(
    ("dsn", "ended", "words"),
    [
        ("goodkey@{}/42", "PASSED", ""),
        ("oldkey@{}/42", "FAILED", "bad sentry DSN"),
        ("goodkey@127.0.0.1:1/42", "INVALID", "refused"),
    ],
)
def test_a_dsn(outcome: Outcome, receiver: str, dsn: str, ended: str, words: str) -> None:
    seen, said = outcome("sentry", "https://" + dsn.format(receiver), scope=["store"])

    assert (seen, words in said) == (ended, True), said


@pytest.mark.parametrize(
    ("more", "ended", "words"),
    [
        ({"age_days": 91}, "FAILED", "91 days"),
        ({"age_days": -2}, "FAILED", "-2 days"),
        ({"age_days": 91, "two_keys": True}, "PASSED", ""),
    ],
)
def test_a_key_can_be_replaced(outcome: Outcome, receiver: str, more: dict[str, Any], ended: str, words: str) -> None:
    seen, said = outcome("sentry", f"https://goodkey@{receiver}/42", scope=["store"], **more)

    assert (seen, words in said) == (ended, True), said


def test_a_scope_that_nothing_asks_for_is_wrong(outcome: Outcome, receiver: str) -> None:
    seen, said = outcome("sentry", f"https://goodkey@{receiver}/42", scope=["store", "read"])

    assert (seen, "read" in said) == ("FAILED", True), said
