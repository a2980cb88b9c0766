"""WhatsApp's Cloud API both ways: notifications become inbound messages, acknowledgements become messages.

`receive` is called by `server`, does no I/O and keeps nothing but hints (see `clients`); `send` and `reconcile` are
called by the relay. The API has no idempotency key and no look-up, but it repeats `biz_opaque_callback_data` in each
status: the delivery's id travels there, and a doubtful delivery is settled when its status comes in. A message is said
in another way (as a template, to the number instead of the user id) only after WhatsApp has certainly refused the
first, and with the same key.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final, assert_never
from urllib.parse import quote

from loguru import logger

from engine.connectors.credentials import require, same, signed
from engine.connectors.exchanges import Session
from engine.connectors.replies import Reply
from engine.connectors.troubles import trouble
from engine.connectors.turns import Turns
from engine.connectors.whatsapp_cloud.clients import Clients
from engine.connectors.whatsapp_cloud.fields import listed, word
from engine.connectors.whatsapp_cloud.notifications import Notifications, read
from engine.connectors.whatsapp_cloud.numbers import Number
from engine.connectors.whatsapp_cloud.refusals import (
    NO_TEMPLATE,
    Remedy,
    refusal,
    remedy_of,
    sentence_of,
    standstill,
    wants_number,
    wants_template,
)
from engine.connectors.whatsapp_cloud.templates import Template, template_content
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
from engine.core.peers import digits_of
from engine.ports import Clock, Health, Received, Refused, WebhookRequest

# Meta's limit for the body of a text message.
_LONGEST_TEXT: Final = 4096
# How long an acknowledgement waits at most for the blue ticks and "typing…" to be shown before it.
_COURTESY_S = 1.0
# What Meta's own message ids begin with; only such a message can be marked as read.
_OWN_MESSAGE = "wamid."


class WhatsAppCloud:
    """One phone number of a WhatsApp business account."""

    def __init__(self, name: str, number: Number, clock: Clock) -> None:
        """Raises ConfigurationError for an empty secret or an unusable URL."""
        require(name, "app secret", number.app_secret)
        require(name, "verify token", number.verify_token)
        self.name = name
        self._number = number
        self._clock = clock
        self._path = f"{quote(number.api_version)}/{quote(number.phone_number_id)}/messages"
        self._session = Session("the Graph API", number.api_url, number.access_token, number.timeout_s)
        self._clients = Clients()
        self._turns = Turns(number.per_second, number.per_client_gap, clock)
        self._problem = ""
        # The refusal that holds for everybody, and until when by `Clock.elapsed` nobody is tried again.
        self._refused: Rejected | None = None
        self._still_until = timedelta(0)

    def receive(self, request: WebhookRequest) -> Received | Refused:
        """Answer Meta's verification, or verify the signature over the raw body and read the notifications."""
        if request.method == "GET":
            return self._verify(request)
        if not signed(self._number.app_secret, request.body, request.headers.get("x-hub-signature-256", "")):
            return Refused(401, "X-Hub-Signature-256 is missing or does not fit the body and the app secret")
        found = read(self.name, self._number.phone_number_id, request.body, request.received_at)
        if isinstance(found, Refused):
            return found
        self._learn(found)
        return Received(found.inbounds, tuple(map(self._explained, found.receipts)), found.signals)

    def _learn(self, found: Notifications) -> None:
        if found.skipped:
            logger.bind(connector=self.name).warning("skipped {} unreadable parts of a webhook", found.skipped)
        for code in found.errors:
            sentence = sentence_of(code) or "an error that is unknown here: look into WhatsApp Manager"
            logger.bind(connector=self.name).warning("Meta reports: {}", sentence)
        for inbound, sender in zip(found.inbounds, found.senders, strict=True):
            self._clients.learn(inbound, sender)

    def _explained(self, receipt: Receipt) -> Receipt:
        if remedy_of(receipt.code) is not Remedy.TEMPLATE:
            return receipt
        if self._number.template is None:
            return replace(receipt, reason=NO_TEMPLATE)
        return replace(receipt, wants_template=True)

    def _verify(self, request: WebhookRequest) -> Received | Refused:
        token = request.query.get("hub.verify_token", "").encode("utf-8", "backslashreplace")
        if request.query.get("hub.mode") != "subscribe" or not same(token, self._number.verify_token):
            return Refused(403, "hub.mode or hub.verify_token is not as agreed")
        challenge = request.query.get("hub.challenge", "")
        return Received(answer=challenge) if challenge else Refused(400, "is missing", "hub.challenge")

    async def start(self) -> None:
        """Make the connection pool."""
        self._session.open()

    async def close(self) -> None:
        """Drop the connections. Idempotent."""
        await self._session.close()

    async def send(self, claimed: Claimed) -> Outcome:
        """Send what is for the client as a text message, an acknowledgement in need as the template; any other kind is
        refused.
        """
        body = claimed.body
        if not isinstance(body, ToClient):
            return Rejected(Fault.PERMANENT, "kind", "WhatsApp cannot carry a post for engineers")
        receiver = _receiver(body.peer)
        if receiver is None:
            return Rejected(Fault.PERMANENT, "peer", "the conversation names neither a WhatsApp number nor a user id")
        client = "".join(receiver.values())
        if (refused := await self._turns.take(client)) is not None:
            return refused
        if (refused := self._standstill()) is not None:
            self._turns.settle(client, refused)
            return refused
        outcome = await self._say(claimed, body, receiver)
        self._turns.settle(client, outcome)
        self._note(outcome, claimed.id)
        return outcome

    async def _say(self, claimed: Claimed, body: ToClient, receiver: dict[str, str]) -> Outcome:
        if isinstance(body, Relayed):
            return await self._reach(claimed.id, receiver, _text_content(body.text))
        ((field, value),) = receiver.items()
        too_late = self._clients.is_too_late(claimed, body, f"{field}:{value}", self._clock.now())
        if too_late and self._number.template is not None:
            return await self._say_template(claimed.id, body, receiver, self._number.template)
        # Without a template the text is tried all the same: the client may have written since, where we did not see it.
        if self._number.read_receipts and not too_late and claimed.attempt == 1:
            await self._show_attention(body.message_id)
        outcome = await self._reach(claimed.id, receiver, _text_content(body.text))
        if not isinstance(outcome, Rejected) or not wants_template(outcome):
            return outcome
        if self._number.template is None:
            return replace(outcome, reason=NO_TEMPLATE)
        self._clients.learn_too_late(claimed.id, self._clock.now())
        return await self._say_template(claimed.id, body, receiver, self._number.template)

    async def _say_template(
        self, key: str, body: Acknowledgement, receiver: dict[str, str], template: Template
    ) -> Outcome:
        outcome = await self._reach(key, receiver, template_content(template, body))
        if isinstance(outcome, Sent):
            log = logger.bind(connector=self.name, delivery=key)
            log.info("sent as the template, because the client last wrote more than 24 hours ago")
        return outcome

    async def _reach(self, key: str, receiver: dict[str, str], content: Mapping[str, object]) -> Outcome:
        """Send, and once more to the number where the user id will not do."""
        outcome = await self._post(key, receiver, content)
        known = self._clients.number_of(receiver.get("recipient", ""))
        if isinstance(outcome, Rejected) and wants_number(outcome) and known is not None:
            return await self._post(key, {"to": known}, content)
        return outcome

    async def _post(self, key: str, receiver: Mapping[str, str], content: Mapping[str, object]) -> Outcome:
        payload = {"messaging_product": "whatsapp", **receiver, **content, "biz_opaque_callback_data": key}
        answer = await self._session.exchange("POST", self._path, payload=payload)
        return _outcome(answer) if isinstance(answer, Reply) else answer

    async def _show_attention(self, message_id: str) -> None:
        """Let the client see that the message was read and an answer is being typed. What becomes of it is no matter,
        and it is given up before it could keep the answer waiting.
        """
        if not message_id.startswith(_OWN_MESSAGE):
            return
        payload: dict[str, object] = {"messaging_product": "whatsapp", "status": "read", "message_id": message_id}
        payload["typing_indicator"] = {"type": "text"}
        try:
            async with asyncio.timeout(min(_COURTESY_S, self._number.timeout_s / 2)):
                await self._session.exchange("POST", self._path, payload=payload)
        except TimeoutError:
            return

    def _standstill(self) -> Rejected | None:
        """The refusal that holds for this message too. When its time is up, one message tries whether it still does."""
        if self._refused is None:
            return None
        left = self._still_until - self._clock.elapsed()
        if left > timedelta(0):
            return replace(self._refused, retry_after=left)
        self._still_until += timedelta(seconds=self._number.timeout_s) - left
        return None

    async def reconcile(self, claimed: Claimed) -> Reconciled:
        """Graph cannot be asked; its status with our key settles the delivery through the journal."""
        del claimed
        return Found.UNDECIDED

    def health(self) -> Health:
        """Not ready after a refusal that is about us, or while Graph cannot be reached, until a send succeeds."""
        return Health(not self._problem, self._problem)

    def _note(self, outcome: Outcome, delivery: str) -> None:
        self._problem = trouble(outcome, self._problem)
        match outcome:
            case Sent() | Rejected(fault=Fault.PERMANENT):
                self._refused = None
            case Rejected(fault=Fault.MISCONFIGURED):
                if (span := standstill(outcome)) is not None:
                    self._refused, self._still_until = outcome, self._clock.elapsed() + span
                logger.bind(connector=self.name, delivery=delivery, code=outcome.code).error("{}", outcome.reason)
            case Rejected() | Unknown():
                pass
            case _:
                assert_never(outcome)


def _receiver(peer: str) -> dict[str, str] | None:
    """The field that addresses a peer, given as `to:…`, `recipient:…`, a phone number or a conversation id."""
    field, _, value = peer.partition(":")
    if field in {"to", "recipient"} and value:
        return {field: value}
    digits = digits_of(peer)
    return {"to": digits} if digits else None


def _text_content(text: str) -> Mapping[str, object]:
    cut = text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
    return {"type": "text", "text": {"body": cut, "preview_url": False}}


def _outcome(reply: Reply) -> Outcome:
    if not reply.taken:
        return refusal(reply)
    messages = listed(reply.json_object() or {}, "messages")
    receipt = word(messages[0], "id") if messages and isinstance(messages[0], dict) else ""
    return Sent(receipt) if receipt else Unknown("an answer that says neither yes nor no")
