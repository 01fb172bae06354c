"""Count what the edge serves and how its cache does; labels are words of a fixed list."""

from prometheus_client import Counter, Gauge

__all__ = [
    "bytes_sent",
    "cache_bytes",
    "cache_evictions",
    "cache_objects",
    "cache_requests",
    "cache_unwritten",
    "plays",
    "refusals",
]

plays = Counter("plays", "Answers that began at the first byte, by variant.", ["variant"])
bytes_sent = Counter("edge_body_bytes", "Bytes of objects sent.")
refusals = Counter("edge_refused_links", "Requests whose link was not valid.")
cache_requests = Counter(
    "edge_cache_requests", "Look-ups: hit, confirmed, miss, replaced, stale, missing, unavailable.", ["result"]
)
cache_unwritten = Counter(
    "edge_cache_unwritten", "Objects that the cache could not write, and that were read from the store."
)
cache_bytes = Gauge("edge_cache_bytes", "Bytes in the cache and on their way into it.")
cache_objects = Gauge("edge_cache_objects", "Objects in the cache.")
cache_evictions = Counter("edge_cache_evictions", "Objects removed to make room.")
