"""Count jobs, attempts and the queue; labels are words of a fixed list."""

from prometheus_client import Counter, Gauge, Histogram, Info

__all__ = [
    "attempts",
    "busy",
    "dead_letters",
    "encoder",
    "encoder_fallbacks",
    "job_seconds",
    "lease_losses",
    "outbox_sent",
    "previews",
    "queue_messages",
    "requeued",
]

_BUCKETS_S = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)

previews = Counter(
    "previews", "Jobs that reached their end: ready, failed (bad input), dead (attempts used up).", ["outcome"]
)
attempts = Counter(
    "job_attempts", "Attempts by how they ended: done, bad_input, error, outage, lost, released.", ["outcome"]
)
job_seconds = Histogram("job_duration_seconds", "Time from claim to published preview.", buckets=_BUCKETS_S)
busy = Gauge("worker_busy", "1 while a job is being worked on.")
encoder = Info("worker_encoder", "Which encoder has proven itself.")
encoder_fallbacks = Counter(
    "worker_encoder_fallbacks", "Times that the first encoder tried did not work and another did."
)
lease_losses = Counter("job_lease_losses", "Jobs that another worker took over while this one worked on them.")
outbox_sent = Counter("outbox_sent", "Messages that the relay put on the stream.")
requeued = Counter("jobs_requeued", "Unfinished jobs whose message had vanished from the stream.")
queue_messages = Gauge("queue_messages", "Entries on the job stream, waiting or being worked on.")
dead_letters = Gauge("queue_dead_letters", "Entries on the dead-letter stream.")
