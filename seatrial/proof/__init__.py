from seatrial.proof._figures import Figures, Share, figures
from seatrial.proof._known import KNOWN, Knowledge, likely, words
from seatrial.proof._picture import draw
from seatrial.proof._record import NAME, Record, digest, joined, last, read
from seatrial.proof._struck import parts_struck
from seatrial.proof._trial import Proof, Proven, worst_of_each

__all__ = [
    "KNOWN",
    "NAME",
    "Figures",
    "Knowledge",
    "Proof",
    "Proven",
    "Record",
    "Share",
    "digest",
    "draw",
    "figures",
    "joined",
    "last",
    "likely",
    "parts_struck",
    "read",
    "words",
    "worst_of_each",
]
