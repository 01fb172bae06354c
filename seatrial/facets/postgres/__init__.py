from seatrial.facets.postgres._destroy import DestroyPg
from seatrial.facets.postgres._disrupt import DisruptPg
from seatrial.facets.postgres._exercise import ExercisePg, ScratchSession
from seatrial.facets.postgres._observe import ObservePg

__all__ = ["DestroyPg", "DisruptPg", "ExercisePg", "ObservePg", "ScratchSession"]
