"""Slips in the code of sessions: they live on, die too widely, or are handed out for half a password."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

CLIENT, EVENTS = "system/common/client.py", "system/api/events.py"
FRONTEND, PAGES = "system/frontend/session.py", "system/frontend/pages.py"
PASSWORDS, SESSIONS = "system/api/passwords.py", "system/api/sessions.py"
THROTTLE, TOKENS = "system/api/throttle.py", "system/api/tokens.py"


@fault(
    "refresh-family-survives",
    kind="code",
    caught_by={"SEC-AUTH-01": "401 for an access token after a refresh token was used twice"},
    takes_s=30.0,
)
class FamilySurvives(PatchedRelease):
    """A used refresh token is refused, and the session that a thief may hold by now goes on.

    Source: RFC 9700, section 4.14.2, "Refresh Token Rotation" (the active token is to be revoked)
    """

    services = ("api",)
    patch: ClassVar = [Patch(file=SESSIONS, find="where revoked_at is null and id =", replace="where false and id =")]


@fault(
    "refresh-reuse-forgiven",
    kind="code",
    caught_by={"SEC-AUTH-01": "401 for a refresh token that was used"},
    takes_s=30.0,
)
class ReuseForgiven(PatchedRelease):
    """A refresh token may be used again for ten seconds, to be kind to clients with bad connections.

    Source: RFC 6819, section 5.2.2.3, "Refresh Token Rotation"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=SESSIONS,
            find="and t.used_at is null and s.id",
            replace="and (t.used_at is null or t.used_at > now() - interval '10 seconds') and s.id",
        )
    ]


@fault(
    "sign-out-ends-refreshing-only",
    kind="code",
    caught_by={"SEC-AUTH-01": "401 for an access token after sign-out"},
    takes_s=30.0,
)
class EndsRefreshingOnly(PatchedRelease):
    """Sign-out uses up the refresh tokens, and the access token opens everything until it expires.

    Source: CWE-613, "Insufficient Session Expiration"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=SESSIONS,
            find="update sessions set revoked_at = now(), revoked_because = 'signed out' where id = %s and revoked_at is null",
            replace="update refresh_tokens set used_at = now() where session_id = %s and used_at is null",
        )
    ]


@fault(
    "sign-out-ends-all-sessions",
    kind="code",
    caught_by={"SEC-AUTH-01": "200 for a session that nobody ended"},
    takes_s=30.0,
)
class EndsAll(PatchedRelease):
    """Signing out in one browser ends every session of the account.

    Source: OWASP ASVS 4.0.3, 3.3.3 (ending all other sessions is an option that the user is given, after a password change)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=SESSIONS,
            find="'signed out' where id = %s and revoked_at is null",
            replace=(
                "'signed out' where revoked_at is null and account_id = (select account_id from sessions where id = %s)"
            ),
        )
    ]


@fault(
    "refresh-after-sign-out",
    kind="code",
    caught_by={"SEC-AUTH-01": "401 for a refresh token after sign-out"},
    takes_s=30.0,
)
class RefreshAfterSignOut(PatchedRelease):
    """The exchange of a refresh token does not ask whether its session was ended.

    Source: CWE-613, "Insufficient Session Expiration"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=SESSIONS,
            find="and s.revoked_at is null and s.expires_at > now()",
            replace="and s.expires_at > now()",
        )
    ]


@fault(
    "access-token-for-a-day",
    kind="code",
    caught_by={"SEC-AUTH-01": "an access token for an hour at most"},
    takes_s=30.0,
)
class ForADay(PatchedRelease):
    """Access tokens live for a day.

    Source: RFC 6819, section 5.1.5.3, "Use Short Expiration Time"
    """

    services = ("api",)
    patch: ClassVar = [Patch(file=TOKENS, find="ACCESS_LIFETIME_S = 600", replace="ACCESS_LIFETIME_S = 86_400")]


@fault("session-for-years", kind="code", caught_by={"SEC-AUTH-01": "a session of 2592000 s"}, takes_s=30.0)
class ForYears(PatchedRelease):
    """Sessions live for eight years, and whoever finds a lost phone refreshes its tokens for as long.

    Source: CWE-613, "Insufficient Session Expiration"
    """

    services = ("api",)
    patch: ClassVar = [Patch(file=SESSIONS, find="timedelta(days=30)", replace="timedelta(days=3000)")]


@fault(
    "events-after-sign-out",
    kind="code",
    caught_by={"SEC-AUTH-01": "a stream that ends within 10 s of sign-out"},
    takes_s=40.0,
)
class EventsAfterSignOut(PatchedRelease):
    """Whoever opened a stream of events goes on being told for ten minutes after the session has ended.

    Source: OWASP ASVS 4.0.3, 3.3.1 (logout invalidates the session, so that nothing goes on with it)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=EVENTS,
            find="                        return\n                latest",
            replace="                        pass\n                latest",
        )
    ]


@fault(
    "unknown-user-named", kind="code", caught_by={"SEC-AUTH-03": "the same refusal for user and password"}, takes_s=30.0
)
class UnknownNamed(PatchedRelease):
    """The refusal says that there is no such account: users can be listed.

    Source: CWE-204, "Observable Response Discrepancy"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=SESSIONS,
            find="        raise _wrong()\n    await throttle",
            replace=(
                '        detail = "The password is wrong." if account else "There is no such account."\n'
                "        raise Problem(401, detail, headers=CHALLENGE)\n    await throttle"
            ),
        )
    ]


@fault(
    "throttle-spares-right-password",
    kind="code",
    caught_by={"SEC-AUTH-03": "429 for the right password as for wrong ones"},
    takes_s=30.0,
)
class SparesRightPassword(PatchedRelease):
    """The throttle is asked after a failure only: guessing goes on, and only wrong guesses are told to wait.

    Source: CWE-307, "Improper Restriction of Excessive Authentication Attempts"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=SESSIONS, find="        await throttle.check()\n", replace=""),
        Patch(
            file=SESSIONS,
            find="            await throttle.failed()\n",
            replace="            await throttle.check()\n            await throttle.failed()\n",
        ),
    ]


@fault("throttle-without-retry-after", kind="code", caught_by={"SEC-AUTH-03": "Retry-After of 1 to"}, takes_s=30.0)
class WithoutRetryAfter(PatchedRelease):
    """A throttled caller is not told when to come back, so that clients ask again at once.

    Source: RFC 6585, section 4 (429 may say with Retry-After how long to wait)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=THROTTLE,
            find='raise Problem(429, detail, headers={"Retry-After": str(max(1, ttl_s))})',
            replace="raise Problem(429, detail)",
        )
    ]


@fault(
    "throttle-per-process",
    kind="code",
    caught_by={"SEC-AUTH-03": "429 within 20 guesses"},
    takes_s=30.0,
)
class PerProcess(PatchedRelease):
    """Each process counts for itself, so that every instance more gives guessers as many tries again.

    Source: CWE-307, "Improper Restriction of Excessive Authentication Attempts"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=THROTTLE,
            find='self._key = f"rate:sign-in:{digest[:32]}"',
            replace='self._key = f"rate:sign-in:{digest[:32]}:{id(redis)}"',
        )
    ]


@fault(
    "throttle-by-address-alone",
    kind="code",
    caught_by={"SEC-AUTH-03": "for another account, which nobody guessed at"},
    takes_s=30.0,
)
class ByAddressAlone(PatchedRelease):
    """Failures are counted by address alone: one guesser locks out everybody behind his network's address.

    Source: RFC 6269, section 13.1, "Abuse Logging and Penalty Boxes" (many users share one address)
    """

    services = ("api",)
    patch: ClassVar = [Patch(file=THROTTLE, find=r'f"{email}\n{subscriber(client)}"', replace='f"{client}"')]


@fault(
    "site-guessers-are-one-client",
    kind="code",
    caught_by={"SEC-AUTH-03": "401 by the site from another address than a guesser's"},
    takes_s=30.0,
)
class OneClient(PatchedRelease):
    """The site does not tell the api whose request it passes on: one guesser on it locks the owner of an e-mail out of it.

    Source: CWE-645, "Overly Restrictive Account Lockout Mechanism"
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(
            file="system/frontend/api.py",
            find='    if client:\n        headers["X-Forwarded-For"] = client\n',
            replace="",
        )
    ]


@fault(
    "throttle-believes-first-address",
    kind="code",
    caught_by={
        "SEC-AUTH-03": "429 whatever the caller claims",
        "SEC-HTTP-03": "429 whatever the caller claims",
    },
    takes_s=30.0,
)
class BelievesFirst(PatchedRelease):
    """The client's address is the first of X-Forwarded-For, which is whatever the caller wrote there.

    Source: CWE-348, "Use of Less Trusted Source"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=CLIENT,
            find='claimed = forwarded[-1].rsplit(",", 1)[-1].strip()',
            replace='claimed = forwarded[0].split(",", 1)[0].strip()',
        )
    ]


@fault(
    "throttle-by-spelling",
    kind="code",
    caught_by={"SEC-AUTH-03": "429 for another spelling of the e-mail"},
    takes_s=30.0,
)
class BySpelling(PatchedRelease):
    """Failures are counted by the e-mail as it was typed, accounts are found by it in small letters.

    Source: CWE-178, "Improper Handling of Case Sensitivity"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=SESSIONS,
            find="SignInThrottle(services.optional_redis, email, client",
            replace="SignInThrottle(services.optional_redis, credentials.email, client",
        )
    ]


@fault(
    "password-trimmed", kind="code", caught_by={"SEC-AUTH-03": "401 for the password with a space after"}, takes_s=30.0
)
class Trimmed(PatchedRelease):
    """Passwords are trimmed before they are compared.

    Source: NIST SP 800-63B, section 5.1.1.2 (the whole of the secret is to be verified)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=PASSWORDS,
            find="return _hasher.verify(stored, password)",
            replace="return _hasher.verify(stored, password.strip())",
        )
    ]


@fault("cookies-left-after-sign-out", kind="code", caught_by={"SEC-HTTP-01": "two removed by sign-out"}, takes_s=30.0)
class CookiesLeft(PatchedRelease):
    """Sign-out takes the access token from the browser and leaves the refresh token in it.

    Source: OWASP Session Management Cheat Sheet, "Session Expiration"
    """

    services = ("frontend",)
    patch: ClassVar = [Patch(file=FRONTEND, find="for name in (ACCESS, REFRESH):", replace="for name in (ACCESS,):")]


@fault(
    "sign-out-in-the-browser-only",
    kind="code",
    caught_by={"SEC-HTTP-01": "303 for the list with cookies from before signing out"},
    takes_s=30.0,
)
class InTheBrowserOnly(PatchedRelease):
    """Sign-out on the site asks the api for what it does not offer, and takes the cookies: who has a copy of them stays signed in.

    Source: CWE-613, "Insufficient Session Expiration"
    """

    services = ("frontend",)
    patch: ClassVar = [Patch(file=PAGES, find='"DELETE", "/v1/sessions/current"', replace='"DELETE", "/v1/sessions"')]


@fault(
    "site-renews-by-each-request",
    kind="code",
    caught_by={"SEC-HTTP-01": "6 pages at once by the refresh cookie alone"},
    takes_s=30.0,
)
class RenewsByEachRequest(PatchedRelease):
    """Each request of a page exchanges the refresh token for itself, which is theft by the api's rule: its reader is signed out.

    Source: RFC 9700, section 4.14.2 (a second use of a refresh token revokes what was issued)
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(file=FRONTEND, find="        if refresh_token not in self._exchanges:\n", replace="        if True:\n")
    ]
