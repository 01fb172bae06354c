"""Sessions that do not end, tokens that anybody can make, passwords that anybody can guess."""

import json
from typing import ClassVar

from faults._code import PatchedRelease
from faults._instance import started_with
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch
from suites.client import instances

SESSIONS, TOKENS = "system/api/sessions.py", "system/api/tokens.py"
PASSWORDS, THROTTLE = "system/api/passwords.py", "system/api/throttle.py"
KEY = 'key = keys.keys.get(str(header.get("kid")))'


@fault(
    "refresh-reuse-accepted",
    kind="code",
    caught_by={"SEC-AUTH-01": "401 for a refresh token that was used"},
    takes_s=30.0,
)
class ReuseAccepted(PatchedRelease):
    """A refresh token works as often as it is sent, so that a stolen one lives beside its owner's for a month.

    Source: RFC 9700, section 4.14.2, "Refresh Token Rotation"
    """

    services = ("api",)
    patch: ClassVar = [Patch(file=SESSIONS, find="and t.used_at is null and s.id", replace="and s.id")]


@fault("session-outlives-sign-out", kind="code", caught_by={"SEC-AUTH-01": "after sign-out"}, takes_s=30.0)
class OutlivesSignOut(PatchedRelease):
    """A token is good until it expires: nobody asks any more whether its session was ended.

    Source: CWE-613, "Insufficient Session Expiration"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=SESSIONS,
            find="account_id = %s and revoked_at is null and expires_at > now()",
            replace="account_id = %s and expires_at > now()",
        )
    ]


@fault("sessions-cannot-begin", kind="configuration", caught_by={"SEC-AUTH-01": "201 from POST"})
class CannotBegin:
    """The api's role lost its right to add refresh tokens: whoever is signed in stays, and nobody else can sign in.

    Source: https://www.postgresql.org/docs/16/sql-revoke.html
    """

    def strike(self, destroy: Destroy) -> None:
        """Take the privilege away."""
        destroy.pg.revoke("INSERT", "refresh_tokens", "api")

    def in_effect(self, observe: Observe) -> bool:
        """Ask the server whether the role has it."""
        row = observe.pg.rows("select has_table_privilege('api', 'refresh_tokens', 'INSERT') as may")[0]
        return row["may"] is False


@fault(
    "token-algorithm-none",
    kind="code",
    caught_by={"SEC-AUTH-02": "401 for a token with algorithm 'none'"},
    takes_s=30.0,
)
class AlgorithmNone(PatchedRelease):
    """A token that says of itself that it needs no signature gets none checked.

    Source: CVE-2015-9235
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=TOKENS,
            find='"strict_aud": True}',
            replace='"strict_aud": True, "verify_signature": str(header.get("alg")).lower() != "none"}',
        )
    ]


@fault("token-brings-its-key", kind="code", caught_by={"SEC-AUTH-02": "by an embedded jwk"}, takes_s=30.0)
class BringsItsKey(PatchedRelease):
    """A token is verified with the key that it brings along in its header.

    Source: CVE-2018-0114
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=TOKENS,
            find=KEY,
            replace=(
                'brought = header.get("jwk") or {}\n'
                '        key = jwt.utils.base64url_decode(brought["k"]) if "k" in brought else '
                'keys.keys.get(str(header.get("kid")))'
            ),
        )
    ]


@fault(
    "token-key-published",
    kind="configuration",
    caught_by={"SEC-AUTH-02": "a published key, the first key of docs/signing.md"},
    takes_s=20.0,
)
class KeyPublished:
    """The API signs with the example key of the product's own documents.

    Source: RFC 8725, section 2.2, "Weak Symmetric Keys"
    """

    _keys = json.dumps({"active": "k1", "keys": {"k1": bytes(range(32)).hex()}})

    def strike(self, destroy: Destroy) -> None:
        """Give each instance the key of the first test vector."""
        for each in instances(destroy, "api"):
            destroy.platform.restart(each.name, {"JWT_KEY": self._keys})

    def in_effect(self, observe: Observe) -> bool:
        """Read which overrides the instances were told, and find the key in their processes' environment."""
        parts = observe.platform.status().instances("api")
        told = bool(parts) and all("JWT_KEY" in part.settings for part in parts)
        return told and all(started_with(observe, part.name, "JWT_KEY", self._keys) for part in parts)


@fault(
    "limiter-loses-its-rights",
    kind="configuration",
    caught_by={"SEC-AUTH-03": "429 within 20 guesses", "SEC-HTTP-03": "429 after 40 requests at once"},
)
class LimiterOff:
    """Redis refuses to count for the api; sign-in goes on, as it should, and nothing slows guesses any more.

    Source: https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/ (NOPERM)
    """

    def strike(self, destroy: Destroy) -> None:
        """Take EVAL away from the api's user."""
        destroy.redis.acl_set("api", "-eval")

    def in_effect(self, observe: Observe) -> bool:
        """Look for it in the user's rules, of which Redis keeps what is left."""
        return any(line.split()[1] == "api" and "+eval" not in line.split() for line in observe.redis.acl_list())


@fault("limiter-locks-accounts", kind="code", caught_by={"SEC-AUTH-03": "401 from another address"}, takes_s=30.0)
class LocksAccounts(PatchedRelease):
    """Failures are counted by account alone: ten wrong guesses from anywhere lock its owner out.

    Source: CWE-645, "Overly Restrictive Account Lockout Mechanism"
    """

    services = ("api",)
    patch: ClassVar = [Patch(file=THROTTLE, find=r'f"{email}\n{subscriber(client)}"', replace='f"{email}"')]


@fault("unknown-user-answers-early", kind="code", caught_by={"SEC-AUTH-03": "no gap in time beyond"}, takes_s=30.0)
class AnswersEarly(PatchedRelease):
    """Without an account there is no hash to compare with, so the refusal comes at once: users can be listed.

    Source: CVE-2016-6210 (OpenSSH told by the time that it took which users exist)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=PASSWORDS,
            find="    right = await asyncio",
            replace="    if stored is None:\n        return False\n    right = await asyncio",
        )
    ]
