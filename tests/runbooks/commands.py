"""The commands that the runbooks, and the other pages for whoever runs this, have people type.

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
OTHERS = "backups deploy dr-plan go-live load monitoring mutants observe pipeline rebuild rollback secrets topology"
PAGES = (Path("README.md"), *RUNBOOKS, *(Path("docs", f"{name}.md") for name in OTHERS.split()))


class Kind(Enum):
    """Who understands a command."""

    SEATRIAL = "seatrial"
    PYTEST = "pytest"
    MODULE = "python -m"
    CURL = "curl"
    MAKE = "make"
    LOCUST = "locust"
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
    "locust": Kind.LOCUST,
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
    **dict.fromkeys(("cd", "docker", "doctl", "export", "psql", "redis-cli", "sha256sum"), Kind.FOREIGN),
}
ALONE = {
    **dict.fromkeys(("TIME", "bgsave", "bgrewriteaof"), Kind.REDIS),
    **dict.fromkeys(("\\du", "\\password"), Kind.PSQL),
    **dict.fromkeys(("get-bucket-acl", "get-bucket-cors", "get-bucket-encryption", "get-bucket-policy"), Kind.S3),
    **dict.fromkeys(("get-bucket-lifecycle-configuration", "get-bucket-versioning", "put-object-retention"), Kind.S3),
    **dict.fromkeys(("abort-multipart-upload", "list-multipart-uploads"), Kind.S3),
}
# Of logs, settings, source and pages; and options or verbs of the command that was named just before.
QUOTED = {
    "--arm destroy=local",
    "--expect-workers 4",
    "--headless --record FILE",
    "--journey play",
    "--level destroy",
    "--max-age 2h",
    "--noise cpu",
    "--scope SUITE|ID",
    "--state DIR --base-port N",
    "--times 20",
    "--to DEPLOYMENT",
    "--workers 4",
    "-target digitalocean_database_cluster.postgres -target digitalocean_database_cluster.valkey",
    "-var environment=staging -var vpc_range=10.20.0.0/20 -var 'hosts=[...]'",
    "-- migrate:down",
    "-- migrate:up",
    "(in the clear)",
    "(no USER)",
    ".type = SECRET",
    "ALTER ROLE admin PASSWORD",
    "ALTER SYSTEM",
    "METHOD /route/{template}",
    "RECOVERY WINDOW OF 1 DAYS",
    "[expect] not_applicable",
    "[urls] app",
    "a secret cannot be read again",
    "and revoked_at is null",
    "encode preview",
    "if TYPE_CHECKING",
    'if __name__ == "__main__"',
    "if not x",
    "if x",
    "is not",
    "logs api-1",
    'max_impact = "observe"',
    "minimum TLS version",
    "not in",
    "not x",
    "process jobs:preview",
    "public ...",
    "recovery_target_action = 'pause'",
    "recovery_target_time = '2026-01-31 13:04:00+00'",
    "refused a request from another origin",
    "replica-priority 100",
    "restored log file",
    "status failed within",
    "unhandled error",
    '{"patch": [{"find", "replace"}]}',
    '{"release": "2026-11-27-1", "images": {"seatrial-api": "sha256:...", ...}}',
    '{"undone": N}',
    "{component: {KEY: value}}",
}
# What stands for a value in a page, with one that can be.
SAMPLES = {
    "ADDRESS": "127.0.0.1:1",
    "APP": "seatrial-production",
    "BUCKET": "masters",
    "C": "some_constraint",
    "COMMIT": "HEAD",
    "COPY": "profiles/production.toml",
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
    "RECORD": "docs/proof.json",
    "REGION": "us-east-1",
    "RELEASE": "0123456789ab",
    "S": "infra",
    "SEED": "1",
    "T": "jobs",
    "TYPE": "table",
    "URL": "https://s3.example.test",
    "my/profile.toml": "examples/minimal/profile.toml",
    "my/suites": "examples/minimal/suites",
    "profiles/production-before.toml": "profiles/production.toml",
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
        return re.sub(r"\[(--[\w-]+(?: \S+)?|\S+)(?: \.\.\.)?\]", r"\1", text)

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
    """Take variables and the path of the environment away."""
    return re.sub(r"^(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?", "", said)


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
