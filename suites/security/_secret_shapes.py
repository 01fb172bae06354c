"""What looks like a secret: by name, by file, by content."""

import re

# A name that ends in _FILE holds a path, which is how secrets are meant to travel.
_NAME = re.compile(
    r"PASSW(OR)?D|SECRET|TOKEN|CREDENTIAL|(API|PRIVATE|ACCESS|SIGNING|JWT|LINK)_?KEYS?$|DSN$", re.IGNORECASE
)
_FILE = re.compile(
    r"(^|/)(\.env(\..*)?|id_(rsa|ecdsa|ed25519)|\.netrc|\.pgpass|\.npmrc|\.pypirc|credentials|secrets?)(/|$)"
    r"|\.(pem|key|p12|pfx|jks|age|kdbx)$"
)
_CONTENT = {
    # With the first line of its body, which may stand in one line with escapes: a header alone is an example.
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\\[rn]|[\s\"',+])*[A-Za-z0-9+/]{32}"),
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a DigitalOcean token": re.compile(r"\bdo[opr]_v1_[0-9a-f]{64}\b"),
    "a GitHub token": re.compile(r"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})\b"),
    "a Slack webhook or token": re.compile(r"hooks\.slack\.com/services/T\w+/B\w+/\w+|\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    "an age key": re.compile(r"\bAGE-SECRET-KEY-1[0-9A-Z]{58}\b"),
    "a URL with a password": re.compile(r"(?<=[a-z0-9])://[^\s/:@'\"${}<]+:[^\s/@'\"${}<]{8,}@"),
}
# What opens something to whoever holds it, for as long as it lasts: nothing that a log may keep.
_BEARER = {
    "a token (JWT)": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    "a presigned URL": re.compile(r"X-Amz-Signature=[0-9a-f]{64}"),
    "a signed link": re.compile(r"\bsig=[A-Za-z0-9_-]{43}\b"),
    "a password's hash": re.compile(r"\$argon2(id?|d)\$|SCRAM-SHA-256\$[0-9]+:"),
}


def is_secret_name(name: str) -> bool:
    """Tell whether a variable of that name would hold a secret itself."""
    return not name.upper().endswith("_FILE") and bool(_NAME.search(name))


def is_secret_file(path: str) -> bool:
    """Tell whether a file of that path is one that holds secrets."""
    return bool(_FILE.search(path))


def secrets_in(text: str) -> list[str]:
    """Name the kinds of secret that a text holds; the secret itself is never repeated."""
    return [kind for kind, shape in _CONTENT.items() if shape.search(text)]


def bearers_in(text: str) -> list[str]:
    """Name the kinds of token, signature and hash that a text holds."""
    return [kind for kind, shape in _BEARER.items() if shape.search(text)]
