from seatrial.facets.cloud._destroy import DestroyCloud
from seatrial.facets.cloud._observe import ObserveCloud

__all__ = ["DestroyCloud", "ObserveCloud"]
