"""Write every report of a verdict."""

from pathlib import Path
from typing import Any

from seatrial import kept
from seatrial.kept import OUT
from seatrial.report._allure import write_results
from seatrial.report._changes import compare, history_file
from seatrial.report._files import Folder
from seatrial.report._junit import junit
from seatrial.report._page import page
from seatrial.secrecy.redaction import Redactor
from seatrial.verdict import Verdict


def write(
    verdict: Verdict, out: Path = OUT, previous: dict[str, Any] | None = None, *, redactor: Redactor | None = None
) -> None:
    """Write verdict.json, junit.xml, verdict.html and allure-results/, and keep the verdict as the environment's last.

    Args:
        verdict: with redacted data; every file's text passes the redactor once more.
        out: the folder, made when it is not there; other files in it stay.
        previous: the environment's last verdict.json, from `previous(out, environment)`.
        redactor: knows the secrets of this run.
    """
    folder = Folder(out, redactor or Redactor())
    changes = None if previous is None else compare(verdict, previous)
    data = verdict.to_json()
    folder.put_json("verdict.json", data)
    folder.put("junit.xml", junit(verdict))
    folder.put("verdict.html", page(verdict, changes))
    write_results(verdict, out / "allure-results", redactor or Redactor())
    shown = (file for result in verdict.results for _, file in kept.named(result.evidence))
    kept.forget_others(out, verdict.environment, shown)
    folder.put_json(str(history_file(out, verdict.environment).relative_to(out)), data)
