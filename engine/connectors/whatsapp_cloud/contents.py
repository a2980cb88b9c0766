"""What a client's message says, by its type: text, and what came with it.

One reader per type of Meta's "Messages object"; called by `notifications`. A type that this version does not know, or
a message that is not shaped as its type promises, still becomes a message (of kind `unsupported`), because a person
wrote it and somebody has to look.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.connectors.whatsapp_cloud.fields import Json, listed, record, text, word
from engine.core.events import Attachment

# Types that are no message of a client's: they never become one.
SILENT = frozenset({"reaction", "system", "revoke"})
# An edit carries the message as it reads now, never another edit.
_EDIT = "edit"


@dataclass(frozen=True, slots=True)
class Content:
    """The readable part of a message."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    # As in `events.Message`.
    kind: str = "message"


UNSUPPORTED = Content(kind="unsupported")


def content_of(message: Json) -> Content:
    """The content of a message of any type but the silent ones."""
    kind = word(message, "type")
    if kind == _EDIT:
        edited = record(record(message, _EDIT), "message")
        inner = UNSUPPORTED if word(edited, "type") == _EDIT else content_of(edited)
        return inner if inner is UNSUPPORTED else replace(inner, kind="edit")
    if kind == "contacts":
        return _contacts(listed(message, kind)) or UNSUPPORTED
    reader = _READERS.get(kind)
    return (reader(record(message, kind)) if reader else None) or UNSUPPORTED


def _text(part: Json) -> Content | None:
    return Content(text(part, "body")) if isinstance(part.get("body"), str) else None


def _button(part: Json) -> Content | None:
    return Content(text(part, "text")) if isinstance(part.get("text"), str) else None


def _interactive(part: Json) -> Content | None:
    for reply in ("button_reply", "list_reply"):
        if title := text(record(part, reply), "title"):
            return Content(title)
    form = part.get("nfm_reply")
    return Content(text(record(part, "nfm_reply"), "body")) if isinstance(form, dict) else None


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
    return Content(", ".join(filter(None, (name, address))), (Attachment("location", name=name or None),))


def _order(part: Json) -> Content | None:
    return Content(text(part, "text"), (Attachment("order"),)) if part else None


def _contacts(given: list[object]) -> Content | None:
    names = [text(record(card, "name"), "formatted_name") for card in given if isinstance(card, dict)]
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
