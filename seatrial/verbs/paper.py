"""`seatrial checklist`, `proof` and `report`: what is written from the last verdict and the last prove."""

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seatrial import inventory, proof
from seatrial.errors import UsageError
from seatrial.proof.page import Registry, page
from seatrial.registry import load_faults
from seatrial.report import OUT, Rows, checklist, sign_off, site
from seatrial.verbs.common import Verbs, last_verdict, with_suites


def add_to(verbs: Verbs) -> None:
    """Add the verbs."""
    listed = verbs.add("checklist", _checklist, "write a checklist that the last verdict and the last prove answer")
    listed.add_argument(
        "--suite", action="append", default=[], metavar="NAME", help="only this suite (may be repeated)"
    )
    listed.add_argument("--title", help="what stands above it (default: Checklist)")
    listed.add_argument(
        "--rows", type=Path, metavar="FILE", help="answer the rows of this file (TOML) instead, with a sign-off"
    )
    listed.add_argument("--write", type=Path, required=True, metavar="FILE", help="where to")
    listed.add_argument("--out", type=Path, default=OUT, help=f"folder of reports (default: {OUT})")
    proven = verbs.add("proof", _proof, "write what the last prove has proven, and what a failing gate diagnoses by")
    proven.add_argument(
        "records", nargs="*", type=Path, metavar="RECORD", help=f"the parts of one proof (default: {OUT / proof.NAME})"
    )
    with_suites(proven)
    proven.add_argument(
        "--faults", type=Path, action="append", help="folder of faults (default: faults; may be repeated)"
    )
    proven.add_argument("--write", type=Path, default=proof.KNOWN.parent, metavar="DIR", help="default: docs")
    report = verbs.add("report", _report, "build the Allure site from the last verdict's results")
    report.add_argument("--out", type=Path, default=OUT, help=f"folder of reports (default: {OUT})")


def _checklist(options: argparse.Namespace) -> int:
    verdict = last_verdict(options.out)
    folder = options.write.resolve().parent
    if options.rows:
        if options.suite or options.title:
            raise UsageError("--rows names its own title and checks: leave out --suite and --title")
        signed = sign_off(Rows.read(options.rows), verdict, checks=os.path.relpath("docs/checks", folder))
        options.write.write_text(signed.text, encoding="utf-8")
        print(f"wrote {options.write}: {signed.summary}")
        return 0
    suites = {row["suite"] for row in verdict["results"]}
    if unknown := set(options.suite) - suites:
        raise UsageError(
            f"no check of a suite {min(unknown)!r} in the last verdict (there are: {', '.join(sorted(suites))})"
        )
    rows = [row for row in verdict["results"] if not options.suite or row["suite"] in options.suite]
    report = options.out.resolve() / "verdict.html"
    proofs, note = _trials(options.out, verdict)
    text = checklist(
        options.title or "Checklist",
        {**verdict, "results": rows},
        proofs,
        note=note,
        checks=os.path.relpath("docs/checks", folder),
        # What lies elsewhere is read by others, who have no reports of ours.
        report=os.path.relpath(report, folder) if folder.is_relative_to(report.parent) else "",
    )
    options.write.write_text(text, encoding="utf-8")
    print(f"wrote {options.write}: {len(rows)} checks, verdict {verdict['verdict']} of {verdict['started_at']}")
    return 0


def _proof(options: argparse.Namespace) -> int:
    files = options.records or [OUT / proof.NAME]
    try:
        record = proof.joined({file: proof.read(file) for file in files})
    except FileNotFoundError as error:
        raise UsageError(f"no {error.filename}: run `seatrial prove` first") from None
    faults = load_faults(*(options.faults or [Path("faults")]))
    known = proof.Knowledge.of(record)
    text = page(record, Registry(inventory.collect(options.suites), faults), known)
    written = [options.write / f"{proof.KNOWN.stem}.md", options.write / proof.KNOWN.name]
    for file, content in zip(written, (text, json.dumps(known.to_json(), indent=1) + "\n"), strict=True):
        file.write_text(content, encoding="utf-8")
    print(f"wrote {' and '.join(map(str, written))}: {len(record.trials)} trials of release {record.release}")
    return 0


def _trials(out: Path, verdict: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """Return how each fault's trial ended, by the last prove of the verdict's environment, and what is to be said of them.

    A fault that was tried several times is told as it proved least.
    """
    if (record := proof.last(out)) is None:
        return [], ""
    if record.environment != verdict["environment"]:
        return [], f"No fault counts as tried: the last `seatrial prove` was of environment {record.environment}."
    trials = proof.worst_of_each(record.trials).values()
    older = sum(trial.tree != record.tree or record.release != verdict["release"] for trial in trials)
    note = f"Of {len(trials)} faults that were tried, {older} were on an earlier state of the tree." if older else ""
    return [trial.to_json() for trial in trials], note


def _report(options: argparse.Namespace) -> int:
    made = site(options.out)
    print(made.index or made.note)
    return 0 if made.index else 2
