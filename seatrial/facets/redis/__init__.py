from seatrial.facets.redis._destroy import DestroyRedis
from seatrial.facets.redis._observe import ObserveRedis, PendingEntry

__all__ = ["DestroyRedis", "ObserveRedis", "PendingEntry"]
