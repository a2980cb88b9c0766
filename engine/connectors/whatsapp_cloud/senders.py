"""Who stands at the other end of a message: the client, the conversation and the peer that `WhatsAppCloud.send` takes.

Since 2026 a client may hide the number; then only the business-scoped user id says who it is. All of it follows from
the notification alone, so that a message that comes again joins the same conversation. Called by `notifications` and
`signals`. Pure. Source: Meta, "Business-scoped user IDs".
"""

from dataclasses import dataclass

from engine.connectors.whatsapp_cloud.fields import Json, listed_records, record, text, word
from engine.core.events import Client


@dataclass(frozen=True, slots=True)
class Party:
    """One client as a notification names it. Each id is empty where the notification does not tell it."""

    # The number without a plus, or whatever stands in its place.
    wa_id: str
    # Scoped to our business portfolio; a new one follows a change of the number.
    user_id: str
    # Scoped to several portfolios of one owner.
    parent_id: str
    name: str | None = None

    @property
    def identity(self) -> str:
        """What names the conversation; empty for nobody."""
        return self.wa_id or self.user_id or self.parent_id

    @property
    def aliases(self) -> tuple[str, ...]:
        """As `events.Inbound.aliases` has them."""
        return tuple(f"wa-{one}" for one in (self.wa_id, self.user_id, self.parent_id) if one)

    @property
    def peer(self) -> str:
        """Where an answer goes; empty for nobody."""
        if self.wa_id:
            return f"to:{self.wa_id}"
        user_id = self.user_id or self.parent_id
        return f"recipient:{user_id}" if user_id else ""

    @property
    def client(self) -> Client:
        """The client as the engine knows one."""
        return Client(e164(self.wa_id), self.name)


def sender_of(message: Json, contacts: list[object]) -> Party:
    """Who wrote a message, by its own fields and else by the contact card that fits."""
    return _party(message, ("from", "from_user_id", "from_parent_user_id"), contacts)


def receiver_of(echo: Json, contacts: list[object]) -> Party:
    """To whom a person of ours wrote in the Business app."""
    return _party(echo, ("to", "to_user_id", "to_parent_user_id"), contacts)


def before_change(message: Json, system: Json) -> Party:
    """Who a client was before the number or the user id changed. Such a message comes without cards."""
    previous = _party(system, ("", "previous_user_id", "previous_parent_user_id"), [])
    now = sender_of(message, [])
    return Party(now.wa_id, previous.user_id or now.user_id, previous.parent_id or now.parent_id)


def after_change(message: Json, system: Json) -> Party:
    """Who the client is since then, as far as it is told."""
    told = _party(system, ("wa_id", "user_id", "parent_user_id"), [])
    return Party(told.wa_id, told.user_id or word(message, "from_user_id"), told.parent_id)


def e164(wa_id: str) -> str | None:
    """The number with its plus, or None when it is none."""
    return f"+{wa_id}" if wa_id.isascii() and wa_id.isdigit() else None


def number(item: Json, key: str) -> str:
    """The number under the key without the plus that Meta writes in some places."""
    written = word(item, key)
    bare = written.removeprefix("+")
    return bare if e164(bare) else written


def _party(item: Json, keys: tuple[str, str, str], contacts: list[object]) -> Party:
    wa_id, user_id, parent_id = number(item, keys[0]), word(item, keys[1]), word(item, keys[2])
    card = _card(contacts, wa_id, user_id)
    return Party(
        wa_id or number(card, "wa_id"),
        user_id or word(card, "user_id"),
        parent_id or word(card, "parent_user_id"),
        text(record(card, "profile"), "name") or None,
    )


def _card(contacts: list[object], wa_id: str, user_id: str) -> Json:
    """The contact card of a party: by number, by user id, else the only one there is unless it is another's."""
    cards = listed_records(contacts)
    for card in cards:
        if (wa_id and number(card, "wa_id") == wa_id) or (user_id and word(card, "user_id") == user_id):
            return card
    if len(cards) != 1:
        return {}
    others = (wa_id and word(cards[0], "wa_id")) or (user_id and word(cards[0], "user_id"))
    return {} if others else cards[0]
