"""What drills are made of: a rehearsal with its clock, and the ledger of what was acknowledged meanwhile."""

from seatrial.drills._drill import Drill
from seatrial.drills._ledger import Audit, Ledger, require_whole
from seatrial.drills._outage import Outage, outage
from seatrial.drills._stages import RTO, of_many, stage_rows

__all__ = ["RTO", "Audit", "Drill", "Ledger", "Outage", "of_many", "outage", "require_whole", "stage_rows"]
