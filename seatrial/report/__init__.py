"""Reports of a verdict: JSON, JUnit, one HTML page, Allure, the terminal, and pages about checks."""

from seatrial.kept import OUT
from seatrial.report._changes import Change, Changes, compare, previous
from seatrial.report._site import Site, site
from seatrial.report._write import write
from seatrial.report.checklist import checklist
from seatrial.report.pages import CheckPage, FaultLine, render, render_all, write_pages
from seatrial.report.sign_off import Rows, sign_off
from seatrial.report.terminal import progress, summary

__all__ = [
    "OUT",
    "Change",
    "Changes",
    "CheckPage",
    "FaultLine",
    "Rows",
    "Site",
    "checklist",
    "compare",
    "previous",
    "progress",
    "render",
    "render_all",
    "sign_off",
    "site",
    "summary",
    "write",
    "write_pages",
]
