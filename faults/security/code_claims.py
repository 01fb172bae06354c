"""Slips in the code that reads a token's claims: what it says is not held against it."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

SESSIONS, TOKENS = "system/api/sessions.py", "system/api/tokens.py"
DECODED = 'options={"require": ["iss", "aud", "sub", "sid", "iat", "nbf", "exp"], "strict_aud": True},'


@fault(
    "token-audience-unchecked", kind="code", caught_by={"SEC-AUTH-04": "claims edited: another audience"}, takes_s=30.0
)
class AudienceUnchecked(PatchedRelease):
    """A token for any audience will do: one made for a sister service opens this one.

    Source: RFC 8725, section 3.9, "Use and Validate Audience"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=TOKENS, find=DECODED, replace=DECODED.replace('"strict_aud": True', '"verify_aud": False'))
    ]


@fault(
    "token-audience-among-others",
    kind="code",
    caught_by={"SEC-AUTH-04": "claims edited: a second audience"},
    takes_s=30.0,
)
class AudienceAmongOthers(PatchedRelease):
    """It is enough that this service is one audience of many.

    Source: RFC 9068, section 4: a resource server that is to be the only one must not take a list
    """

    services = ("api",)
    patch: ClassVar = [Patch(file=TOKENS, find=', "strict_aud": True', replace="")]


@fault("token-issuer-unchecked", kind="code", caught_by={"SEC-AUTH-04": "claims edited: another issuer"}, takes_s=30.0)
class IssuerUnchecked(PatchedRelease):
    """Nobody asks who made the token.

    Source: RFC 8725, section 3.8, "Validate Issuer and Subject"
    """

    services = ("api",)
    patch: ClassVar = [Patch(file=TOKENS, find="            issuer=issuer,\n", replace="")]


@fault(
    "token-expiry-forgiven",
    kind="time",
    caught_by={"SEC-AUTH-04": "expired five seconds before what is forgiven"},
    takes_s=30.0,
)
class ExpiryForgiven(PatchedRelease):
    """A minute of leeway on every time of a token, which nobody declared.

    Source: RFC 7519, section 4.1.4: leeway is usually no more than a few minutes, where clocks differ; here it is declared
    """

    services = ("api",)
    patch: ClassVar = [Patch(file=TOKENS, find="SKEW_S = 5 ", replace="SKEW_S = 60 ")]


@fault("token-for-years", kind="code", caught_by={"SEC-AUTH-04": "claims edited: prolonged"}, takes_s=30.0)
class ForYears(PatchedRelease):
    """Whoever signs decides how long a token lives; the verifier knows no maximum.

    Source: CWE-613, "Insufficient Session Expiration"
    """

    services = ("api",)
    patch: ClassVar = [Patch(file=TOKENS, find='claims["exp"] - claims["iat"] > ACCESS_LIFETIME_S or ', replace="")]


@fault("token-of-any-type", kind="code", caught_by={"SEC-AUTH-04": "header edited: type JWT"}, takes_s=30.0)
class AnyType(PatchedRelease):
    """Any token that the key signed will do, whatever it was made for.

    Source: RFC 8725, section 3.11, "Use Explicit Typing"
    """

    services = ("api",)
    patch: ClassVar = [Patch(file=TOKENS, find=' or header.get("typ") != "at+jwt"', replace="")]


@fault(
    "token-with-somebody-elses-session",
    kind="code",
    caught_by={"SEC-AUTH-04": "claims edited: another session"},
    takes_s=30.0,
)
class OthersSession(PatchedRelease):
    """It is asked whether the session lives, and not whose it is.

    Source: CWE-639, "Authorization Bypass Through User-Controlled Key"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=SESSIONS,
            find="where id = %s and account_id = %s and",
            replace="where id = %s and %s::text is not null and",
        )
    ]
