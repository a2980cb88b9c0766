"""WhatsApp's Cloud API both ways: notifications become inbound messages, acknowledgements become text messages.

`receive` is called by `server` and does no I/O; `send` and `reconcile` are called by the relay. The API has no
idempotency key and no look-up, but it repeats `biz_opaque_callback_data` in each status: the delivery's id travels
there, and a doubtful delivery is settled when its status comes in.
"""

import re
from typing import Final, assert_never
from urllib.parse import quote

from loguru import logger

from engine.connectors.credentials import require, same, signed
from engine.connectors.exchanges import UNREACHABLE, Reply, Session
from engine.connectors.whatsapp_cloud.fields import listed, word
from engine.connectors.whatsapp_cloud.notifications import read
from engine.connectors.whatsapp_cloud.refusals import refusal
from engine.core.deliveries import (
    Acknowledgement,
    Claimed,
    Fault,
    Found,
    Outcome,
    Reconciled,
    Rejected,
    Sent,
    Unknown,
)
from engine.ports import Health, Received, Refused, WebhookRequest

# Meta's limit for the body of a text message.
_LONGEST_TEXT: Final = 4096
# A number as other connectors and conversation ids write it.
_NUMBER = re.compile(r"(?:\+|wa-)?([0-9]{5,20})")


class WhatsAppCloud:
    """One phone number of a WhatsApp business account."""

    def __init__(
        self,
        name: str,
        *,
        phone_number_id: str,
        api_url: str,
        api_version: str,
        access_token: str,
        app_secret: str,
        verify_token: str,
        timeout_s: float = 10,
    ) -> None:
        """`timeout_s` bounds one send. Raises ConfigurationError for an empty secret or an unusable URL."""
        require(name, "app secret", app_secret)
        require(name, "verify token", verify_token)
        self.name = name
        self._phone_number_id = phone_number_id
        self._app_secret = app_secret
        self._verify_token = verify_token
        self._path = f"{quote(api_version)}/{quote(phone_number_id)}/messages"
        self._session = Session("the Graph API", api_url, access_token, timeout_s)
        self._problem = ""

    def receive(self, request: WebhookRequest) -> Received | Refused:
        """Answer Meta's verification, or verify the signature over the raw body and read the notifications."""
        if request.method == "GET":
            return self._verify(request)
        if not signed(self._app_secret, request.body, request.headers.get("x-hub-signature-256", "")):
            return Refused(401, "X-Hub-Signature-256 is missing or does not fit the body and the app secret")
        found = read(self.name, self._phone_number_id, request.body, request.received_at)
        if isinstance(found, Refused):
            return found
        if found.skipped:
            logger.bind(connector=self.name).warning("skipped {} unreadable parts of a webhook", found.skipped)
        return Received(found.inbounds, found.receipts, found.signals)

    def _verify(self, request: WebhookRequest) -> Received | Refused:
        token = request.query.get("hub.verify_token", "").encode("utf-8", "backslashreplace")
        if request.query.get("hub.mode") != "subscribe" or not same(token, self._verify_token):
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
        """Send an acknowledgement as a text message; any other kind is refused."""
        body = claimed.body
        if not isinstance(body, Acknowledgement):
            return Rejected(Fault.PERMANENT, "kind", "WhatsApp cannot carry a post for engineers")
        receiver = _receiver(body.peer)
        if receiver is None:
            return Rejected(Fault.PERMANENT, "peer", "the conversation names neither a WhatsApp number nor a user id")
        answer = await self._session.exchange("POST", self._path, payload=_payload(claimed.id, receiver, body.text))
        outcome = _outcome(answer) if isinstance(answer, Reply) else answer
        self._note(outcome, claimed.id)
        return outcome

    async def reconcile(self, claimed: Claimed) -> Reconciled:
        """Graph cannot be asked; its status with our key settles the delivery through the journal."""
        del claimed
        return Found.UNDECIDED

    def health(self) -> Health:
        """Not ready after a refusal that is about us, or while Graph cannot be reached, until a send succeeds."""
        return Health(not self._problem, self._problem)

    def _note(self, outcome: Outcome, delivery: str) -> None:
        match outcome:
            case Sent() | Rejected(fault=Fault.PERMANENT):
                self._problem = ""
            case Rejected(fault=Fault.MISCONFIGURED):
                self._problem = outcome.reason
                logger.bind(connector=self.name, delivery=delivery, code=outcome.code).error("{}", outcome.reason)
            case Rejected() if outcome.code not in UNREACHABLE:
                pass  # a busy Graph is a working one
            case Rejected() | Unknown():
                self._problem = outcome.reason
            case _:
                assert_never(outcome)


def _receiver(peer: str) -> dict[str, str] | None:
    """The field that addresses a peer, given as `to:…`, `recipient:…`, a phone number or a conversation id."""
    field, _, value = peer.partition(":")
    if field in {"to", "recipient"} and value:
        return {field: value}
    number = _NUMBER.fullmatch(peer)
    return {"to": number[1]} if number else None


def _payload(key: str, receiver: dict[str, str], text: str) -> dict[str, object]:
    cut = text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
    return {
        "messaging_product": "whatsapp",
        **receiver,
        "type": "text",
        "text": {"body": cut, "preview_url": False},
        "biz_opaque_callback_data": key,
    }


def _outcome(reply: Reply) -> Outcome:
    if not reply.taken:
        return refusal(reply)
    messages = listed(reply.json_object() or {}, "messages")
    receipt = word(messages[0], "id") if messages and isinstance(messages[0], dict) else ""
    return Sent(receipt) if receipt else Unknown("an answer that says neither yes nor no")
