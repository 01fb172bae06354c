from seatrial.facets.platform._disrupt import DisruptPlatform
from seatrial.facets.platform._observe import ExercisePlatform, ObservePlatform

__all__ = ["DisruptPlatform", "ExercisePlatform", "ObservePlatform"]
