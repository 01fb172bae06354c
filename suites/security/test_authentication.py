"""Sessions begin with a password, end when they should, and cannot be made without the key."""

import hashlib
import secrets
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from seatrial import BLOCKER, MAJOR, Exercise, Invalid, check, require
from seatrial.probes.http import HttpAnswer
from suites.client import Client, Session, doors, made_up_address, remove, signed_in
from suites.client.answers import Tokens
from suites.security.forgery import forgeries
from suites.security.timing import measured_gap

AT_ONCE = 6
FOLLOWS_S = 10.0  # how long a stream may outlive its session
FEWEST_FORGERIES = 120
# Published limits are lower (OWASP ASVS 4.0.3, 2.2.1: at most a hundred an hour); nobody mistypes so often.
MOST_GUESSES = 20
LONGEST_WAIT_S = 3600
# What a guesser can tell apart over a network within some hundred tries; checking one password costs 20 ms and more.
SIGN_IN_EFFECT_S = 0.010
LIFETIME = """
select extract(epoch from s.expires_at - s.created_at)::float as lives_s
from sessions s join refresh_tokens t on t.session_id = s.id where t.token_sha256 = %s
"""
_OWN_HEADERS = frozenset({"date", "x-request-id"})


@check("SEC-AUTH-01", severity=BLOCKER, component="api")
def test_sessions_end_when_they_should(exercise: Exercise) -> None:
    """Sign-in, refresh with rotation and sign-out work; a used refresh token revokes the family; a revoked session dies.

    Why it matters: a refresh token lives for weeks. If a stolen one goes on working after its owner has used it, or
    after sign-out, the thief stays (RFC 9700, section 4.14.2: rotation with revocation of the family).

    How it is measured: by sessions of an own account, at the public host and at each instance. A refresh must give two
    new tokens that work. Using the old refresh token again must be 401, and after it the newest tokens of that family
    must be dead at every instance at once, while another session of the same account lives on. The same for sign-out.
    Six uses of one refresh token at the same moment must give exactly one pair, and end the session. An access token
    must not refresh. A stream of events whose session is signed out must end within ten seconds. Postgres must hold an own
    session with the end that the profile states (targets.session_s).

    Not covered: that access and refresh tokens are refused once their time is over, which takes ten minutes and thirty days;
    wrong passwords (SEC-AUTH-03); forged tokens (SEC-AUTH-02); the frontend's cookies (SEC-HTTP-01).
    """
    ways = doors(exercise, "api")
    untouched, watching = signed_in(exercise), signed_in(exercise)
    with exercise.cases(at_least=5 * len(ways) + 2) as cases, ThreadPoolExecutor(1) as thread:
        followed = thread.submit(_followed_s, exercise, watching)  # for seconds, while the others are measured
        with cases("how long a session lives"):
            _require_lifetime(exercise, untouched)
        for door, via in ways.items():
            with cases(f"refresh at {door}"):
                _refreshes(exercise, signed_in(exercise, via=via))
            with cases(f"a refresh token used again at {door}"):
                _dies_by_reuse(exercise, signed_in(exercise, via=via), ways)
            with cases(f"a refresh token used {AT_ONCE} times at once at {door}"):
                _dies_by_race(exercise, signed_in(exercise, via=via), ways)
            with cases(f"sign-out at {door}"):
                _dies_by_sign_out(exercise, signed_in(exercise, via=via), ways)
            with cases(f"an access token in place of a refresh token at {door}"):
                answer = _refresh(exercise, untouched.tokens.access_token, via)
                require(answer.status in {401, 422}, "401 or 422 for an access token", _said(answer))
            with cases(f"another session of the account at {door}"):
                answer = _use(exercise, untouched.tokens.access_token, via)
                require(answer.status == 200, "200 for a session that nobody ended", _said(answer))
        with cases("a stream of events after sign-out"):
            lives_s = followed.result()
            exercise.evidence("a stream outlived its session by s", round(lives_s, 1))
            require(lives_s <= FOLLOWS_S, f"a stream that ends within {FOLLOWS_S:g} s of sign-out", f"{lives_s:.1f} s")


def _require_lifetime(exercise: Exercise, session: Session) -> None:
    rows = exercise.pg.rows(LIFETIME, (hashlib.sha256(session.tokens.refresh_token.encode()).digest(),))
    require(len(rows) == 1, "the own session in postgres", f"{len(rows)} of them", "postgres")
    wanted_s = float(exercise.target("session_s"))
    require(rows[0]["lives_s"] == wanted_s, f"a session of {wanted_s:.0f} s", f"{rows[0]['lives_s']:.0f} s")


def _followed_s(exercise: Exercise, session: Session) -> float:
    """Sign out while a stream of events is open, and return how long it goes on, or how long it was waited for."""
    asset = session.create(f"{exercise.marker} followed", b"never sent").asset
    exercise.cleanup(remove, session, asset.id)
    headers = {"Authorization": f"Bearer {session.tokens.access_token}"}
    with exercise.http.stream(f"api:/v1/assets/{asset.id}/events", headers=headers) as stream:
        first = next(stream.lines, "")
        require(bool(first), "a stream of events", stream.error or stream.status)
        session.sign_out()
        ended_s = time.monotonic()
        for _ in stream.lines:
            if time.monotonic() - ended_s > FOLLOWS_S:
                break
    return time.monotonic() - ended_s


def _refreshes(exercise: Exercise, session: Session) -> None:
    via, first = session.client.via, session.tokens
    answer = _use(exercise, first.access_token, via)
    require(answer.status == 200, "200 for a fresh access token", _said(answer))
    session.refresh()
    second = session.tokens
    require(second.refresh_token != first.refresh_token, "another refresh token", "the same one")
    require(second.token_type.lower() == "bearer", "a bearer token", second.token_type)
    require(0 < second.expires_in_s <= 3600, "an access token for an hour at most", second.expires_in_s)
    answer = _use(exercise, second.access_token, via)
    require(answer.status == 200, "200 for a refreshed access token", _said(answer))


def _dies_by_reuse(exercise: Exercise, session: Session, ways: dict[str, str | None]) -> None:
    first = session.tokens
    session.refresh()
    answer = _refresh(exercise, first.refresh_token, session.client.via)
    require(answer.status == 401, "401 for a refresh token that was used", _said(answer))
    _require_dead(exercise, (session.tokens, first), ways, "after a refresh token was used twice")


def _dies_by_race(exercise: Exercise, session: Session, ways: dict[str, str | None]) -> None:
    token = session.tokens.refresh_token
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(lambda _: _refresh(exercise, token, session.client.via), range(AT_ONCE)))
    statuses = sorted(answer.status or 0 for answer in answers)
    require(statuses == [200] + [401] * (AT_ONCE - 1), f"one pair for {AT_ONCE} uses at once", statuses)
    won = next(Tokens.from_json(answer.json()) for answer in answers if answer.status == 200)
    _require_dead(exercise, (session.tokens, won), ways, "after a refresh token was used by many at once")


def _dies_by_sign_out(exercise: Exercise, session: Session, ways: dict[str, str | None]) -> None:
    session.sign_out()
    _require_dead(exercise, (session.tokens,), ways, "after sign-out")


def _require_dead(exercise: Exercise, family: Sequence[Tokens], ways: dict[str, str | None], when: str) -> None:
    for door, via in ways.items():
        for tokens in family:
            answer = _use(exercise, tokens.access_token, via)
            require(answer.status == 401, f"401 for an access token {when}", _said(answer), _place(door))
    for tokens in family:
        answer = _refresh(exercise, tokens.refresh_token, None)
        require(answer.status == 401, f"401 for a refresh token {when}", _said(answer))


@check("SEC-AUTH-02", severity=BLOCKER, component="api")
def test_no_forged_token_is_accepted(exercise: Exercise) -> None:
    """JWT attacks are refused: no algorithm, confused algorithms, foreign keys and key ids, edited claims.

    Why it matters: whoever can make one token is everybody. Libraries and services have fallen to the same few tricks
    for ten years (RFC 8725, section 2; CVE-2015-9235, CVE-2016-5431, CVE-2018-0114, CVE-2020-28042, CVE-2022-21449,
    CVE-2022-39227).

    How it is measured: from a genuine token of an own session every published attack is generated: `none` in every
    spelling, HMAC by the public key of the API's certificate, zero signatures, keys inside or beside the token, key ids
    that are paths, queries and other types, keys that stand in documents and tutorials, and each claim (expired, not
    valid yet, audience, issuer, subject, session) edited under the old signature. Each goes to the public host and to
    each instance, and must be 401 with a challenge: never a success, never a 5xx. The genuine token must work before
    and after, at the same doors.

    Not covered: tokens with wrong claims under a right signature, which nobody outside can make (SEC-AUTH-04); other
    spellings of the same signature, which forge nothing.
    """
    mine, theirs = signed_in(exercise, 0), signed_in(exercise, 1)
    made = forgeries(mine.tokens.access_token, theirs.tokens.access_token, _public_keys(exercise))
    ways = doors(exercise, "api")
    with exercise.cases(at_least=FEWEST_FORGERIES * len(ways)) as cases:
        for door, via in ways.items():
            with cases(f"the genuine token at {door}"):
                _require_opens(exercise, mine, via, door)
            for each in made:
                with cases(f"{each} at {door}"):
                    answer = _use(exercise, each.token, via)
                    require(answer.status == 401, f"401 for a token with {each}", _said(answer), _place(door))
                    challenge = answer.headers.get("www-authenticate", "")
                    require("bearer" in challenge.lower(), f"a challenge for {each}", challenge, _place(door))
            with cases(f"the genuine token, after all of them, at {door}"):
                _require_opens(exercise, mine, via, door)
    exercise.evidence("forgeries", len(made))


def _require_opens(exercise: Exercise, session: Session, via: str | None, door: str) -> None:
    answer = _use(exercise, session.tokens.access_token, via)
    require(answer.status == 200, "200 for the genuine token", _said(answer), _place(door))


def _public_keys(exercise: Exercise) -> list[bytes]:
    """Return the one public key that an outsider has, as verifiers hold keys."""
    parts = urlsplit(exercise.profile.urls["api"])
    chain = exercise.tls.handshake(parts.hostname or "", parts.port or 443, verify=False).chain
    if not chain:
        raise Invalid(f"{parts.hostname} showed no certificate, so there is no public key to confuse it with")
    key = chain[0].public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return [pem, pem.strip(), key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)]


@dataclass(frozen=True)
class Guesser:
    """Tries passwords at the instances in turn, from an address of its own, as the ingress would state it."""

    exercise: Exercise
    address: str
    ways: tuple[str | None, ...]

    def sign_in(self, email: str, password: str, turn: int = 0, claimed: str = "") -> HttpAnswer:
        """Try one password; `claimed` is what the caller itself wrote before the address."""
        return self.exercise.http.request(
            "POST",
            "api:/v1/sessions",
            json={"email": email, "password": password},
            headers=self.forwarded(claimed),
            via=self.ways[turn % len(self.ways)],
        )

    def forwarded(self, claimed: str) -> dict[str, str]:
        """Return what the ingress would say of the caller."""
        return {"X-Forwarded-For": f"{claimed}, {self.address}" if claimed else self.address}

    def until_slowed(self, email: str) -> tuple[int, HttpAnswer]:
        """Guess until an answer is not 401; return how many were, and that answer."""
        for turn in range(MOST_GUESSES):
            answer = self.sign_in(email, f"wrong-{secrets.token_hex(4)}", turn)
            if answer.status != 401:
                return turn, answer
        return MOST_GUESSES, answer


class GuesserOnSite(Guesser):
    """Tries them by the form of the site, at instances of the frontend."""

    def sign_in(self, email: str, password: str, turn: int = 0, claimed: str = "") -> HttpAnswer:
        """Try one password, as on the other way."""
        return self.exercise.http.request(
            "POST",
            "app:/sign-in",
            data={"email": email, "password": password, "next": "/"},
            headers={"Origin": self.exercise.profile.urls["app"], **self.forwarded(claimed)},
            via=self.ways[turn % len(self.ways)],
        )


@check("SEC-AUTH-03", severity=MAJOR, component="api", alone=True)
def test_guessing_passwords_is_slow_and_tells_nothing(exercise: Exercise) -> None:
    """Wrong user and wrong password are indistinguishable; repeated failures are slowed and lock nobody else out.

    Why it matters: an answer that differs lists the users; a sign-in that never tires gives away weak passwords; and a
    limit by account alone lets anybody lock everybody out (OWASP Authentication Cheat Sheet; CWE-204, CWE-307, CWE-645).

    How it is measured: sign-ins go straight to the instances, which believe their proxies' X-Forwarded-For, each guesser
    with a random address of 2001:db8::/32, so that nothing counts against a real one. An own account with a wrong
    password and a user that does not exist must get the same status, headers and body, and must take equally long: the
    median of paired differences within 10 ms, with 99.9 %. Guesses spread over all instances must end in 429 with
    Retry-After within 20, after equally many for both. Then the right password is 429 from there too; from elsewhere,
    and for another account from there, it works. The e-mail in other letters counts with it, and passwords that are
    almost right (trimmed, doubled, in other letters) are wrong. At the public host a made-up X-Forwarded-For must not
    help a guesser. Guesses by the site's form, straight to the frontend, must be slowed by their own address too, and by no
    other's.

    Not covered: gaps below 10 ms; guesses spread over many addresses or accounts (SEC-HTTP-03); that the wait ends when
    Retry-After says so.
    """
    ways, sites = (_private(exercise, service) for service in ("api", "frontend"))
    nobody, (email, password) = f"{exercise.marker}@example.test", exercise.account_number(0)
    # With a user that does not exist first: if addresses were not told apart, a real account would be locked out.
    turns_nobody, slowed = _guesser(exercise, ways).until_slowed(nobody)
    elsewhere = _guesser(exercise, ways).sign_in(nobody, "wrong")
    require(elsewhere.status == 401, "401 from another address: it is not throttled with the first", _said(elsewhere))
    with exercise.cases(at_least=16) as cases:
        with cases("a user that does not exist is slowed"):
            _require_slowed(slowed)
        with cases("what is said"):
            said = _refusal(_guesser(exercise, ways).sign_in(email, "wrong"))
            unknown = _refusal(_guesser(exercise, ways).sign_in(nobody, "wrong"))
            require(said == unknown, f"the same refusal for user and password: {said}", unknown)
            require(said[0] == 401, "401 for a wrong password", said)
        with cases("how long it takes"):
            _require_equally_long(exercise, ways, email, nobody)
        guesser = _guesser(exercise, ways)
        turns, slowed = guesser.until_slowed(email)
        with cases("an account is slowed"):
            _require_slowed(slowed)
            require(turns == turns_nobody, f"429 after as many as for nobody, {turns_nobody}", turns)
        with cases("the right password, from the guesser's address"):
            answer = guesser.sign_in(email, password)
            require(answer.status == 429, "429 for the right password as for wrong ones", _said(answer))
        with cases("an address in front of the guesser's"):
            answer = guesser.sign_in(email, "wrong", claimed=made_up_address())
            require(answer.status == 429, "429 whatever the caller claims", _said(answer))
        with cases("another spelling of the e-mail, from the guesser's address"):
            answer = guesser.sign_in(_spelled(email), "wrong")
            require(answer.status == 429, "429 for another spelling of the e-mail", _said(answer))
        for name, almost in _almost(password):
            with cases(f"the password {name}"):
                answer = _guesser(exercise, ways).sign_in(email, almost)
                require(answer.status == 401, f"401 for the password {name}", _said(answer))
        with cases("the account, from another address"):
            _require_signs_in(exercise, _guesser(exercise, ways).sign_in(email, password), "from another address")
        with cases("another account, from the guesser's address"):
            _require_signs_in(exercise, guesser.sign_in(*exercise.account_number(1)), "for another account")
        with cases("the account, at the public host"):
            Client(exercise.http).sign_in(email, password).sign_out()
        with cases("a made-up address at the public host"):
            stranger = f"public-{nobody}"
            answers = [
                _guesser(exercise, (None,)).sign_in(stranger, "wrong", claimed=made_up_address())
                for _ in range(MOST_GUESSES)
            ]
            _require_slowed(next((answer for answer in answers if answer.status != 401), answers[-1]))
        with cases("by the site's form"):
            stranger = f"site-{nobody}"
            _require_slowed(GuesserOnSite(exercise, made_up_address(), sites).until_slowed(stranger)[1])
            other = GuesserOnSite(exercise, made_up_address(), sites).sign_in(stranger, "wrong")
            require(
                other.status == 401, "401 by the site from another address than a guesser's", _said(other), "frontend"
            )
    exercise.evidence("failures until slowed", {"account": turns, "nobody": turns_nobody})


def _private(exercise: Exercise, service: str) -> tuple[str, ...]:
    ways = tuple(via for via in doors(exercise, service).values() if via)
    if not ways:
        raise Invalid(f"no instance of the {service} has a private address, so guessers would share one with everybody")
    return ways


def _guesser(exercise: Exercise, ways: tuple[str | None, ...]) -> Guesser:
    return Guesser(exercise, made_up_address(), ways)


def _spelled(email: str) -> str:
    """Return the address in capitals, which the product reads as the same one."""
    return email.upper()


def _almost(password: str) -> list[tuple[str, str]]:
    """Return what a lax comparison takes for the password."""
    return [
        ("with a space after", f"{password} "),
        ("with a space before", f" {password}"),
        ("in other letters", password.swapcase()),
        ("without its last character", password[:-1]),
        ("with more behind", f"{password}{'x' * 72}"),
        ("twice", password * 2),
    ]


def _require_equally_long(exercise: Exercise, ways: tuple[str | None, ...], email: str, nobody: str) -> None:
    def seconds(name: str) -> float:
        answer = _guesser(exercise, ways[:1]).sign_in(name, "wrong")
        require(answer.status == 401, "401 from an address that is new", _said(answer))
        return answer.elapsed_s

    gap = measured_gap(lambda: seconds(email), lambda: seconds(nobody), SIGN_IN_EFFECT_S)
    exercise.evidence("nobody takes longer than an account by", str(gap))
    require(gap.within(SIGN_IN_EFFECT_S), f"no gap in time beyond {1000 * SIGN_IN_EFFECT_S:g} ms", str(gap))


def _require_slowed(answer: HttpAnswer) -> None:
    require(answer.status == 429, f"429 within {MOST_GUESSES} guesses", _said(answer))
    wait = answer.headers.get("retry-after", "")
    require(wait.isdigit() and 0 < int(wait) <= LONGEST_WAIT_S, f"Retry-After of 1 to {LONGEST_WAIT_S} s", wait)
    require("access_token" not in answer.text, "no token", "one beside a 429")


def _require_signs_in(exercise: Exercise, answer: HttpAnswer, what: str) -> None:
    require(answer.status == 201, f"201 {what}, which nobody guessed at", _said(answer))
    token = Tokens.from_json(answer.json()).access_token
    exercise.http.delete("api:/v1/sessions/current", headers={"Authorization": f"Bearer {token}"})


def _refusal(answer: HttpAnswer) -> tuple[int | None, dict[str, str], str]:
    """Return all that a caller can see but the time and the request's own id."""
    own = answer.headers.get("x-request-id") or "none"
    headers = {name: value for name, value in answer.headers.items() if name not in _OWN_HEADERS}
    return answer.status, headers, answer.text.replace(own, "ID")


def _use(exercise: Exercise, token: str, via: str | None) -> HttpAnswer:
    headers = {"Authorization": f"Bearer {token}"}
    return exercise.http.get("api:/v1/assets?limit=1", headers=headers, via=via)


def _refresh(exercise: Exercise, token: str, via: str | None) -> HttpAnswer:
    return exercise.http.post("api:/v1/sessions/refresh", json={"refresh_token": token}, via=via)


def _said(answer: HttpAnswer) -> str:
    return answer.error or f"{answer.status} {answer.text[:160]}".strip()


def _place(door: str) -> str:
    return "api" if door == "public" else door
