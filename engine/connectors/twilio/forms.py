"""What is posted to Twilio for one acknowledgement: to whom, and the text or the template with its gaps filled.

Called by `connector`. Pure. Source: Twilio, "Messages resource" and "Send templates with the Content API" (read
2026-11).
"""

import json
from dataclasses import dataclass

from engine.connectors.twilio.notifications import WHATSAPP
from engine.core.approved_texts import filled
from engine.core.deliveries import Acknowledgement, ToClient
from engine.core.peers import digits_of

# Twilio's limit for the body of a message.
LONGEST_TEXT = 1600


@dataclass(frozen=True, slots=True)
class Template:
    """A text that WhatsApp has approved, for clients who wrote more than 24 hours ago."""

    # HX and 32 hexadecimal digits.
    content_sid: str
    # (the variable's name in the template, a text with {{client_name}} or {{ticket_id}} in it)
    variables: tuple[tuple[str, str], ...] = ()


def receiver(peer: str) -> str | None:
    """The address of a client as Twilio writes it; None when the peer has none."""
    digits = digits_of(peer)
    if digits is not None:
        return f"{WHATSAPP}+{digits}"
    return peer if peer.startswith(WHATSAPP) and len(peer) > len(WHATSAPP) else None


def cut(text: str) -> str:
    """The text as far as Twilio takes it; a cut shows."""
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


def text_form(body: ToClient) -> dict[str, str]:
    """The fields that say the text itself."""
    return {"Body": cut(body.text)}


def template_form(template: Template, body: Acknowledgement) -> dict[str, str]:
    """The fields that say the approved text."""
    texts = {name: filled(text, body) for name, text in template.variables}
    variables = {"ContentVariables": json.dumps(texts, ensure_ascii=False)} if texts else {}
    return {"ContentSid": template.content_sid, **variables}
