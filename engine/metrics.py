"""What the daemon counts and measures, in the words of the design, for Prometheus to fetch from `/metrics`.

The pipeline, the relay, the reloader and the server each report what happened by a method named after it; `app` makes
the one instance of the process and hands it to them. Labels hold names out of engine.yaml and closed sets of words,
never anything of a client's: no phone, conversation, ticket or text.
"""

from collections.abc import Mapping
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

# Seconds. The figure to hold for a decision is 150 microseconds.
_EVALUATION_BUCKETS = (0.00005, 0.0001, 0.00015, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 1.0)
# Seconds. The figures to hold are 10 and 30 milliseconds; the long tail shows the outage of a network.
_ANSWER_BUCKETS = (60, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
_SENT_BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)


class Metrics:
    """The metrics of one daemon, on a registry of their own: two daemons in one process never mix."""

    def __init__(self) -> None:
        # The `_created` series double the page and nobody reads them.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        registry = CollectorRegistry()
        self._registry = registry
        # Memory, file descriptors and processor time of this process.
        ProcessCollector(registry=registry)
        self._accepted = Counter(
            "engine_events_accepted", "Messages made durable for the first time", ["connector"], registry=registry
        )
        self._duplicates = Counter(
            "engine_events_duplicate", "Messages that had been accepted before", registry=registry
        )
        self._refused = Counter(
            "engine_events_refused", "Requests not taken, by HTTP status", ["connector", "status"], registry=registry
        )
        self._decisions = Counter("engine_decisions", "Decisions", ["priority"], registry=registry)
        self._evaluation_failures = Counter(
            "engine_evaluation_failures", "Messages that got the default escalation after a fault", registry=registry
        )
        self._evaluation = Histogram(
            "engine_evaluation_seconds",
            "Time from event to decision and texts",
            buckets=_EVALUATION_BUCKETS,
            registry=registry,
        )
        self._deliveries = Counter(
            "engine_deliveries", "Deliveries that entered a state", ["destination", "kind", "state"], registry=registry
        )
        self._attempts = Counter(
            "engine_delivery_attempts",
            "Calls of networks by what came of them",
            ["destination", "outcome"],
            registry=registry,
        )
        self._accepted_to_sent = Histogram(
            "engine_accepted_to_sent_seconds",
            "Time from the durable message until the network took what follows from it",
            ["kind"],
            buckets=_SENT_BUCKETS,
            registry=registry,
        )
        self._answered = Histogram(
            "engine_first_answer_seconds",
            "Time from a client's message until a person first answered it on WhatsApp",
            buckets=_ANSWER_BUCKETS,
            registry=registry,
        )
        self._connection = Gauge(
            "engine_connection_state", "1 for the state of a connection", ["connector", "state"], registry=registry
        )
        self._unclean_ends = Counter(
            "engine_connection_unclean_ends",
            "Ends of a connection with which messages may have gone",
            ["connector"],
            registry=registry,
        )
        self._backlog = Gauge(
            "engine_backlog_deliveries", "Deliveries by state", ["destination", "state"], registry=registry
        )
        self._unrouted = Gauge("engine_backlog_unrouted", "Accepted messages without a decision", registry=registry)
        self._reload_ok = Gauge(
            "engine_rules_reload_ok", "1 while the rules in force are the ones on disk", registry=registry
        )
        self._rules = Gauge("engine_rules_loaded", "1 for the rule-set in force", ["sha"], registry=registry)
        self._paused = Gauge("engine_paused", "1 while acknowledgements are paused", registry=registry)
        self._ready = Gauge("engine_ready", "1 while the daemon can do all of its work", registry=registry)

    def count_accepted(self, connector: str) -> None:
        """A new message is durable."""
        self._accepted.labels(connector).inc()

    def count_duplicates(self) -> None:
        """A network sent a message again."""
        self._duplicates.inc()

    def count_refused(self, connector: str, status: int) -> None:
        """A request to a configured connector was answered with an error."""
        self._refused.labels(connector, status).inc()

    def count_decision(self, priority: str, took: timedelta) -> None:
        """A message has its decision."""
        self._decisions.labels(priority).inc()
        self._evaluation.observe(took.total_seconds())

    def count_evaluation_failure(self) -> None:
        """The rules failed on a message, and the default escalation stands in."""
        self._evaluation_failures.inc()

    def count_attempt(self, destination: str, outcome: str) -> None:
        """A network was called; `outcome` is the class of its answer."""
        self._attempts.labels(destination, outcome).inc()

    def count_delivery(self, destination: str, kind: str, state: str) -> None:
        """A delivery entered `state`."""
        self._deliveries.labels(destination, kind, state).inc()

    def observe_sent(self, kind: str, since_accepted: timedelta) -> None:
        """A network took a delivery, that long after the message behind it was accepted."""
        self._accepted_to_sent.labels(kind).observe(since_accepted.total_seconds())

    def observe_answered(self, since_written: timedelta) -> None:
        """A person answered a client for the first time in an incident."""
        self._answered.observe(since_written.total_seconds())

    def set_connection(self, connector: str, before: str, state: str) -> None:
        """A connection is in another state than before."""
        if before:
            self._connection.labels(connector, before).set(0)
        if state:
            self._connection.labels(connector, state).set(1)

    def count_unclean_end(self, connector: str) -> None:
        """A connection ended in a way that may have lost messages."""
        self._unclean_ends.labels(connector).inc()

    def set_backlog(self, unrouted: int, deliveries: Mapping[tuple[str, str], int]) -> None:
        """The open work now. A (destination, state) that is absent reads 0 from then on, not its last figure."""
        self._unrouted.set(unrouted)
        for family in self._backlog.collect():
            for sample in family.samples:
                self._backlog.labels(**sample.labels).set(0)
        for (destination, state), count in deliveries.items():
            self._backlog.labels(destination, state).set(count)

    def set_rules(self, sha: str) -> None:
        """This rule-set is in force, and no other."""
        self._rules.clear()
        self._rules.labels(sha).set(1)

    def set_reload_ok(self, *, ok: bool) -> None:
        """Whether the rules in force are the ones on disk."""
        self._reload_ok.set(ok)

    def set_paused(self, *, paused: bool) -> None:
        """The kill switch."""
        self._paused.set(paused)

    def set_ready(self, *, ready: bool) -> None:
        """The answer of `/readyz`."""
        self._ready.set(ready)

    def render(self) -> tuple[bytes, str]:
        """The page in Prometheus' text format, and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
