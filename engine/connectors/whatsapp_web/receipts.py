"""What was sent lately, so that WhatsApp's receipts find the deliveries that they belong to. Pure but for its own
memory; called by `connector`, one per linked number.

The library names a message's id only after WhatsApp has taken it. Where that answer is lost, a later receipt for an id
that nobody knows, in the conversation to which something in doubt was sent, is that answer.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from engine.connectors.whatsapp_web.fields import Record, text, true
from engine.connectors.whatsapp_web.identities import Aliases, address_of_peer, person_of
from engine.core.events import Receipt

# Receipts come within minutes, or when the client's phone is switched on again; an entry takes about 300 bytes.
_REMEMBERED = 20_000


@dataclass(slots=True)
class Ledger:
    """Ids of messages with the deliveries that they carried, and deliveries in doubt."""

    # "" for a message that a person of ours wrote on the phone.
    _deliveries: OrderedDict[str, str] = field(default_factory=OrderedDict)
    # By delivery, its peer.
    _doubts: OrderedDict[str, str] = field(default_factory=OrderedDict)
    # By delivery, the message that a receipt proved.
    _proven: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def __contains__(self, message_id: object) -> bool:
        """Whether this message is one of ours."""
        return message_id in self._deliveries

    def sent(self, message_id: str, delivery: str) -> None:
        """A delivery went out as this message."""
        _remember(self._deliveries, message_id, delivery)
        self._doubts.pop(delivery, None)

    def wrote_by_hand(self, message_id: str) -> None:
        """A person of ours sent this message from the phone: its receipts say nothing about our deliveries."""
        _remember(self._deliveries, message_id, "")

    def doubt(self, delivery: str, peer: str) -> None:
        """Nobody can tell whether the message of this delivery went out."""
        if delivery not in self._proven:
            _remember(self._doubts, delivery, peer)

    def proven(self, delivery: str) -> str | None:
        """The id of the message of a delivery that was in doubt."""
        return self._proven.get(delivery)

    def read(self, connector: str, frame: Record, aliases: Aliases, received_at: datetime) -> tuple[Receipt, ...]:
        """What a frame of kind `receipt` says about our deliveries."""
        source = frame.get("source")
        person = person_of(source, aliases) if isinstance(source, dict) else None
        given = frame.get("ids")
        if person is None or not isinstance(source, dict) or true(source, "from_me") or not isinstance(given, list):
            return ()
        found = []
        for message_id in (one for one in given if isinstance(one, str) and one):
            delivery = self._deliveries.get(message_id)
            if delivery is None:
                delivery = self._prove(message_id, person.conversation_id, aliases)
            if delivery:
                found.append(Receipt(connector, delivery, message_id, text(frame, "status"), received_at))
        return tuple(found)

    def _prove(self, message_id: str, conversation_id: str, aliases: Aliases) -> str | None:
        """The oldest delivery in doubt in this conversation, which the message now belongs to."""
        for delivery, peer in self._doubts.items():
            address = address_of_peer(peer)
            if address is not None and aliases.person(address).conversation_id == conversation_id:
                self.sent(message_id, delivery)
                _remember(self._proven, delivery, message_id)
                return delivery
        return None


def _remember(kept: OrderedDict[str, str], key: str, value: str) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > _REMEMBERED:
        kept.popitem(last=False)
