from seatrial.facets.platform._destroy import DestroyPlatform
from seatrial.facets.platform._disrupt import DisruptPlatform
from seatrial.facets.platform._observe import ExercisePlatform, ObservePlatform

__all__ = ["DestroyPlatform", "DisruptPlatform", "ExercisePlatform", "ObservePlatform"]
