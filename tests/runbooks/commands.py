"""The commands that the runbooks have people type, found in their pages.

A command is a line of a block without a language, or a text between backticks that has several words or stands in `ALONE`. All
other single words are names. A text of several words that is no command stands in `QUOTED`: whoever adds one that this file
does not know is told so by a test, in place of a command that nobody tries.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

RUNBOOKS = tuple(sorted(Path("docs/runbooks").glob("*.md")))
PAGES = (*RUNBOOKS, *(Path("docs", f"{name}.md") for name in ("backups", "dr-plan", "rebuild", "rollback", "secrets")))


class Kind(Enum):
    """Who understands a command."""

    SEATRIAL = "seatrial"
    PYTEST = "pytest"
    MODULE = "python -m"
    CURL = "curl"
    MAKE = "make"
    GIT = "git"
    SQL = "SQL"
    PSQL = "psql's own"
    PATRONI = "patronictl"
    REDIS = "Redis"
    S3 = "S3"
    FOREIGN = "a program of whoever is on call"
    UNKNOWN = "unknown"


FIRST_WORDS = {
    "seatrial": Kind.SEATRIAL,
    "pytest": Kind.PYTEST,
    "python": Kind.MODULE,
    "curl": Kind.CURL,
    "make": Kind.MAKE,
    "patronictl": Kind.PATRONI,
    "git": Kind.GIT,
    "aws": Kind.S3,
    **dict.fromkeys(("select", "show", "update", "alter", "revoke"), Kind.SQL),
    **dict.fromkeys(("\\du", "\\dp", "\\password"), Kind.PSQL),
    **dict.fromkeys(("acl", "bgrewriteaof", "bgsave", "client", "config", "info", "object", "replicaof"), Kind.REDIS),
    **dict.fromkeys(("sentinel", "time", "type", "unlink"), Kind.REDIS),
    **dict.fromkeys(("xgroup", "xinfo", "xlen", "xpending", "xrange"), Kind.REDIS),
    **dict.fromkeys(("chmod", "cat", "dig", "openssl", "pg_checksums", "postgres", "sops"), Kind.FOREIGN),
    **dict.fromkeys(("amtool", "promtool", "ss", "ssh", "tofu", "touch", "unshare"), Kind.FOREIGN),
}
ALONE = {
    **dict.fromkeys(("TIME", "bgsave", "bgrewriteaof"), Kind.REDIS),
    **dict.fromkeys(("\\du", "\\password"), Kind.PSQL),
    **dict.fromkeys(("get-bucket-acl", "get-bucket-cors", "get-bucket-encryption", "get-bucket-policy"), Kind.S3),
    **dict.fromkeys(("get-bucket-lifecycle-configuration", "get-bucket-versioning", "put-object-retention"), Kind.S3),
    **dict.fromkeys(("abort-multipart-upload", "list-multipart-uploads"), Kind.S3),
}
# Of logs, settings and pages; and options of the command that was named just before.
QUOTED = {
    "--state DIR --base-port N",
    "--times 20",
    "--to DEPLOYMENT",
    "-- migrate:down",
    "-- migrate:up",
    "(in the clear)",
    "(no USER)",
    ".type = SECRET",
    "ALTER ROLE admin PASSWORD",
    "ALTER SYSTEM",
    "RECOVERY WINDOW OF 1 DAYS",
    "[expect] not_applicable",
    "[urls] app",
    "a secret cannot be read again",
    "minimum TLS version",
    "public ...",
    "recovery_target_action = 'pause'",
    "recovery_target_time = '2026-01-31 13:04:00+00'",
    "refused a request from another origin",
    "replica-priority 100",
    "restored log file",
    "status failed within",
    "unhandled error",
}
# What stands for a value in a page, with one that can be.
SAMPLES = {
    "ADDRESS": "127.0.0.1:1",
    "APP": "seatrial-production",
    "BUCKET": "masters",
    "C": "some_constraint",
    "COMMIT": "HEAD",
    "DEPLOYMENT": "00000000-0000-4000-8000-000000000000",
    "COMPONENT": "worker-1",
    "ENVIRONMENT": "local",
    "GROUP": "pg_monitor",
    "ID": "20260131T130400",
    "INSTANCE": "api-1",
    "JOB": "00000000-0000-4000-8000-000000000000",
    "KEY": "jobs:preview",
    "MOMENT": "2026-01-31T13:04:00+00:00",
    "N": "2",
    "NAME": "jwt",
    "PART": "api-1",
    "PREFIX": "masters/",
    "PROFILE": "local",
    "R": "api",
    "REGION": "us-east-1",
    "RELEASE": "0123456789ab",
    "SEED": "1",
    "T": "jobs",
    "TYPE": "table",
    "URL": "https://s3.example.test",
}
_PLACEHOLDER = re.compile(r"(?<![\w-])(" + "|".join(SAMPLES) + r")(?![\w-])")
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_HERE_DOCUMENT = re.compile(r"<<(\w+)\n.*?^\s*\1$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Command:
    """One command of a page.

    Attributes:
        place: "docs/runbooks/dr.md:42".
        section: the heading that it stands under, "DR-WK-01"; empty above the first one.
        text: as it is written, on one line.
    """

    place: str
    section: str
    kind: Kind
    text: str

    @property
    def filled(self) -> str:
        """The text with a value for each placeholder, optional arguments taken, without the path of the environment."""
        text = _PLACEHOLDER.sub(lambda found: SAMPLES[found[1]], self.text)
        return re.sub(r"\[(--[\w-]+)\]", r"\1", text)

    @property
    def words(self) -> list[str]:
        """The filled command as a shell gives it to its last program, without a comment."""
        return shlex.split(self.filled.rpartition(" | ")[2], comments=True)

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


def of_kind(kind: Kind) -> list[Command]:
    """Return the commands of all pages that one program understands; fails the test that asks for none."""
    found = [command for page in PAGES for command in commands(page) if command.kind is kind]
    assert found, f"no page has a command for {kind.value}"
    return found


def commands(page: Path) -> Iterator[Command]:
    """Give every command of a page, those of blocks first."""
    text = page.read_text()
    lines = text.splitlines()

    def command(at: int, said: str, kind: Kind) -> Command:
        section = next((line[3:] for line in reversed(lines[:at]) if line.startswith("## ")), "")
        return Command(f"{page}:{at}", section, kind, said)

    for at, said in _block_lines(text):
        yield command(at, said, kind_of(said))
    prose = _FENCED.sub(lambda block: "\n" * block[0].count("\n"), text)
    for found in _INLINE.finditer("\n".join("" if line.startswith("    ") else line for line in prose.split("\n"))):
        said, at = " ".join(found[1].split()), found.string.count("\n", 0, found.start()) + 1
        kind = kind_of(said) if " " in said else ALONE.get(said)
        if kind and said not in QUOTED:
            yield command(at, said, kind)


def kind_of(said: str) -> Kind:
    """Tell who understands a command, by its first word; what is piped into a program counts for that program."""
    first = bare(said.rpartition(" | ")[2]).split()[0]
    return FIRST_WORDS.get(Path(first).name if "/" in first else first.lower(), Kind.UNKNOWN)


def bare(said: str) -> str:
    """Take the path of the environment away."""
    return said.removeprefix(".venv/bin/")


def _block_lines(text: str) -> Iterator[tuple[int, str]]:
    """Give each command of a block without a language with its line's number; lines that go on are joined."""
    blocks = [(found.start(2), found[2]) for found in _FENCED.finditer(text) if not found[1]]
    blank = _FENCED.sub(lambda block: re.sub(r"[^\n]", "x", block[0]), text)
    blocks += [(found.start(), found[0]) for found in re.finditer(r"^(?: {4,}\S.*\n)+", blank, re.MULTILINE)]
    for start, block in sorted(blocks):
        whole = _HERE_DOCUMENT.sub(lambda here: f"<<{here[1]}" + "\0" * here[0].count("\n"), block)
        whole = re.sub(r"\\\n\s*", lambda _: " \0", whole)
        at = text.count("\n", 0, start) + 1
        for line in whole.split("\n"):
            if said := line.replace("\0", "").strip():
                yield at, bare(said)
            at += 1 + line.count("\0")
