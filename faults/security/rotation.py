"""Rotations that are none: the old value stays, or the new one comes too soon for somebody."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch

SIGNING, TOKENS, DATABASE = "system/common/signing.py", "system/api/tokens.py", "system/common/database.py"


@fault(
    "retired-link-key-kept",
    kind="code",
    caught_by={"SEC-HMAC-05": "403 for a link of the retired key within"},
    takes_s=30.0,
)
class RetiredLinkKeyKept(PatchedRelease):
    """One edge instance keeps the ring that it had when the key was rotated in, and goes on to accept the retired key.

    Source: CWE-324, "Use of a Key Past its Expiration Date"
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=SIGNING,
            find="    expected = _signature(keys.keys.get(link.kid, _UNKNOWN_KEY), text)",
            replace=(
                '    if os.environ.get("INSTANCE") == "edge-2":\n'
                "        _SEEN.update(keys.keys)\n"
                "        keys = KeyRing(keys.active, _SEEN)\n"
                "    expected = _signature(keys.keys.get(link.kid, _UNKNOWN_KEY), text)"
            ),
        ),
        Patch(
            file=SIGNING, find="_UNKNOWN_KEY = bytes(32)", replace="import os\n\n_UNKNOWN_KEY = bytes(32)\n_SEEN = {}"
        ),
    ]


@fault(
    "link-keys-without-overlap",
    kind="code",
    caught_by={"SEC-HMAC-05": "200 for a link of the old key during the overlap"},
    takes_s=30.0,
)
class LinkKeysWithoutOverlap(PatchedRelease):
    """The verifier knows the signing key alone: at the moment of a rotation every link that is out there dies.

    Source: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-trusted-signers.html (a rotation
    keeps the old key valid until links signed with it have expired)
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=SIGNING,
            find="and link.kid in keys.keys",
            replace="and link.kid in keys.keys and link.kid == keys.active",
        )
    ]


@fault(
    "unknown-key-id-falls-back",
    kind="code",
    caught_by={"SEC-HMAC-05": "403 for a link with an unknown key id"},
    takes_s=30.0,
)
class UnknownKeyIdFallsBack(PatchedRelease):
    """A key id that nobody knows is verified with the active key: ids mean nothing, and no key can be retired by its id.

    Source: RFC 7515, section 4.1.4: the key id is the hint by which originators "signal a change of key"
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=SIGNING,
            find="keys.keys.get(link.kid, _UNKNOWN_KEY)",
            replace="keys.keys.get(link.kid, keys.keys[keys.active])",
        ),
        Patch(file=SIGNING, find=" and link.kid in keys.keys", replace=""),
    ]


@fault(
    "old-database-password-valid",
    kind="configuration",
    caught_by={"SEC-SEC-04": "postgres-api: the old value is dead", "DR-KEY-01": "old values dead"},
    takes_s=20.0,
)
class OldDatabasePasswordValid:
    """The server lets the api's role in whatever password it gives, so that the old one works as well as the new.

    Source: https://www.postgresql.org/docs/16/auth-trust.html
    """

    def strike(self, destroy: Destroy) -> None:
        """Put a line before the server's own, as an emergency at night leaves one behind."""
        destroy.platform.restart("postgres", {"hba": "hostssl seatrial api 127.0.0.1/32 trust\n"})

    def in_effect(self, observe: Observe) -> bool:
        """Sign in as the role without a password."""
        return observe.pg.attempt(user="api").ok


@fault(
    "retired-token-key-kept",
    kind="code",
    caught_by={"SEC-SEC-04": "jwt: the old value is dead", "DR-KEY-01": "old values dead"},
    takes_s=30.0,
)
class RetiredTokenKeyKept(PatchedRelease):
    """One api instance keeps every key that it has ever verified with: tokens of the retired key open it still.

    Source: CWE-324, "Use of a Key Past its Expiration Date"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=TOKENS,
            find='        key = keys.keys.get(str(header.get("kid")))\n',
            replace=(
                '        if os.environ.get("INSTANCE") == "api-2":\n'
                "            _SEEN.update(keys.keys)\n"
                "            keys = KeyRing(keys.active, _SEEN)\n"
                '        key = keys.keys.get(str(header.get("kid")))\n'
            ),
        ),
        Patch(
            file=TOKENS, find="ACCESS_LIFETIME_S = 600\n", replace="import os\n\nACCESS_LIFETIME_S = 600\n_SEEN = {}\n"
        ),
    ]


@fault(
    "token-keys-without-overlap",
    kind="code",
    caught_by={"SEC-SEC-04": "no failed request while jwt is rotated"},
    takes_s=30.0,
)
class TokenKeysWithoutOverlap(PatchedRelease):
    """The API verifies with the signing key alone: at the moment of a rotation everybody who is signed in is thrown out.

    Source: https://openid.net/specs/openid-connect-core-1_0.html#RotateSigKeys (verifiers are to keep recently
    decommissioned keys for a while, "to facilitate a smooth transition between keys")
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=TOKENS,
            find='header.get("typ") != "at+jwt":',
            replace='header.get("typ") != "at+jwt" or header.get("kid") != keys.active:',
        )
    ]


@fault(
    "database-password-read-once",
    kind="code",
    caught_by={"SEC-SEC-04": "no failed request while postgres-api is rotated"},
    takes_s=30.0,
)
class DatabasePasswordReadOnce(PatchedRelease):
    """The API opens connections with the password that it was started with, and notices nothing until it needs a new one.

    Source: https://12factor.net/config (settings as they were when the process began)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=DATABASE,
            find='"passwords": settings.passwords,',
            replace='"passwords": Live(settings.passwords.now),',
        )
    ]


@fault(
    "pooler-asks-no-password",
    kind="configuration",
    caught_by={"SEC-SEC-04": "it still opens pooler"},
    takes_s=20.0,
)
class PoolerAsksNoPassword:
    """The pooler lets its users in whatever they say, and signs in to the server with its own copy of the new password.

    Source: https://www.pgbouncer.org/config.html#auth_type ("trust": no authentication is done)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it with that setting."""
        destroy.platform.restart("pgbouncer", {"auth_type": "trust"})

    def in_effect(self, observe: Observe) -> bool:
        """Be let in without a password."""
        return observe.pg.attempt(user="api", pooled=True).ok
