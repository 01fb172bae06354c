"""`seatrial checklist` and `report`: what is written from the last verdict."""

import argparse
import os
from pathlib import Path

from seatrial.report import OUT, Rows, checklist, sign_off, site
from seatrial.verbs.common import Verbs, last_verdict, read_json


def add_to(verbs: Verbs) -> None:
    """Add the verbs."""
    listed = verbs.add("checklist", _checklist, "write a checklist that the last verdict and the last prove answer")
    listed.add_argument(
        "--suite", action="append", default=[], metavar="NAME", help="only this suite (may be repeated)"
    )
    listed.add_argument("--title", default="Checklist")
    listed.add_argument(
        "--rows", type=Path, metavar="FILE", help="answer the rows of this file (TOML) instead, with a sign-off"
    )
    listed.add_argument("--write", type=Path, required=True, metavar="FILE")
    listed.add_argument("--out", type=Path, default=OUT, help=f"folder of reports (default: {OUT})")
    report = verbs.add("report", _report, "build the Allure site from the last verdict's results")
    report.add_argument("--out", type=Path, default=OUT)


def _checklist(options: argparse.Namespace) -> int:
    verdict, proofs = last_verdict(options.out), read_json(options.out / "prove.json")
    rows = [row for row in verdict["results"] if not options.suite or row["suite"] in options.suite]
    folder = options.write.resolve().parent
    if options.rows:
        signed = sign_off(Rows.read(options.rows), verdict, checks=os.path.relpath("docs/checks", folder))
        options.write.write_text(signed.text, encoding="utf-8")
        print(f"wrote {options.write}: {signed.summary}")
        return 0
    text = checklist(
        options.title,
        {**verdict, "results": rows},
        proofs or [],
        checks=os.path.relpath("docs/checks", folder),
        report=os.path.relpath(options.out / "verdict.html", folder),
    )
    options.write.write_text(text, encoding="utf-8")
    print(f"wrote {options.write}: {len(rows)} checks, verdict {verdict['verdict']} of {verdict['started_at']}")
    return 0


def _report(options: argparse.Namespace) -> int:
    made = site(options.out)
    print(made.index or made.note)
    return 0 if made.index else 2
