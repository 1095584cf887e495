"""What Prometheus may ask of the API. Others import the attributes; `/metrics` serves them all."""

from prometheus_client import Counter, Gauge, Histogram

EVENTS_ACCEPTED = Counter("sojourn_events_accepted", "Events stored, each once", ["source"])
EVENTS_REPEATED = Counter("sojourn_events_repeated", "Events sent again and therefore not stored again", ["source"])
EVENTS_QUARANTINED = Counter("sojourn_events_quarantined", "Items that could not be understood", ["reason"])
INGEST_SECONDS = Histogram(
    "sojourn_ingest_seconds",
    "From a request's arrival to its commit",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
DELIVERIES_RELAYED = Counter("sojourn_deliveries_relayed", "Deliveries handed to Temporal")
DELIVERIES_WAITING = Gauge("sojourn_deliveries_waiting", "Deliveries not yet handed to Temporal")
RELAY_FAILURES = Counter("sojourn_relay_failures", "Calls to Temporal that failed and are tried again", ["reason"])
ENROLMENTS_RESTARTED = Counter("sojourn_enrolments_restarted", "Enrolments the reconciler restarted from their trace")
ENROLMENTS_BROKEN = Counter("sojourn_enrolments_broken", "Enrolments nobody could restart: a person must look")
WEBHOOKS_REFUSED = Counter("sojourn_webhooks_refused", "Webhooks not believed", ["provider", "flaw"])
WEBHOOK_REPORTS = Counter("sojourn_webhook_reports", "What providers' reports came to", ["provider", "result"])
