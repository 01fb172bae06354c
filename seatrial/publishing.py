"""From a verdict to its reports: written, signed, rendered and told by one trial at a time."""

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from seatrial.environment import Environment
from seatrial.outcome import Outcome
from seatrial.report import OUT, previous, site, summary, write
from seatrial.report._files import Folder
from seatrial.secrecy.redaction import Redactor
from seatrial.verdict import Verdict

if TYPE_CHECKING:
    from seatrial.dsse import Signer

ATTESTATION = "verdict.intoto.json"
"""The signed verdict's name among the reports."""


def earlier(environment: Environment, out: Path = OUT) -> list[dict[str, Any]]:
    """Return the results of the environment's last verdict, as plain JSON values; none without one."""
    verdict = previous(out, environment.profile.name)
    return list(verdict["results"]) if verdict else []


def withdraw(out: Path = OUT) -> None:
    """Take away the attestation of an earlier verdict, which nobody may take for this one's, however the trial ends.

    Raises OSError where no report can be written: that is told before a trial, and not after it.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=out):
        (out / ATTESTATION).unlink(missing_ok=True)


def publish(environment: Environment, verdict: Verdict, out: Path = OUT, *, with_site: bool = False) -> None:
    """Write the reports, signed where the environment signs and with the Allure site if asked for, and print the summary."""
    with _held(out):
        withdraw(out)
        signer = environment.signer
        why = "the profile names no key" if environment.signs else "only `seatrial gate` and `seatrial drill` sign"
        if signer and verdict.basis.unknown:
            signer, why = None, f"nobody tells which release this is: {verdict.basis.unknown}"
        signature = f"signed with key {signer.public.id}" if signer else f"not signed: {why}"
        verdict = replace(verdict, signature=environment.redactor.text(signature))
        write(verdict, out, previous(out, verdict.environment), redactor=environment.redactor)
        if signer:
            _sign(environment, verdict, signer, out)
        shutil.rmtree(out / "allure", ignore_errors=True)  # an older verdict's site would be taken for this one's
        if with_site and (note := site(out).note):
            print(note, file=sys.stderr)
        summary(verdict, Console(highlight=False), out, _likely_causes(verdict))


@contextmanager
def _held(out: Path) -> Iterator[None]:
    """Let no other trial write its reports here meanwhile: what is signed, rendered and told is the verdict.json that lies here."""
    out.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _likely_causes(verdict: Verdict) -> list[str]:
    if all(result.outcome is not Outcome.FAILED for result in verdict.results):
        return []
    from seatrial import proof  # noqa: PLC0415 - each process of a trial imports this module, and few see a failure

    return proof.likely(verdict.results)


def _sign(environment: Environment, verdict: Verdict, signer: "Signer", out: Path) -> None:
    """Write the attestation as it is: what is signed cannot be redacted afterwards, so its texts are before."""
    from seatrial.attest import make  # noqa: PLC0415 - each process of a trial imports this module, one signs

    armed = environment.arming.level
    used = environment.redactor.clean(verdict.waivers)
    report = (out / "verdict.json").read_bytes()
    statement = make(verdict, "" if armed is None else str(armed), report, used)
    Folder(out, Redactor()).put(ATTESTATION, signer.sign(statement) + "\n")
