"""What an operator may ask of the running daemon, in terms of the journal and the rules.

`control` carries these calls over the Unix socket; `app` hands in the parts. Answers are camelCase JSON and carry no
text of a client, except `incident`, which is asked for by name, and `decided`, which exists to try rules on texts.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

from loguru import logger

from engine.core import contracts
from engine.core.chains import AuditRow
from engine.core.deliveries import DeliveryState
from engine.core.errors import NotFound, UsageError
from engine.core.incidents import IncidentStatus
from engine.core.masking import mask_text
from engine.core.objects import Json
from engine.core.practices import Practice
from engine.core.records import AuditView, Decided, DeliveryView
from engine.metrics import Metrics
from engine.ports import Clock, Healthy, Journal

# Of the words with which an operator drops a delivery, in characters.
_REASON_LIMIT = 200


class Switch:
    """The kill switch: while it is off, clients are not acknowledged automatically."""

    def __init__(self, journal: Journal, clock: Clock, metrics: Metrics) -> None:
        self._journal = journal
        self._clock = clock
        self._metrics = metrics
        self._paused = False

    def paused(self) -> bool:
        """Whether acknowledgements are held."""
        return self._paused

    async def restore(self, *, acknowledge: bool) -> None:
        """Take the state that an operator last set; `acknowledge` of engine.yaml when nobody ever did."""
        kept = await self._journal.paused()
        self._paused = (not acknowledge) if kept is None else kept
        self._metrics.set_paused(paused=self._paused)

    async def follow(self) -> bool:
        """Take over what an operator set through another daemon of the same journal; whether that changed anything."""
        kept = await self._journal.paused()
        if kept is None or kept == self._paused:
            return False
        self._paused = kept
        self._metrics.set_paused(paused=kept)
        logger.warning("acknowledgements are {} by way of another node", "paused" if kept else "resumed")
        return True

    async def turn(self, *, paused: bool) -> None:
        """Pause or resume, durably."""
        await self._journal.set_paused(paused=paused, now=self._clock.now())
        self._paused = paused
        self._metrics.set_paused(paused=paused)
        logger.warning("acknowledgements are {}", "paused" if paused else "resumed")


class ReloadRules(Protocol):
    """How the rules are reloaded."""

    async def __call__(self, *, wait: bool) -> Json:
        """What became of it; without waiting only that it has begun."""
        ...


class Operations:
    """The calls of `control`."""

    def __init__(
        self,
        journal: Journal,
        switch: Switch,
        connectors: Mapping[str, Healthy],
        clock: Clock,
        *,
        reload_rules: ReloadRules,
        describe: Callable[[], Awaitable[Json]],
        practice: Callable[[], Practice],
        wake: Callable[[], None],
    ) -> None:
        """`describe` tells version, start time, rules, nodes and what does not work, `practice` how the engineers
        work; `wake` makes the relay look at the journal.
        """
        self._journal = journal
        self._switch = switch
        self._connectors = connectors
        self._clock = clock
        self._reload = reload_rules
        self._describe = describe
        self._practice = practice
        self._wake = wake

    async def status(self) -> Json:
        """The whole daemon on one page."""
        backlog = await self._journal.backlog()
        deliveries: dict[str, dict[str, int]] = {}
        for (destination, state), count in sorted(backlog.deliveries.items()):
            deliveries.setdefault(destination, {})[state.value] = count
        connectors = {}
        for name, connector in self._connectors.items():
            health = connector.health()
            connectors[name] = {"ready": health.ready, "problem": health.problem, "state": health.state}
        return {
            **await self._describe(),
            "paused": self._switch.paused(),
            "unrouted": backlog.unrouted,
            "deliveries": deliveries,
            "oldest": {name: _instant(moment) for name, moment in sorted(backlog.oldest.items())},
            "connectors": connectors,
        }

    async def pause(self) -> Json:
        """Hold acknowledgements; posts go on and say so."""
        await self._switch.turn(paused=True)
        return {"paused": True}

    async def resume(self) -> Json:
        """Acknowledge again, what was held included."""
        await self._switch.turn(paused=False)
        self._wake()
        return {"paused": False}

    async def reload(self, *, wait: bool) -> Json:
        """Reload the rules, and wait for the result or only begin."""
        return await self._reload(wait=wait)

    async def incidents(self, status: str | None, limit: int) -> list[Json]:
        """The newest incidents, without their texts."""
        wanted = IncidentStatus(_known(status, IncidentStatus)) if status else None
        found = await self._journal.incidents(wanted, limit)
        return [contracts.incident_json(incident, None) for incident in found]

    async def incident(self, ticket: str) -> Json:
        """One incident with its text and history."""
        view = await self._journal.incident(ticket)
        if view is None:
            raise NotFound(f'no incident "{ticket}": `engine incidents list` shows the tickets')
        return {
            **contracts.incident_json(view.incident, view.raw_text),
            "decisions": [dict(decision) for decision in view.decisions],
            "deliveries": [_delivery(delivery) for delivery in view.deliveries],
            "audit": [_audit(row) for row in view.audit],
        }

    async def deliveries(self, state: str | None, limit: int) -> list[Json]:
        """The newest deliveries."""
        wanted = DeliveryState(_known(state, DeliveryState)) if state else None
        return [_delivery(delivery) for delivery in await self._journal.deliveries(wanted, limit)]

    async def delivery(self, delivery_id: str) -> Json:
        """One delivery with its text and history."""
        history = await self._journal.delivery(delivery_id)
        if history is None:
            raise _no_delivery(delivery_id)
        return {
            **_delivery(history.view),
            "doubtful": history.doubtful,
            "ahead": history.ahead,
            "receipt": history.receipt,
            "body": history.body,
            "receipts": [
                {"status": receipt.status, "code": receipt.code, "at": _instant(receipt.at)}
                for receipt in history.receipts
            ],
            "audit": [_audit(row) for row in history.audit],
        }

    async def decided(self, since: datetime, before: int | None, limit: int) -> list[Json]:
        """A page of decided messages, the newest first, with texts and decision logs; the last page is empty."""
        return [_decided(message) for message in await self._journal.decided(since, before, limit)]

    async def measured(self, since: datetime, before: int | None, limit: int) -> list[Json]:
        """A page of incidents with their times, the newest first; the last page is empty."""
        return [contracts.measured_json(one) for one in await self._journal.measured(since, before, limit)]

    async def audit_head(self) -> Json:
        """Where the chain over the audit ends."""
        head = await self._journal.audit_head()
        return {"rows": head.rows, "chain": head.chain}

    async def audited(self, start: int | None, limit: int, *, newest_first: bool) -> list[Json]:
        """A page of the audit; `details` is the text that the digest is over."""
        return [_audit_row(row) for row in await self._journal.audited(start, limit, newest_first=newest_first)]

    async def drop(self, delivery_id: str, reason: str) -> Json:
        """Give up a delivery, so that what waits behind it goes on."""
        before = await self._journal.drop(delivery_id, _reason(reason), self._clock.now())
        if before is None:
            raise _no_delivery(delivery_id)
        if before in {DeliveryState.SENDING, DeliveryState.SENT}:
            raise UsageError(
                f"delivery {delivery_id} is {before.value}: only what waits, is dead or held can be dropped"
            )
        self._wake()
        return {"id": delivery_id, "was": before.value, "state": DeliveryState.DEAD.value}

    async def redrive(self, delivery_id: str, reason: str) -> Json:
        """Send a dead or held delivery again; a reason may be given."""
        before = await self._journal.redrive(delivery_id, self._clock.now(), _reason(reason) if reason else "")
        if before is None:
            raise _no_delivery(delivery_id)
        if before not in {DeliveryState.DEAD, DeliveryState.HELD}:
            raise UsageError(f"delivery {delivery_id} is {before.value}: only dead and held ones can be redriven")
        self._wake()
        return {"id": delivery_id, "was": before.value, "state": DeliveryState.QUEUED.value}

    async def client(self, phone: str | None, conversation: str | None, *, whole: bool) -> Json:
        """Everything that is kept of a client, or only how much."""
        return await self._journal.client(phone, _conversation(conversation), whole=whole)

    async def erase(self, phone: str | None, conversation: str | None) -> Json:
        """Erase a client."""
        named = _conversation(conversation)
        told = await self._journal.erase(phone, named, self._practice(), self._clock.now())
        self._wake()
        return told

    async def check_journal(self) -> Json:
        """Whether the journal holds together."""
        return await self._journal.check()

    async def back_up(self, file: str) -> Json:
        """Write a copy of the journal into a new file."""
        path = Path(file)
        if not path.is_absolute() or "\0" in file:
            raise UsageError("the file of a backup is named by its whole path")
        logger.info("the journal is copied by an operator")
        return await self._journal.backup(path)


def _conversation(written: str | None) -> tuple[str, str] | None:
    if not written:
        return None
    connector, colon, conversation_id = written.partition(":")
    if not (connector and colon and conversation_id):
        raise UsageError("a conversation is written CONNECTOR:ID, e.g. main:wa-BSUID")
    return connector, conversation_id


def _reason(written: str) -> str:
    """An operator's words for the audit."""
    reason = written.strip()
    if not reason or not reason.isprintable() or len(reason) > _REASON_LIMIT:
        raise UsageError(f"a reason of one line is needed, of {_REASON_LIMIT} characters at most")
    if mask_text(reason) != reason:
        raise UsageError("the reason holds what looks like a phone number; the audit keeps no client's data")
    return reason


def _no_delivery(delivery_id: str) -> NotFound:
    return NotFound(f'no delivery "{delivery_id}": `engine deliveries list` shows the ids')


def _known(word: str, kind: type[IncidentStatus] | type[DeliveryState]) -> str:
    words = [member.value for member in kind]
    if word not in words:
        raise UsageError(f'there is no state "{word}": one of {", ".join(words)}')
    return word


def _decided(message: Decided) -> Json:
    log = message.decision
    return {
        "id": message.inbox_id,
        "acceptedAt": _instant(message.accepted_at),
        "event": contracts.event_json(message.inbound.event) if message.inbound else None,
        "decision": None if log is None else dict(log),
        # The log knows best; earlier versions did not write it there.
        "followUp": message.joined or bool(log and log.get("followUp")),
    }


def _delivery(view: DeliveryView) -> Json:
    return {
        "id": view.id,
        "kind": view.kind.value,
        "state": view.state.value,
        "destination": view.destination,
        "ticketId": view.ticket_id,
        "attempts": view.attempts,
        "createdAt": _instant(view.created_at),
        "dueAt": _instant(view.due_at),
        "sentAt": _instant(view.sent_at),
        "error": view.error,
    }


def _audit(row: AuditView) -> Json:
    return {"at": _instant(row.at), "kind": row.kind, "ticketId": row.ticket_id, "details": dict(row.details)}


def _audit_row(row: AuditRow) -> Json:
    return {
        "seq": row.seq,
        "at": _instant(row.at),
        "kind": row.kind,
        "ticketId": row.ticket_id,
        "messageId": row.inbox_id,
        "subject": row.subject,
        "details": row.details,
        "chain": row.chain,
    }


def _instant(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
