"""What a client's message says, by its type: text, and what came with it.

One reader per type of Meta's "Messages object"; called by `notifications`. Pure. A type that this version does not
know, or a message that is not shaped as its type promises, still becomes a message (of kind `unsupported`), because a
person wrote it and somebody has to look.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.connectors.whatsapp_cloud.fields import Json, listed, listed_records, record, text, word
from engine.core.events import Attachment
from engine.core.quotes import whole

# An edit carries the message as it reads now, never another edit.
_EDIT = "edit"
# What a form holds besides the client's answers.
_FORM_TOKEN = "flow_token"  # noqa: S105 - the name of a field
# As much as the contract takes for the name of an attachment.
_LONGEST_NAME = 1024
# A form has a few answers; more than this is no form for people.
_MOST_ANSWERS = 100


@dataclass(frozen=True, slots=True)
class Content:
    """The readable part of a message."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    # As in `events.Message`.
    kind: str = "message"


UNSUPPORTED = Content(kind="unsupported")


def content_of(message: Json) -> Content:
    """The content of a message of any type but the silent ones, with the advertisement or product that led to it."""
    content, origin = _content(message), _origin(message)
    return replace(content, attachments=content.attachments + origin) if origin else content


def _content(message: Json) -> Content:
    kind = word(message, "type")
    if kind == _EDIT:
        edited = record(record(message, _EDIT), "message")
        inner = UNSUPPORTED if word(edited, "type") == _EDIT else _content(edited)
        return inner if inner is UNSUPPORTED else replace(inner, kind="edit")
    if kind == "contacts":
        return _contacts(listed(message, kind)) or UNSUPPORTED
    reader = _READERS.get(kind)
    return (reader(record(message, kind)) if reader else None) or UNSUPPORTED


def _origin(message: Json) -> tuple[Attachment, ...]:
    """What the client came from: never a part of the text, which holds the client's words alone and decides."""
    found: list[Attachment] = []
    if referral := record(message, "referral"):
        name = ": ".join(filter(None, (text(referral, "headline"), text(referral, "body"))))
        found.append(
            Attachment("referral", name=name[:_LONGEST_NAME] or None, reference=word(referral, "source_url") or None)
        )
    if product := record(record(message, "context"), "referred_product"):
        found.append(Attachment("product", reference=word(product, "product_retailer_id") or None))
    return tuple(found)


def _text(part: Json) -> Content | None:
    return Content(text(part, "body")) if isinstance(part.get("body"), str) else None


def _button(part: Json) -> Content | None:
    return Content(text(part, "text")) if isinstance(part.get("text"), str) else None


def _interactive(part: Json) -> Content | None:
    for reply in ("button_reply", "list_reply"):
        if title := text(record(part, reply), "title"):
            return Content(title)
    form = record(part, "nfm_reply")
    return Content("\n".join(filter(None, (text(form, "body"), *_answers(form))))) if form else None


def _answers(form: Json) -> list[str]:
    """What the client filled in, a line for each answer; Meta carries it as JSON in a text."""
    try:
        answers = json.loads(text(form, "response_json"))
    except (ValueError, RecursionError):
        return []
    if not isinstance(answers, dict):
        return []
    lines = [
        whole(f"{name}: {answer}")
        for name, answer in answers.items()
        if name != _FORM_TOKEN and isinstance(answer, str | int | float)
    ]
    return lines[:_MOST_ANSWERS]


def _media(kind: str) -> Callable[[Json], Content | None]:
    def read(part: Json) -> Content | None:
        if not part:
            return None
        voice = kind == "audio" and part.get("voice") is True
        attachment = Attachment(
            "voice" if voice else kind,
            word(part, "mime_type") or None,
            text(part, "filename") or None,
            reference=word(part, "id") or None,
        )
        return Content(text(part, "caption"), (attachment,))

    return read


def _location(part: Json) -> Content | None:
    if not part:
        return None
    name, address = text(part, "name"), text(part, "address")
    place = name or _coordinates(part)
    return Content(", ".join(filter(None, (name, address))), (Attachment("location", name=place or None),))


def _coordinates(part: Json) -> str:
    found = (part.get("latitude"), part.get("longitude"))
    return "{}, {}".format(*found) if all(isinstance(one, int | float) for one in found) else ""


def _order(part: Json) -> Content | None:
    return Content(text(part, "text"), (Attachment("order"),)) if part else None


def _contacts(given: list[object]) -> Content | None:
    names = [text(record(card, "name"), "formatted_name") for card in listed_records(given)]
    cards = tuple(Attachment("contacts", name=name or None) for name in names)
    return Content(attachments=cards) if cards else None


_READERS: dict[str, Callable[[Json], Content | None]] = {
    "text": _text,
    "button": _button,
    "interactive": _interactive,
    "image": _media("image"),
    "video": _media("video"),
    "document": _media("document"),
    "audio": _media("audio"),
    "sticker": _media("sticker"),
    "location": _location,
    "order": _order,
}
