"""JUnit XML: what CI systems read.

A viewer of JUnit sees test cases only, so that required checks without a result and problems of the run itself become
test cases of their own with an error: a run that is not a GO never looks green.
"""

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from seatrial.outcome import Outcome, Result
from seatrial.report._files import json_text, printable
from seatrial.verdict import Verdict

_TAGS = {Outcome.FAILED: "failure", Outcome.INVALID: "error", Outcome.NOT_RUN: "skipped"}


def junit(verdict: Verdict) -> str:
    """Return the verdict as JUnit XML: one suite per folder of suites, FAILED = failure, INVALID = error."""
    root = Element("testsuites", name="seatrial", time=f"{verdict.duration_s:.3f}")
    facts = {"verdict": verdict.ruling, "environment": verdict.environment, "release": verdict.release}
    _properties(root, {**facts, "scope": verdict.scope, "level": verdict.level, "harness": verdict.harness})
    for name in sorted({result.suite for result in verdict.results}):
        cases = [_case(result, verdict) for result in verdict.results if result.suite == name]
        _suite(root, name, cases, sum(r.duration_s for r in verdict.results if r.suite == name))
    lacks = [(name, "required, but there is no result") for name in verdict.missing]
    lacks += [("run", problem) for problem in verdict.problems]
    if lacks:
        _suite(root, "run", [_lack(name, why) for name, why in lacks], 0.0)
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root.iter("testsuite"))))
    indent(root)
    return "<?xml version='1.0' encoding='utf-8'?>\n" + tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, name: str, cases: list[Element], time_s: float) -> None:
    suite = SubElement(root, "testsuite", name=printable(name), tests=str(len(cases)), time=f"{time_s:.3f}")
    for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(count, str(sum(case.find(tag) is not None for case in cases)))
    suite.extend(cases)


def _case(result: Result, verdict: Verdict) -> Element:
    name = printable(f"{result.id} {result.title}")
    case = Element(
        "testcase", classname=printable(f"suites.{result.suite}"), name=name, time=f"{result.duration_s:.3f}"
    )
    facts = {"id": result.id, "severity": result.severity, "level": result.level, "component": result.component}
    _properties(case, {**facts, "required": result.id in verdict.required, "marks": " ".join(result.marks)})
    if tag := _TAGS.get(result.outcome):
        found = [f"expected {f.expected}; saw {f.seen} (at {f.where})" for f in result.findings]
        message = result.reason or "; ".join(found) or str(result.outcome)
        body = SubElement(case, tag, message=printable(message), type=str(result.outcome))
        more = [f"repeat: {result.repeat}"] if result.repeat else []
        more += [f"runbook: {result.runbook}"] if result.runbook else []
        body.text = printable("\n".join([*(found or [message]), *more, result.log]).strip())
    if result.evidence:
        SubElement(case, "system-out").text = printable(json_text(result.evidence))
    return case


def _lack(name: str, why: str) -> Element:
    case = Element("testcase", classname="run", name=printable(name), time="0.000")
    SubElement(case, "error", message=printable(why), type="INCONCLUSIVE").text = printable(why)
    return case


def _properties(parent: Element, values: dict[str, object]) -> None:
    properties = SubElement(parent, "properties")
    for name, value in values.items():
        if value != "":
            SubElement(properties, "property", name=name, value=printable(str(value)))
