"""Signed verdicts: an in-toto statement about a trial, and what a deployer demands of one."""

from seatrial.attest._demands import Demands
from seatrial.attest._statement import PREDICATE_TYPE, Statement, make, parse

__all__ = [
    "PREDICATE_TYPE",
    "Demands",
    "Statement",
    "make",
    "parse",
]
