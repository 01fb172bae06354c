"""Count what the business asks about."""

from prometheus_client import Counter

__all__ = ["outbox_deferred", "playback_links", "promotions", "sign_ins", "uploads"]

sign_ins = Counter("sign_ins", "Sign-ins by outcome.", ["outcome"])
uploads = Counter("uploads", "Uploads completed and queued.")
outbox_deferred = Counter("outbox_deferred", "Jobs that the stream did not take at once; the relay sends them.")
promotions = Counter("promotions", "Masters written.")
playback_links = Counter("playback_links", "Playback links signed.", ["variant"])
