"""Signed verdicts: an in-toto statement in a DSSE envelope, and what a deployer demands of one."""

from seatrial.attest._demands import Demands
from seatrial.attest._dsse import LONGEST_BYTES, PAYLOAD_TYPE, PublicKey, Refused, Signer, opened, pae
from seatrial.attest._statement import PREDICATE_TYPE, Statement, make, parse

__all__ = [
    "LONGEST_BYTES",
    "PAYLOAD_TYPE",
    "PREDICATE_TYPE",
    "Demands",
    "PublicKey",
    "Refused",
    "Signer",
    "Statement",
    "make",
    "opened",
    "pae",
    "parse",
]
