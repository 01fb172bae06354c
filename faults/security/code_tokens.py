"""Slips in the code that reads credentials: keys that anybody knows, and tokens in places where they do not belong."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

SESSIONS, TOKENS = "system/api/sessions.py", "system/api/tokens.py"
KEY = 'key = keys.keys.get(str(header.get("kid")))'


@fault(
    "token-unknown-key-falls-back",
    kind="code",
    caught_by={"SEC-AUTH-02": "under an unknown key id"},
    takes_s=30.0,
)
class FallsBack(PatchedRelease):
    """A key id that is not known falls back on the key of the first prototype.

    Source: CWE-1394, "Use of Default Cryptographic Key"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=TOKENS, find=KEY, replace='key = keys.keys.get(str(header.get("kid"))) or b"changeme"'),
    ]


@fault(
    "token-key-from-a-file",
    kind="code",
    caught_by={"SEC-AUTH-02": "proc/sys/kernel"},
    takes_s=30.0,
)
class FromAFile(PatchedRelease):
    """A key is read from the file that the token's key id names, and the id may climb out of the directory.

    Source: PortSwigger Web Security Academy, "JWT attacks", on path traversal in `kid`; CWE-22
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=TOKENS, find="import hashlib\n", replace="import contextlib\nimport hashlib\nimport pathlib\n"),
        Patch(
            file=TOKENS,
            find=KEY,
            replace=(
                f"{KEY}\n"
                "        with contextlib.suppress(OSError):\n"
                '            key = key or pathlib.Path("keys", str(header.get("kid"))).resolve().read_bytes()'
            ),
        ),
    ]


@fault(
    "token-remembered-by-signature",
    kind="code",
    caught_by={"SEC-AUTH-02": "claims edited: another subject"},
    takes_s=30.0,
)
class RememberedBySignature(PatchedRelease):
    """Verified tokens are remembered by their signature alone: other claims under it are taken for the same token.

    Source: CWE-345, "Insufficient Verification of Data Authenticity"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=TOKENS,
            find='AUDIENCE = "seatrial-api"\n',
            replace='AUDIENCE = "seatrial-api"\n_seen: dict[str, "Claims"] = {}\n',
        ),
        Patch(
            file=TOKENS,
            find="    try:\n        header = jwt.get_unverified_header(token)",
            replace=(
                '    if token.rpartition(".")[2] in _seen:\n        return _seen[token.rpartition(".")[2]]\n'
                "    try:\n        header = jwt.get_unverified_header(token)"
            ),
        ),
        Patch(
            file=TOKENS,
            find="    return Claims(account_id, session_id)\n",
            replace='    return _seen.setdefault(token.rpartition(".")[2], Claims(account_id, session_id))\n',
        ),
    ]


@fault(
    "token-in-the-query",
    kind="code",
    caught_by={"SEC-ACL-01": "with the genuine token in the query"},
    takes_s=30.0,
)
class InTheQuery(PatchedRelease):
    """The access token may stand in the query, for players that cannot send a header; it ends in logs and histories.

    Source: RFC 6750, section 5.3: "Don't pass bearer tokens in page URLs"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=SESSIONS,
            find="async def _caller(\n    services: Service, credentials:",
            replace="async def _caller(\n    request: Request, services: Service, credentials:",
        ),
        Patch(
            file=SESSIONS,
            find="    settings = services.settings\n    claims = (",
            replace=(
                '    if credentials is None and "access_token" in request.query_params:\n'
                '        token = request.query_params["access_token"]\n'
                '        credentials = HTTPAuthorizationCredentials(scheme="Bearer", credentials=token)\n'
                "    settings = services.settings\n    claims = ("
            ),
        ),
    ]


@fault(
    "token-under-any-scheme",
    kind="code",
    caught_by={"SEC-ACL-01": "the genuine token under another scheme"},
    takes_s=30.0,
)
class AnyScheme(PatchedRelease):
    """What stands behind the first blank of the Authorization header is the token, whatever the scheme says.

    Source: RFC 9110, section 11.4: credentials begin with the scheme by which they are to be read
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=SESSIONS,
            find="async def _caller(\n    services: Service, credentials:",
            replace="async def _caller(\n    request: Request, services: Service, credentials:",
        ),
        Patch(
            file=SESSIONS,
            find="    settings = services.settings\n    claims = (",
            replace=(
                '    _, _, token = request.headers.get("authorization", "").partition(" ")\n'
                '    credentials = HTTPAuthorizationCredentials(scheme="Bearer", credentials=token) if token else None\n'
                "    settings = services.settings\n    claims = ("
            ),
        ),
    ]
