"""Recovery of what the object store still has: deleted and overwritten objects, from their versions."""

from system.recovery.moment import read_moment
from system.recovery.objects import Outcome, Taken, recover_objects

__all__ = ["Outcome", "Taken", "read_moment", "recover_objects"]
