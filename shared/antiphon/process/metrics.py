"""The metrics of the plumbing: each name once, with what it means. Seconds and counts, as Prometheus wants them."""

from prometheus_client import Counter, Gauge, Histogram

# How far this service is behind: records in the partition that it has not taken effect of yet.
CONSUMER_LAG = Gauge("antiphon_consumer_lag_records", "Records not yet handled", ["topic", "partition"])
# Events that took effect, by type.
EVENTS_HANDLED = Counter("antiphon_events_handled_total", "Events that took effect", ["type"])
# Time of one batch: handler and commit.
BATCH_SECONDS = Histogram(
    "antiphon_batch_seconds",
    "Time to handle and commit one batch",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
# How many events one batch had.
BATCH_EVENTS = Histogram(
    "antiphon_batch_events", "Events in one batch", buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500)
)
# Events that could not be understood or handled.
DEAD_LETTERS = Counter("antiphon_dead_letters_total", "Events that became dead letters", ["topic"])
# Batches that were given up because another consumer had moved on: normal in a rebalance.
BATCHES_FENCED = Counter(
    "antiphon_batches_fenced_total", "Batches dropped because the progress row had moved"
)
# Times a batch had to wait because the database or the broker was away.
BATCHES_RETRIED = Counter("antiphon_batches_retried_total", "Batches retried after a transient failure")
# Records that retention removed before this service read them: these are lost to it.
RECORDS_MISSED = Counter("antiphon_records_missed_total", "Records removed before they were read", ["topic"])
# Age of the oldest event that waits to be published; 0 when none does.
OUTBOX_AGE = Gauge("antiphon_outbox_oldest_seconds", "Age of the oldest unpublished event")
# Events published to Kafka and acknowledged.
EVENTS_PUBLISHED = Counter("antiphon_events_published_total", "Events acknowledged by Kafka", ["topic"])
# Events that Kafka refused for good and that were taken out of the outbox with the reason.
EVENTS_PARKED = Counter(
    "antiphon_events_parked_total", "Outgoing events refused for good by Kafka", ["topic"]
)
# How many of them are parked now, as the service's leading relay sees it: 0 in other processes.
PARKED_EVENTS = Gauge("antiphon_parked_events", "Outgoing events that wait until a person sends them again")
# Requests by route, method and status.
REQUESTS = Counter("antiphon_http_requests_total", "HTTP requests", ["route", "method", "status"])
# Times that a background task failed for a reason that is not transient. The service logs it and runs the task again.
TASK_FAILURES = Counter("antiphon_task_failures_total", "Failures of background tasks", ["task"])
