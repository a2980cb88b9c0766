"""Inbound: accept (persist), evaluate, plan, record.

Webhooks call `accept`; the daemon runs `run`. The journal is the queue: whatever was accepted and not yet decided is
read back from it, so that a restart continues exactly where a crash stopped, in the order of acceptance. This module
decides nothing itself and talks to no network.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from time import perf_counter
from typing import Protocol

from loguru import logger

from engine.core import contracts
from engine.core.answers import Circumstances, Wording
from engine.core.decisions import Decision
from engine.core.errors import JournalUnavailable, Superseded
from engine.core.events import Event, Inbound
from engine.core.fallbacks import Fallback, with_fallbacks
from engine.core.manners import Manners
from engine.core.plan import Plan, is_follow_up, plan
from engine.core.practices import Practice
from engine.core.records import Accepted, Unrouted
from engine.metrics import Metrics
from engine.ports import Clock, Journal

# How many messages are decided between two looks at the journal.
_BATCH = 256
# How many messages are remembered as accepted here.
_OWN_LIMIT = 10_000
# How long to wait for a wake-up before looking anyway; another process may have written.
_POLL_S = 1.0
# With several nodes, how long a message is left to the node that accepted it, which is seldom later than milliseconds.
PATIENCE_AMONG_NODES = timedelta(seconds=2)
# The pause after the journal refused to write.
_RETRY_S = 1.0

_ACK_NAMED = (
    "Hello {name}, I am sorry for what you are facing at the moment. Please note that we have received your request, "
    "and one of our engineers will get back to you shortly."
)
_ACK_NAMELESS = _ACK_NAMED.replace("Hello {name}", "Hello")


class Rules(Wording, Protocol):
    """The loaded rules, as far as deciding about a message is concerned."""

    def evaluate(self, event: Event, *, follow_up: bool = False) -> Decision:
        """The decision about one event; `follow_up` says that its conversation has an open incident. Pure."""
        ...

    def fallback(self, event: Event, error: str) -> Decision:
        """The default escalation, for when evaluation failed with `error`."""
        ...


class _BuiltInWording:
    """The default texts, for when a template itself is at fault."""

    @staticmethod
    def language(_event: Event, _template: str) -> str | None:
        return None

    @staticmethod
    def offers(_template: str) -> bool:
        return False

    @staticmethod
    def acknowledgement(_template: str, variables: Mapping[str, object]) -> str:
        name = variables.get("client_name")
        return _ACK_NAMED.format(name=name) if name else _ACK_NAMELESS

    @staticmethod
    def escalation(variables: Mapping[str, object]) -> tuple[str, str]:
        client = variables.get("client_name") or "Client"
        phone = variables.get("client_phone") or "number hidden"
        body = (
            f"Client: {client} ({phone})\n"
            f"Issue Summary: {variables['issue_summary']}\n"
            f'Original Message: "{variables["raw_text"]}"\n'
            f"Action: {variables['oncall']} please check WhatsApp and respond to the client now."
        )
        return "New WhatsApp Client Request", body


@dataclass(frozen=True, slots=True)
class Routing:
    """What the plan needs besides the message: where posts go and who is called."""

    # How the engineers work at this moment.
    practice: Callable[[], Practice]
    channel_override: str | None = None
    manners: Manners = field(default_factory=Manners)
    # The connectors whose clients' files are fetched.
    media_of: Collection[str] = ()
    # The connectors whose networks keep messages for us while we are away, and tell when each was written.
    keeping: frozenset[str] = frozenset()
    # The second way of a post that is not taken in time; None: there is none.
    fallback: Fallback | None = None


class Pipeline:
    """Turns accepted messages into recorded plans until it is stopped."""

    def __init__(
        self,
        journal: Journal,
        ruleset: Callable[[], Rules],
        routing: Routing,
        clock: Clock,
        metrics: Metrics,
        recorded: Callable[[], None],
        *,
        patience: timedelta = timedelta(0),
    ) -> None:
        """`ruleset` gives the rules in force for one message; `recorded` is called when deliveries may be waiting.
        A message that another node accepted is decided here once it is older than `patience`.
        """
        self._journal = journal
        self._ruleset = ruleset
        self._routing = routing
        self._clock = clock
        self._metrics = metrics
        self._recorded = recorded
        self._patience = patience
        # Messages that were accepted here and may be undecided; empty where every message is ours at once.
        self._own: set[int] = set()
        self._wake = asyncio.Event()
        self._stopping = False

    async def accept(self, inbounds: Sequence[Inbound]) -> tuple[Accepted, ...]:
        """Persist the messages of one request; only then may the network be answered. Raises JournalUnavailable."""
        accepted = await self._journal.accept(inbounds, self._clock.now())
        for inbound, answer in zip(inbounds, accepted, strict=True):
            if answer.duplicate:
                self._metrics.count_duplicates()
            else:
                self._metrics.count_accepted(inbound.connector)
                if self._patience:
                    self._own.add(answer.inbox_id)
        self._wake.set()
        return accepted

    def stop(self) -> None:
        """Let `run` return after the batch under way; undecided messages wait in the journal."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Decide accepted messages, oldest first, until `stop`. The journal's refusals are waited out."""
        while not self._stopping:
            self._wake.clear()
            try:
                settled = await self._route_batch()
            except JournalUnavailable as error:
                logger.error("decisions wait: {}", error)
                await asyncio.sleep(_RETRY_S)
                continue
            if not settled:
                await self._idle()

    async def _idle(self) -> None:
        try:
            async with asyncio.timeout(_POLL_S):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _route_batch(self) -> int:
        batch = [message for message in await self._journal.unrouted(_BATCH) if self._is_ours(message)]
        results = await asyncio.gather(*(self._route(message) for message in batch), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        if len(self._own) > _OWN_LIMIT:
            # Others have decided them while we were away; one that is still undecided is ours by its age.
            self._own.clear()
        if batch:
            self._recorded()
        return len(batch)

    def _is_ours(self, message: Unrouted) -> bool:
        # A message that seems to come from the future was accepted before the clock was set back.
        old = abs(self._clock.now() - message.accepted_at) >= self._patience
        return old or message.inbox_id in self._own

    async def _route(self, message: Unrouted) -> None:
        started = perf_counter()
        follow_up = is_follow_up(message.incident, message.inbound, message.accepted_at)
        decision, planned = self._decide(message, follow_up=follow_up)
        planned = with_fallbacks(planned, self._routing.fallback)
        took = timedelta(seconds=perf_counter() - started)
        written = contracts.decision_json(decision, follow_up=follow_up)
        try:
            now, practice = self._clock.now(), self._routing.practice()
            ticket = await self._journal.record(message.inbox_id, planned, written, now, practice)
        except Superseded:
            # Another message of this conversation was recorded in between: the next batch plans anew.
            return
        self._own.discard(message.inbox_id)
        self._metrics.count_decision(decision.priority.word, took)
        logger.bind(inbox=message.inbox_id, ticket=ticket, rule=decision.rule, priority=decision.priority.word).info(
            "decided"
        )

    def _decide(self, message: Unrouted, *, follow_up: bool) -> tuple[Decision, Plan]:
        ruleset = self._ruleset()
        now, manners, practice = self._clock.now(), self._routing.manners, self._routing.practice()
        circumstances = Circumstances(
            # As before, it may lie in the future, and nothing that is said now may wait for that.
            accepted_at=min(message.accepted_at, now),
            incident=message.incident,
            post=message.post,
            paused=practice.paused,
            held=message.held_until is not None and now < message.held_until,
            quiet=manners.quiet_at(now),
            late_after=manners.late_after if message.inbound.connector in self._routing.keeping else None,
            fetch_media=message.inbound.connector in self._routing.media_of,
            muted_until=message.muted_until,
            outages=message.outages,
            mention=practice.duty.mention(),
            mention_mode=practice.mention_mode,
            duty=practice.duty,
            environment=practice.environment,
            escalate_to=practice.escalate_to,
            channel_override=self._routing.channel_override,
        )
        try:
            decision = ruleset.evaluate(message.inbound.event, follow_up=follow_up)
            return decision, plan(message.inbound, decision, ruleset, circumstances)
        except Exception as error:  # noqa: BLE001 - the guard: a fault in a rule must not silence a client
            return self._stand_in(message, ruleset, circumstances, error)

    def _stand_in(
        self, message: Unrouted, ruleset: Rules, circumstances: Circumstances, error: Exception
    ) -> tuple[Decision, Plan]:
        self._metrics.count_evaluation_failure()
        # The type only: a message could carry the client's words.
        fault = type(error).__name__
        logger.bind(inbox=message.inbox_id).error("evaluation failed ({}); the default escalation stands in", fault)
        decision = ruleset.fallback(message.inbound.event, fault)
        wording: Wording = _BuiltInWording()
        return decision, plan(message.inbound, decision, wording, circumstances)
