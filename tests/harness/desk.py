"""A deployer's desk: a profile, a list of suites, a key, and a signed verdict to look at."""

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial import attest, cli, conclude, dsse, expected, publishing
from seatrial.basis import Basis, digests
from seatrial.outcome import Level, Outcome, Result, Severity
from seatrial.profile import load
from seatrial.verdict import Verdict, rule
from tests.results import result

SEED = base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip("=")
OTHER = base64.urlsafe_b64encode(bytes(range(1, 33))).decode().rstrip("=")
API, WORKER = (f"sha256:{hashlib.sha256(name).hexdigest()}" for name in (b"api", b"worker"))
ROWS = [
    expected.Row("INF-PG-01", "infra/test_pg.py", "test_pg", Severity.BLOCKER, Level.OBSERVE, alone=False),
    expected.Row("INF-RD-01", "infra/test_rd.py", "test_rd", Severity.MINOR, Level.OBSERVE, alone=False),
    expected.Row("INF-S3-01", "infra/test_s3.py", "test_s3", Severity.MAJOR, Level.OBSERVE, alone=False),
    expected.Row("SEC-TLS-01", "security/test_tls.py", "test_tls", Severity.BLOCKER, Level.EXERCISE, alone=False),
    expected.Row("DR-PG-01", "dr/test_pg.py", "test_loss", Severity.BLOCKER, Level.DESTROY, alone=True),
]
PROFILE = """\
name = "here"
max_impact = "destroy"

[urls]

[expect]
level = "exercise"

[expect.not_applicable]
INF-S3-01 = "there is no store here"
"""

Change = Callable[[dict[str, Any]], object]


def ended(row: expected.Row, outcome: Outcome) -> Result:
    return result(row.id, outcome, suite=row.suite, severity=row.severity, level=row.level)


class Desk:
    """Signs verdicts, and verifies them through the command line.

    Attributes:
        file: the attestation; verdict.json lies beside it.
    """

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.suites, self.profile, self.key = folder / "suites", folder / "here.toml", folder / "key.pub"
        self.file, self.report = folder / publishing.ATTESTATION, folder / "verdict.json"
        self.suites.mkdir()
        expected.write(self.suites, ROWS)
        self.profile.write_text(PROFILE)
        self.signer = dsse.Signer(SEED)
        self.key.write_text(self.signer.public.pem)
        self.sign()

    def verdict(self, **values: Any) -> Verdict:
        """Make a GO of the whole scope at exercise, which ended a minute ago."""
        results = [ended(row, Outcome.PASSED if row.level < Level.DESTROY else Outcome.NOT_RUN) for row in ROWS]
        required = ("INF-PG-01", "SEC-TLS-01")
        ruling, missing = rule(results, required)
        begun = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=90)
        made = Verdict(
            ruling=ruling,
            environment="here",
            release="r1",
            scope="all",
            level="exercise",
            started_at=begun.isoformat(timespec="seconds"),
            duration_s=30.0,
            results=tuple(results),
            required=required,
            missing=missing,
            harness=conclude.harness(),
            basis=Basis({"api": API, "worker": WORKER}, digests(load(self.profile), self.suites)),
        )
        return replace(made, **values)

    def statement(self, verdict: Verdict | None = None, armed: str = "") -> dict[str, Any]:
        """Give the statement of a verdict, this desk's own without one."""
        made = verdict or self.verdict()
        self.report.write_text(json.dumps(made.to_json()))
        statement: dict[str, Any] = json.loads(attest.make(made, armed, self.report.read_bytes(), made.waivers))
        return statement

    def sign(self, change: Change = lambda _: None, verdict: Verdict | None = None, armed: str = "") -> None:
        """Sign a statement that was changed before: whatever it says, its signature is good."""
        statement = self.statement(verdict, armed)
        change(statement)
        self.file.write_text(self.signer.sign(json.dumps(statement).encode()))

    def alter(self, change: Change) -> None:
        """Change the envelope after it was signed."""
        envelope = json.loads(self.file.read_text())
        change(envelope)
        self.file.write_text(json.dumps(envelope))

    def verify(self, *words: str, release: tuple[str, ...] = (API, WORKER)) -> tuple[int, str]:
        """Run `seatrial verdict verify`; give its exit code and what it said on standard error."""
        given = ["--key", self.key, "--profile", self.profile, "--suites", self.suites, *words, "--release", *release]
        try:
            code = cli.main(["verdict", "verify", str(self.file), *map(str, given)])
        except SystemExit as ended:
            code = int(str(ended.code))
        self.said, refusals = self._capsys.readouterr()
        return code, refusals


def trial(statement: dict[str, Any]) -> dict[str, Any]:
    """Give the annotations in which a statement says what was run."""
    (found,) = (each["annotations"] for each in statement["predicate"]["configuration"] if "annotations" in each)
    annotations: dict[str, Any] = found
    return annotations
