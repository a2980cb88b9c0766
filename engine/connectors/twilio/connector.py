"""WhatsApp through Twilio both ways: webhooks become inbound messages and receipts, acknowledgements become messages.

`receive` is called by `server` and does no I/O; `send` and `reconcile` are called by the relay, `listen` runs as a task
of its own (see `backfills`). The API has no idempotency key, and a status says nothing of ours but the address that it
was sent to: each message is given a status callback with the delivery's id in it, which Twilio signs. What is in doubt
is looked for in Twilio's list.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, quote

from loguru import logger

from engine.connectors.credentials import require
from engine.connectors.exchanges import Session
from engine.connectors.replies import Reply
from engine.connectors.troubles import trouble
from engine.connectors.turns import Turns
from engine.connectors.twilio import listings, notifications
from engine.connectors.twilio.backfills import Accept, Backfill
from engine.connectors.twilio.forms import Template, cut, receiver, template_form, text_form
from engine.connectors.twilio.listings import Listed
from engine.connectors.twilio.refusals import TOO_LATE, WINDOW_CLOSED, refusal
from engine.connectors.twilio.signatures import signed_body, signed_form
from engine.connectors.windows import Windows, remember
from engine.core.deliveries import (
    Acknowledgement,
    Claimed,
    Fault,
    Found,
    Outcome,
    Reconciled,
    Rejected,
    Relayed,
    Sent,
    ToClient,
    Unknown,
)
from engine.core.events import Receipt
from engine.ports import Clock, Health, Received, Refused, WebhookRequest

_VERSION: Final = "2010-04-01"
_FORM: Final = "application/x-www-form-urlencoded"
# Twilio sends some thirty.
_MOST_FIELDS: Final = 500
_DELIVERY: Final = "delivery"
# Twilio tells times in whole seconds, its own clock included.
_ROUNDING = timedelta(seconds=2)
# A message may wait at Twilio before WhatsApp gets it.
_MARGIN: Final = timedelta(minutes=10)
# How far back a message of ours is looked for.
_MOST_PAGES = 10


@dataclass(frozen=True, slots=True)
class Account:
    """A sender of a Twilio account, and where the account is."""

    sid: str
    # whatsapp:+…
    sender: str
    api_url: str
    # How many messages may leave in a second, and how long one client is left alone after each.
    per_second: float = 80
    per_client_gap: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Timing:
    """How patient the connector is."""

    # Bounds one exchange.
    timeout_s: float = 10
    # How long a request without an answer may take until the list shows what became of it.
    settling: timedelta = timedelta(seconds=5)
    # Twilio gives a webhook 15 seconds, at most twice.
    grace: timedelta = timedelta(seconds=35)
    # The pause between two back-fills; zero: none.
    backfill_every: timedelta = timedelta(minutes=5)


class Twilio:
    """One WhatsApp sender of a Twilio account."""

    # Each node may ask for the list: what two of them find the journal takes once.
    exclusive = False

    def __init__(
        self,
        name: str,
        account: Account,
        *,
        auth_token: str,
        webhook_url: str,
        clock: Clock,
        template: Template | None = None,
        timing: Timing | None = None,
    ) -> None:
        """`webhook_url` is the address that Twilio posts to. Raises ConfigurationError for an empty token or an
        unusable URL.
        """
        require(name, "auth token", auth_token)
        self.name = name
        self._sender = account.sender
        self._token = auth_token
        self._webhook_url = webhook_url
        self._clock = clock
        self._template = template
        self._timing = timing or Timing()
        self._session = Session("Twilio", account.api_url, auth_token, self._timing.timeout_s, user=account.sid)
        self._path = f"{_VERSION}/Accounts/{quote(account.sid)}"
        self._backfill = Backfill(name, self._session, self._path, account.sender, clock, self._timing.grace)
        self._problem = ""
        self._began = clock.elapsed()
        # What this process knows: whose message each is, when a delivery was tried last, whom a text reaches.
        self._known: dict[str, str] = {}
        self._tried: dict[str, timedelta] = {}
        self._windows = Windows(_MARGIN)
        self._turns = Turns(account.per_second, account.per_client_gap, clock)

    def receive(self, request: WebhookRequest) -> Received | Refused:
        """Verify the signature over the configured address, then read the message or the status."""
        if request.method != "POST":
            return Refused(404, "Twilio is to post: choose HTTP POST for the webhook")
        query = f"?{request.query_string}" if request.query_string else ""
        url, header = f"{self._webhook_url}{query}", request.headers.get("x-twilio-signature", "")
        fields: dict[str, str] = {}
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM:
            try:
                found = parse_qsl(
                    request.body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS
                )
            except ValueError:
                return Refused(400, "the form has too many fields")
            genuine, fields = signed_form(self._token, url, found, header), dict(found)
        else:
            genuine = signed_body(self._token, url, request.body, header)
        if not genuine:
            return Refused(401, "X-Twilio-Signature is missing or does not fit http.public_url, the body and the token")
        delivery = request.query.get(_DELIVERY, "")
        read = notifications.read(self.name, self._sender, fields, delivery, request.received_at)
        if isinstance(read, Refused):
            return read
        self._learn(read)
        return replace(read, receipts=tuple(map(self._explained, read.receipts)))

    def _learn(self, received: Received) -> None:
        for inbound in received.inbounds:
            if inbound.reply is not None:
                self._windows.learn(inbound.reply.peer, inbound.event.received_at)

    def _explained(self, receipt: Receipt) -> Receipt:
        if receipt.code not in WINDOW_CLOSED or self._template is None:
            return receipt
        return replace(receipt, reason=TOO_LATE, wants_template=True)

    async def start(self) -> None:
        """Make the connection pool."""
        self._session.open()

    async def close(self) -> None:
        """Drop the connections. Idempotent."""
        await self._session.close()

    async def listen(self, accept: Accept) -> None:
        """Take in what no webhook brought, until cancelled."""

        async def take(received: Received) -> None:
            self._learn(received)
            await accept(received)

        await self._backfill.run(take, self._timing.backfill_every)

    @staticmethod
    def is_of_use() -> bool:
        """The list can always be asked for."""
        return True

    async def send(self, claimed: Claimed) -> Outcome:
        """Send what is for the client; an acknowledgement as the approved template where WhatsApp takes nothing else.
        Any other kind is refused.
        """
        body = claimed.body
        if not isinstance(body, ToClient):
            return Rejected(Fault.PERMANENT, "kind", "WhatsApp cannot carry a post for engineers")
        client = receiver(body.peer)
        if client is None:
            return Rejected(Fault.PERMANENT, "peer", "the conversation names no WhatsApp number")
        if (refused := await self._turns.take(client)) is not None:
            return refused
        outcome = await self._say_either(claimed, body, client)
        self._turns.settle(client, outcome)
        self._note(outcome, claimed.id)
        return outcome

    async def _say_either(self, claimed: Claimed, body: ToClient, client: str) -> Outcome:
        """The text, or the template where that alone is taken."""
        if isinstance(body, Relayed):
            return await self._say(claimed, client, text_form(body))
        template = self._template
        now = self._clock.now()
        if template is not None and self._windows.is_shut(claimed, body, client, now):
            return await self._say(claimed, client, template_form(template, body))
        outcome = await self._say(claimed, client, text_form(body))
        if template is None or not isinstance(outcome, Rejected) or outcome.code not in WINDOW_CLOSED:
            return outcome
        self._windows.learn_refusal(claimed.id, now)
        return await self._say(claimed, client, template_form(template, body))

    async def _say(self, claimed: Claimed, client: str, content: dict[str, str]) -> Outcome:
        callback = f"{self._webhook_url}?{_DELIVERY}={quote(claimed.id, safe='')}"
        form = {"From": self._sender, "To": client, "StatusCallback": callback, **content}
        try:
            answer = await self._session.exchange("POST", f"{self._path}/Messages.json", form=form)
        finally:
            remember(self._tried, claimed.id, self._clock.elapsed())
        outcome = _outcome(answer) if isinstance(answer, Reply) else answer
        if isinstance(outcome, Sent):
            remember(self._known, outcome.receipt, claimed.id)
        return outcome

    async def reconcile(self, claimed: Claimed) -> Reconciled:
        """Look for the message among those that went from us to this client since the first attempt.

        Two equal texts to one client are told apart by two rules. A lane sends one delivery after the other, so what
        an earlier one said was created before this one's first attempt, by Twilio's clock, and does not count. What
        came later and is known to belong to another delivery (an operator redrove it meanwhile) does not count either;
        one more message than is known is this one's. Messages that failed told the client nothing and are not counted.
        A template's text is not known here. Where the list names a message's template, that tells; where it does not,
        another text of ours leaves a delivery undecided that may have gone out either way. One that goes out as the
        template only is taken for sent then: certain is just that Twilio has a message of ours for this client which is
        newer than its first attempt and no other delivery's.
        """
        body = claimed.body
        client = receiver(body.peer) if isinstance(body, ToClient) else None
        if client is None or not isinstance(body, ToClient):
            return Found.NOT_SENT
        await self._let_settle(claimed.id)
        listed = await self._said(client, claimed.first_attempt_at)
        if listed is None:
            return Found.UNDECIDED
        own = [one for one in listed if self._known.get(one.sid, claimed.id) == claimed.id and not one.failed]
        for one in reversed(own):
            if one.sid in self._known or self._says(one, body):
                remember(self._known, one.sid, claimed.id)
                return Sent(one.sid)
        may_be_template = self._template is not None and any(not one.content_sid for one in own)
        return Found.UNDECIDED if may_be_template else Found.NOT_SENT

    def _says(self, listed: Listed, body: ToClient) -> bool:
        if listed.content_sid:
            approved = self._template.content_sid if self._template else None
            return isinstance(body, Acknowledgement) and listed.content_sid == approved
        if isinstance(body, Acknowledgement) and body.template_only:
            return True
        return listings.same_text(listed.body, cut(body.text))

    async def _let_settle(self, delivery: str) -> None:
        """A request that was cut may still be on its way; one of an earlier life was made before this one began."""
        rest = self._timing.settling - (self._clock.elapsed() - self._tried.get(delivery, self._began))
        await asyncio.sleep(max(0.0, rest.total_seconds()))

    async def _said(self, client: str, since: datetime) -> list[Listed] | None:
        """Our messages to a client since then, the newest first; None when Twilio cannot tell.

        Not asked for by `DateSent`, which a message that waits at Twilio does not have yet.
        """
        query = {"To": client, "From": self._sender, "PageSize": listings.PAGE_SIZE}
        found: list[Listed] = []
        for _ in range(_MOST_PAGES):
            answer = await self._session.exchange("GET", f"{self._path}/Messages.json", query=query)
            page = listings.page(answer) if isinstance(answer, Reply) and answer.taken else None
            if page is None or not isinstance(answer, Reply):
                return None
            ahead = answer.date - self._clock.now() if answer.date else timedelta(0)
            begin = since + ahead - _ROUNDING
            found += [
                one
                for one in page.messages
                if not one.inbound and one.sender == self._sender and one.receiver == client and one.created_at >= begin
            ]
            if not page.query or any(one.created_at < begin for one in page.messages):
                return found
            query = page.query
        return None

    def health(self) -> Health:
        """Not ready after a refusal that is about us, or while Twilio cannot be reached, until an exchange succeeds."""
        problem = self._problem or self._backfill.problem()
        return Health(not problem, problem)

    def _note(self, outcome: Outcome, delivery: str) -> None:
        self._problem = trouble(outcome, self._problem)
        if isinstance(outcome, Rejected) and outcome.fault is Fault.MISCONFIGURED:
            logger.bind(connector=self.name, delivery=delivery, code=outcome.code).error("{}", outcome.reason)


def _outcome(reply: Reply) -> Outcome:
    if not reply.taken:
        return refusal(reply)
    sid = (reply.json_object() or {}).get("sid")
    return Sent(sid) if isinstance(sid, str) and sid else Unknown("an answer that says neither yes nor no")
