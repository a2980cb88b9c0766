"""What the daemon counts and measures, in the words of the design, for Prometheus to fetch from `/metrics`.

The pipeline, the relay, the reloader and the server each report what happened by a method named after it; `app` makes
the one instance of the process and hands it to them. Labels hold names out of engine.yaml and closed sets of words,
never anything of a client's: no phone, conversation, ticket or text.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from engine.core.decisions import Priority
from engine.core.incidents import IncidentStatus
from engine.core.records import OpenCount
from engine.core.reports import Step

# Seconds. The figure to hold for a decision is 150 microseconds.
_EVALUATION_BUCKETS = (0.00005, 0.0001, 0.00015, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 1.0)
# Seconds. What people do takes from half a minute to a day.
_PEOPLE_BUCKETS = (30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
# Seconds. A write waits for the disk, and among nodes for a network.
_JOURNAL_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0)
# Seconds. The figures to hold are 10 and 30 milliseconds; the long tail shows the outage of a network.
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
        self._steps = _step_histograms(registry)
        self._changes = Counter(
            "engine_incident_changes",
            "What engineers and timers did about incidents, and how",
            ["kind", "way"],
            registry=registry,
        )
        self._calls = Counter(
            "engine_calls",
            "Calls because nobody had claimed an incident",
            ["kind"],
            registry=registry,
        )
        self._incidents = Gauge(
            "engine_incidents_open", "Incidents that are open or claimed", ["status", "priority"], registry=registry
        )
        self._incidents_oldest = Gauge(
            "engine_incidents_oldest_seconds", "Age of the oldest of them", ["status", "priority"], registry=registry
        )
        self._outages = Gauge("engine_outages_open", "Outages that are not over", registry=registry)
        self._journal = Histogram(
            "engine_journal_seconds",
            "Time until the journal had read, or had written durably",
            ["operation"],
            buckets=_JOURNAL_BUCKETS,
            registry=registry,
        )
        self._journal_refusals = Counter(
            "engine_journal_refusals", "Reads and writes that the journal refused", ["operation"], registry=registry
        )
        # From 0 on, or nobody could see the first one as an increase.
        for operation in ("read", "write"):
            self._journal_refusals.labels(operation)
        self._connection = Gauge(
            "engine_connection_state", "1 for the state of a connection", ["connector", "state"], registry=registry
        )
        self._unclean_ends = Counter(
            "engine_connection_unclean_ends",
            "Ends of a connection with which messages may have gone",
            ["connector"],
            registry=registry,
        )
        self._parts = Gauge(
            "engine_part_ready", "1 while a connector, or what else is needed, can work", ["part"], registry=registry
        )
        self._backlog = Gauge(
            "engine_backlog_deliveries", "Deliveries by state", ["destination", "state"], registry=registry
        )
        self._oldest = Gauge(
            "engine_backlog_oldest_seconds", "Age of the oldest open delivery", ["destination"], registry=registry
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

    def observe_step(self, step: Step, priority: Priority, took: timedelta) -> None:
        """An incident has come to a step, that long after its beginning; see `Step` for where each begins."""
        self._steps[step].labels(priority.word).observe(max(0.0, took.total_seconds()))

    def count_change(self, kind: str, way: str) -> None:
        """An engineer or a timer did something about an incident: the word of the audit, and `tallies.way`."""
        self._changes.labels(kind, way).inc()

    def count_calls(self, kind: str, number: int) -> None:
        """Somebody was called because nobody had claimed an incident: "reminder" or "page"."""
        self._calls.labels(kind).inc(number)

    def observe_journal(self, operation: str, took: timedelta) -> None:
        """The journal has carried out a "read" or a "write"."""
        self._journal.labels(operation).observe(took.total_seconds())

    def count_journal_refusal(self, operation: str) -> None:
        """The journal could not carry out a "read" or a "write"."""
        self._journal_refusals.labels(operation).inc()

    def set_connection(self, connector: str, before: str, state: str) -> None:
        """A connection is in another state than before."""
        if before:
            self._connection.labels(connector, before).set(0)
        if state:
            self._connection.labels(connector, state).set(1)

    def count_unclean_end(self, connector: str) -> None:
        """A connection ended in a way that may have lost messages."""
        self._unclean_ends.labels(connector).inc()

    def set_backlog(
        self, unrouted: int, deliveries: Mapping[tuple[str, str], int], oldest: Mapping[str, timedelta]
    ) -> None:
        """The open work now, and how old the oldest of each destination is. What is absent reads 0 from then on, not
        its last figure.
        """
        self._unrouted.set(unrouted)
        _clear(self._backlog)
        _clear(self._oldest)
        for (destination, state), count in deliveries.items():
            self._backlog.labels(destination, state).set(count)
        for destination, age in oldest.items():
            self._oldest.labels(destination).set(age.total_seconds())

    def set_incidents(self, counts: Collection[OpenCount], now: datetime) -> None:
        """The incidents that are open or claimed. What is absent reads 0 from then on."""
        _clear(self._incidents)
        _clear(self._incidents_oldest)
        groups: dict[tuple[str, str], tuple[int, float]] = {}
        for one in counts:
            if not one.outages:
                # Nobody need claim what belongs to an outage.
                status = "outage" if one.members and one.status is IncidentStatus.OPEN else one.status
                group = (status, one.priority.word)
                count, age = groups.get(group, (0, 0.0))
                groups[group] = (count + one.count, max(age, (now - one.oldest_at).total_seconds()))
        for group, (count, age) in groups.items():
            self._incidents.labels(*group).set(count)
            self._incidents_oldest.labels(*group).set(age)
        self._outages.set(sum(one.count for one in counts if one.outages))

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

    def set_part_ready(self, part: str, *, ready: bool | None) -> None:
        """Whether a part can work: a connector, the ears in the engineers' chat, on-call. None: another node has it, so
        that this one says nothing of it.
        """
        if ready is None:
            self._parts.remove(part)
        else:
            self._parts.labels(part).set(ready)

    def set_ready(self, *, ready: bool) -> None:
        """The answer of `/readyz`."""
        self._ready.set(ready)

    def render(self) -> tuple[bytes, str]:
        """The page in Prometheus' text format, and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST


def _step_histograms(registry: CollectorRegistry) -> Mapping[Step, Histogram]:
    told = {
        Step.ACKNOWLEDGED: ("acknowledgement", "the durable message until its acknowledgement was sent", _SENT_BUCKETS),
        Step.CLAIMED: ("claim", "a client's message until somebody claimed the incident", _PEOPLE_BUCKETS),
        Step.ANSWERED: ("first_answer", "a client's message until a person first answered", _PEOPLE_BUCKETS),
        Step.RESOLVED: ("resolution", "a client's message until the incident was resolved", _PEOPLE_BUCKETS),
    }
    return {
        step: Histogram(f"engine_{name}_seconds", f"Time from {what}", ["priority"], buckets=buckets, registry=registry)
        for step, (name, what, buckets) in told.items()
    }


def _clear(gauge: Gauge) -> None:
    """Set everything that a gauge has told to 0."""
    for family in gauge.collect():
        for sample in family.samples:
            gauge.labels(**sample.labels).set(0)
