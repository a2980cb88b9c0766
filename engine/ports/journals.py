"""What a journal must be able to do: everything that the daemon remembers."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from engine.core.actions import Action, IncidentPost
from engine.core.chains import AuditRow, Head
from engine.core.deliveries import (
    Claimed,
    DeliveryKind,
    DeliveryState,
    NewDelivery,
)
from engine.core.events import Inbound, Receipt, Signal
from engine.core.incidents import Incident, IncidentStatus
from engine.core.notices import Notice
from engine.core.objects import Json
from engine.core.plan import AuditEntry, Plan
from engine.core.practices import Change, Practice
from engine.core.publications import NodeReport, Publication, Published
from engine.core.records import (
    Accepted,
    Backlog,
    Decided,
    DeliveryHistory,
    DeliveryView,
    IncidentView,
    OpenCount,
    Swept,
    Unrouted,
)
from engine.core.reports import Measured
from engine.core.settlements import Settlement
from engine.core.signals import Answered


class Journal(Protocol):
    """Durable memory. A method that writes has committed to disk when it returns; it raises JournalUnavailable
    when it cannot write, and then nothing of the call has happened, unless the connection to a server broke while it
    committed. Asking again is safe for every method but `claim`, after which `give_back` restores order.
    """

    async def open(self, node: str, now: datetime) -> None:
        """Create or migrate the schema and break the leases of `node`'s earlier life (those rows become doubtful).

        Where the newest entry of the audit lies in the future the clock was set back meanwhile: then everything that
        waits is due.
        """
        ...

    async def close(self) -> None:
        """Finish queued writes, checkpoint and release the files. Idempotent."""
        ...

    async def accept(self, inbounds: Sequence[Inbound], now: datetime) -> tuple[Accepted, ...]:
        """Store the messages of one request in one transaction, in order, each once and in the conversation of its
        client, by whatever name it comes (see `core.identities`); write a `received` audit row for each new one. Raises
        Overloaded when the bound on open deliveries is reached.
        """
        ...

    async def unrouted(self, limit: int) -> tuple[Unrouted, ...]:
        """The oldest undecided message of each conversation, oldest first, at most `limit`."""
        ...

    async def record(
        self,
        inbox_id: int,
        plan: Plan,
        decision_log: Mapping[str, object],
        now: datetime,
        practice: Practice | None = None,
    ) -> str | None:
        """Write a plan: incident (allocating a gapless OC-<year>-<number> when its ticket is the mark; the year is
        that of `now`), deliveries with the ticket filled in, timers, audit, and the message's decision log. Returns the
        ticket. Does nothing but return the ticket when the message was recorded before. Raises Superseded when the
        conversation's open incident is no longer at `plan.expected_version`. With a `practice` an incident that is one
        of many with the same trouble joins or begins an outage (see `core.outages`).
        """
        ...

    async def claim(
        self, destination: str, kinds: Sequence[DeliveryKind], limit: int, lease: timedelta, now: datetime
    ) -> tuple[Claimed, ...]:
        """Lease due heads of lanes for one destination and commit the intent to send them: the highest priority first,
        then what was never tried, then the newest. An expired lease is claimed again with `doubtful` set and a higher
        token.
        """
        ...

    async def give_back(self, destination: str, under_way: Sequence[str], now: datetime) -> int:
        """Queue again, in doubt and due now, what this node holds for a destination except the deliveries that are
        `under_way`: a claim whose answer was lost. How many there were.
        """
        ...

    async def follow_clock(self, by: timedelta, now: datetime) -> None:
        """The clock was set by so much, back where that is negative, and tells `now` since. This node's leases last as
        long as before. After a step back what is due later than now, and first attempts that seem to come later than
        now, are dated back by as much.
        """
        ...

    async def finish(
        self,
        claimed: Claimed,
        settlement: Settlement,
        audit: Sequence[AuditEntry],
        then: Sequence[NewDelivery],
        now: datetime,
    ) -> bool:
        """Write what became of an attempt, and deliveries that follow from it. False, and nothing written, when the
        token is no longer the newest.
        """
        ...

    async def next_due(self, destination: str, kinds: Sequence[DeliveryKind]) -> datetime | None:
        """When the next delivery of these kinds may be claimed for one destination, an expiring lease included; None
        when nothing waits.
        """
        ...

    async def note_receipts(self, receipts: Sequence[Receipt], now: datetime, *, escalate_to: str) -> int:
        """Keep the networks' later words. One for a delivery that is in doubt (or sending) settles it as sent, or as
        dead when the status is failed; `failed` for a sent one marks it dead too with an audit row `failed`. Unknown
        keys are ignored. One without a key belongs to the delivery that went out as its message; else, unless a person
        wrote that by hand, to the oldest in doubt of what was to be said to the client, once nothing else is being sent
        there. An acknowledgement that dies leaves a note for the engineers, sent through `escalate_to`. Returns how
        many deliveries changed state.
        """
        ...

    async def note_signals(
        self, signals: Sequence[Signal], practice: Practice, now: datetime, *, hold: timedelta
    ) -> tuple[Answered, ...]:
        """Keep what happened in conversations, each once, with what follows (see `core.signals`), and learn further
        names of clients who wrote to us. A reply by hand that is an acknowledgement of ours is ignored. The clients
        whom a person answered for the first time, or whose incident an answer claims.
        """
        ...

    async def own(self, name: str, lease: timedelta, now: datetime) -> bool:
        """Become, or remain, the owner of something that only one node may have; whether this node is it now."""
        ...

    async def disown(self, name: str) -> None:
        """Give up what this node owns, so that another need not wait for the end of the lease."""
        ...

    async def act(self, actions: Sequence[Action], practice: Practice, now: datetime) -> tuple[Change, ...]:
        """Take what engineers did, each once, and write what follows (see `core.workflow`) in the same transaction.
        What is about no post of ours is passed over.
        """
        ...

    async def fire(self, name: str, limit: int, practice: Practice, now: datetime) -> tuple[Change, ...]:
        """Write what follows for the incidents whose timer of this name is due, in the same transaction; each counts
        once. An incident with an undecided message is passed over.
        """
        ...

    async def posts(self, destination: str, since: datetime) -> tuple[IncidentPost, ...]:
        """The posts that were sent there of the incidents that are not closed, and of those among the newest thousand
        that were closed since then; the oldest first.
        """
        ...

    async def in_doubt_since(self, destination: str, now: datetime) -> datetime | None:
        """Since when the oldest post may stand there whose id is not known yet, its answer being late or lost; None
        where there is no such post.
        """
        ...

    async def is_root(self, destination: str, receipt: str) -> bool:
        """Whether a post that was sent there is an incident's, closed or not; cheap enough for every reaction."""
        ...

    async def audit(self, entry: AuditEntry, now: datetime) -> None:
        """Add a row about the daemon itself (reloaded, paused, resumed)."""
        ...

    async def audit_head(self) -> Head:
        """How far the chain over the audit goes."""
        ...

    async def audited(self, start: int | None, limit: int, *, newest_first: bool) -> tuple[AuditRow, ...]:
        """A page of the audit: at most `limit` rows after the row `start`, or before it, the newest first; None
        begins. The last page is empty.
        """
        ...

    async def announce(self, notice: Notice, delivery: NewDelivery | None, now: datetime) -> bool:
        """Order a delivery that belongs to no message, in the transaction that notes the state of its matter; whether
        it was ordered. It is not when the matter was in that state before, nor when all is well as it always was.
        Without a delivery the state alone is noted.
        """
        ...

    async def set_paused(self, *, paused: bool, now: datetime) -> None:
        """Keep the kill switch across restarts, with its audit row."""
        ...

    async def paused(self) -> bool | None:
        """The kill switch as it was last set; None when it never was."""
        ...

    async def publish(self, sha: str, files: str, now: datetime) -> Publication:
        """Make a set of rules what all nodes are to run, with an audit row; of the earlier ones only a few are kept."""
        ...

    async def withdraw(self, now: datetime) -> Publication | None:
        """Leave every node to its own files, with an audit row; what was withdrawn, None when nothing was published."""
        ...

    async def publication(self) -> Publication | None:
        """What all nodes are to run, None for their own files; cheap enough for every second."""
        ...

    async def published(self) -> Published | None:
        """The same with its files."""
        ...

    async def report(self, report: NodeReport) -> None:
        """Keep what a node says of its rules, in place of what it said before."""
        ...

    async def forget_node(self, node: str) -> None:
        """Remove what a node said: it stops."""
        ...

    async def nodes(self, since: datetime) -> tuple[NodeReport, ...]:
        """What the nodes said that were heard of since then, by name."""
        ...

    async def backlog(self) -> Backlog:
        """Counts of open work; cheap enough for every probe."""
        ...

    async def incidents(self, status: IncidentStatus | None, limit: int) -> tuple[Incident, ...]:
        """The newest incidents first."""
        ...

    async def incident(self, ticket_id: str) -> IncidentView | None:
        """One incident with its history, or None."""
        ...

    async def deliveries(self, state: DeliveryState | None, limit: int) -> tuple[DeliveryView, ...]:
        """The newest deliveries first."""
        ...

    async def delivery(self, delivery_id: str) -> DeliveryHistory | None:
        """One delivery with its text and history, or None."""
        ...

    async def decided(self, since: datetime, before: int | None, limit: int) -> tuple[Decided, ...]:
        """A page of the messages that were accepted since then and are decided, the newest first: at most `limit`, from
        the newest or from below the id `before`. The last page is empty. Cost: that of the page.
        """
        ...

    async def measured(self, since: datetime, before: int | None, limit: int) -> tuple[Measured, ...]:
        """A page of the incidents that were opened since then, the newest first, without anything of their clients': at
        most `limit`, from the newest or from below the number `before`. The last page is empty. Cost: that of the page.
        """
        ...

    async def open_incidents(self) -> tuple[OpenCount, ...]:
        """How many incidents are open or claimed, in groups, and the oldest of each. Cost: that of what is open,
        5 ms for 10,000 (SQLite, measured 2026-11).
        """
        ...

    async def drop(self, delivery_id: str, reason: str, now: datetime) -> DeliveryState | None:
        """Give up a queued, dead or held delivery: it is dead with the reason as its error and an audit row, and the
        next of its lane may go. The state it had before, None when it does not exist; one in another state is left
        alone and its state returned.
        """
        ...

    async def redrive(self, delivery_id: str, now: datetime, reason: str = "") -> DeliveryState | None:
        """Queue a dead or held delivery again, due now, with an audit row that holds the reason; the state it had
        before, None when it does not exist. A delivery in another state is left alone and its state returned.
        """
        ...

    async def client(self, phone: str | None, conversation: tuple[str, str] | None, *, whole: bool) -> Json:
        """Everything that is kept of a client, or only how much; NotFound when that is nothing. The client is known by
        the phone number, or by connector and conversation.
        """
        ...

    async def erase(
        self, phone: str | None, conversation: tuple[str, str] | None, practice: Practice, now: datetime
    ) -> Json:
        """Erase a client, close what is open with all that follows from it, and tell how much it was; `gone` when no
        file holds its bytes any more.
        Raises NotFound when nothing is kept, and UsageError while a message is undecided or a delivery under way.
        """
        ...

    async def check(self) -> Json:
        """Whether the journal holds together, while it goes on: `findings`, each one sentence, and what it `holds`."""
        ...

    async def backup(self, path: Path) -> Json:
        """Write a copy of this moment into a new file, while the journal goes on, and verify it: as `check` tells,
        with its `bytes`; where something is wrong with the copy there is no file. Raises UsageError for a journal that
        is no file or a file that exists, and PermissionRefused.
        """
        ...

    async def sweep_signals(self, before: datetime, acted_before: datetime, now: datetime) -> None:
        """Remove the signals and waiting receipts that were kept before then, the holds that are over, and what
        engineers did before `acted_before` about incidents that are gone.
        """
        ...

    async def sweep(
        self, table: str, before: datetime, after: int | None, limit: int, *, remove: bool, clean: bool
    ) -> Swept:
        """Forget the texts, or remove the rows, of what is finished and older than `before`: at most `limit` of the
        incidents, messages or deliveries. `after` and `clean` are those of the batch before; None and True begin.
        """
        ...
