"""What a message of WhatsApp Web says, by the field of its protobuf: text, and what came with it.

Pure: `message` is the protobuf as a plain record, see `gateway`; called by `arrivals`. A message has one field that
counts, beside some for the machinery. A field that this version does not know still becomes a message (of kind
`unsupported`), because a person wrote it and somebody has to look; a control message never becomes one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.connectors.whatsapp_web import references
from engine.connectors.whatsapp_web.fields import Record, listed, number, record, text, true
from engine.core.events import Attachment

# Wrappers within wrappers: WhatsApp uses two or three.
_DEEPEST = 8
# Types of protocolMessage and secretEncryptedMessage, as WhatsApp numbers them.
_REVOKE, _EDIT = 0, 14
_ENCRYPTED_EDIT, _SCHEDULED = 2, 3

# What phones say to each other, and what happens to an earlier message: nobody has to read it.
_CONTROL = frozenset(
    re.findall(
        r"\w+",
        """
        acp2SettingMessage bcallMessage botPlatformRegistrationSuccessMessage call chat encEventResponseMessage
        encReactionMessage fastRatchetKeySenderKeyDistributionMessage groupRootKeyShare keepInChatMessage
        limitSharingMessage messageContextInfo messageHistoryBundle messageHistoryNotice pinInChatMessage
        pollAddOptionMessage pollResultSnapshotMessage pollResultSnapshotMessageV3 pollUpdateMessage
        rootSecretDistributeMessage scheduledCallEditMessage senderKeyDistributionMessage
        statusLinkPreviewMetadata statusNotificationMessage stickerSyncRmrMessage
        """,
    )
)


@dataclass(frozen=True, slots=True)
class Content:
    """The readable part of a client's message."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    # As in `events.Message`.
    kind: str = "message"


@dataclass(frozen=True, slots=True)
class Happening:
    """What a client did to an earlier message."""

    # revoke or reaction
    kind: str
    # Of the earlier message.
    message_id: str
    # The reaction, empty when it was taken away.
    text: str = ""


UNSUPPORTED = Content(kind="unsupported")
UNDECRYPTABLE = Content(kind="undecryptable")

Found = Content | Happening | None


def content_of(message: Record) -> Found:
    """What the message says; None for a control message and for an empty one."""
    return _content(message, _DEEPEST)


def _content(message: Record, depth: int) -> Found:
    """The first field that says something, in the order in which the protobuf has them."""
    for name, part in message.items():
        if name in _CONTROL:
            continue
        if name == "conversation":
            found: Found = Content(text(message, name)) if isinstance(part, str) else UNSUPPORTED
        elif not isinstance(part, dict):
            found = UNSUPPORTED
        elif name == "protocolMessage":
            found = _protocol(part, depth)
        elif name == "secretEncryptedMessage":
            found = UNDECRYPTABLE if number(part, "secretEncType") in {_ENCRYPTED_EDIT, _SCHEDULED} else None
        elif isinstance(part.get("message"), dict):
            # Disappearing, seen once, with a caption, a comment, from another device of the sender, …
            found = _content(record(part, "message"), depth - 1) if depth else UNSUPPORTED
        else:
            found = _READERS.get(name, _unknown)(part)
        if found is not None:
            return found
    return None


def _protocol(part: Record, depth: int) -> Found:
    about = text(part, "key", "ID").strip()
    # The type that is absent from a protobuf is the first.
    kind = part.get("type", _REVOKE)
    if kind == _REVOKE:
        return Happening("revoke", about) if about else None
    if kind != _EDIT:
        return None
    edited = _content(record(part, "editedMessage"), depth - 1) if depth else UNSUPPORTED
    if not isinstance(edited, Content) or edited.kind != "message":
        return UNSUPPORTED
    return replace(edited, kind="edit")


def _unknown(_: Record) -> Content:
    return UNSUPPORTED


def _unreadable(_: Record) -> Content:
    return UNDECRYPTABLE


def _joined(separator: str, *paths: str) -> Callable[[Record], Content]:
    """The texts at these dotted paths, those that there are."""

    def read(part: Record) -> Content:
        said = separator.join(filter(None, (text(part, *path.split(".")) for path in paths)))
        return Content(said) if said else UNSUPPORTED

    return read


def _first(*paths: str) -> Callable[[Record], Content]:
    """The first text that there is at these dotted paths."""

    def read(part: Record) -> Content:
        said = next(filter(None, (text(part, *path.split(".")) for path in paths)), "")
        return Content(said) if said else UNSUPPORTED

    return read


def _media(kind: str) -> Callable[[Record], Content]:
    # The library knows no further kind: a sticker is a picture to it.
    kept_as = "image" if kind == "sticker" else kind

    def read(part: Record) -> Content:
        voice = kind == "audio" and true(part, "PTT")
        attachment = Attachment(
            "voice" if voice else kind,
            text(part, "mimetype").strip() or None,
            text(part, "fileName") or None,
            number(part, "fileLength"),
            number(part, "seconds"),
            references.write(kept_as, part),
        )
        return Content(text(part, "caption"), (attachment,))

    return read


def _location(part: Record) -> Content:
    name = text(part, "name")
    said = ", ".join(filter(None, (name, text(part, "address"), text(part, "comment"), text(part, "caption"))))
    return Content(said, (Attachment("location", name=name or _coordinates(part)),))


def _coordinates(part: Record) -> str | None:
    found = part.get("degreesLatitude"), part.get("degreesLongitude")
    return ", ".join(f"{degrees:.5f}" for degrees in found if isinstance(degrees, int | float)) or None


def _contact(part: Record) -> Content:
    return Content(attachments=(Attachment("contacts", name=text(part, "displayName") or None),))


def _contacts(part: Record) -> Content:
    cards = listed(part, "contacts") or [part]
    return Content(attachments=tuple(attachment for card in cards for attachment in _contact(card).attachments))


def _order(part: Record) -> Content:
    said = "\n".join(filter(None, (text(part, "message"), text(part, "orderTitle"))))
    return Content(said, (Attachment("order"),))


def _placeholder(kind: str) -> Callable[[Record], Content]:
    return lambda part: Content(text(part, "caption"), (Attachment(kind, name=text(part, "name") or None),))


def _reaction(part: Record) -> Happening | None:
    about = text(part, "key", "ID").strip()
    return Happening("reaction", about, text(part, "text")) if about else None


_poll = _joined("\n", "name")
_READERS: dict[str, Callable[[Record], Found]] = {
    "extendedTextMessage": lambda part: Content(text(part, "text")),
    "imageMessage": _media("image"),
    "videoMessage": _media("video"),
    "ptvMessage": _media("video"),
    "documentMessage": _media("document"),
    "audioMessage": _media("audio"),
    "stickerMessage": _media("sticker"),
    "albumMessage": _placeholder("album"),
    "stickerPackMessage": _placeholder("sticker"),
    "locationMessage": _location,
    "liveLocationMessage": _location,
    "contactMessage": _contact,
    "contactsArrayMessage": _contacts,
    "buttonsResponseMessage": _first("selectedDisplayText", "selectedButtonID"),
    "templateButtonReplyMessage": _first("selectedDisplayText", "selectedID"),
    "listResponseMessage": _joined("\n", "title", "description"),
    "interactiveResponseMessage": _first("body.text", "nativeFlowResponseMessage.name"),
    "questionResponseMessage": _first("text"),
    "statusQuestionAnswerMessage": _first("text"),
    "pollCreationMessage": _poll,
    "pollCreationMessageV2": _poll,
    "pollCreationMessageV3": _poll,
    "pollCreationMessageV4": _poll,
    "pollCreationMessageV5": _poll,
    "pollCreationMessageV6": _poll,
    "groupInviteMessage": _first("caption", "groupName"),
    "newsletterAdminInviteMessage": _first("caption", "newsletterName"),
    "orderMessage": _order,
    "productMessage": _first("body", "product.title"),
    "eventMessage": _joined("\n", "name", "description"),
    "eventInviteMessage": _first("caption", "eventTitle"),
    "scheduledCallCreationMessage": _first("title"),
    "invoiceMessage": _first("note"),
    "templateMessage": _first("hydratedTemplate.hydratedContentText", "hydratedFourRowTemplate.hydratedContentText"),
    "listMessage": _joined("\n", "title", "description"),
    "buttonsMessage": _first("contentText", "text"),
    "interactiveMessage": _first("body.text"),
    "sendPaymentMessage": _first("noteMessage.conversation", "noteMessage.extendedTextMessage.text"),
    "requestPaymentMessage": _first("noteMessage.conversation", "noteMessage.extendedTextMessage.text"),
    "reactionMessage": _reaction,
    # Shown on the phone only, or encrypted once more: somebody has to look there.
    "placeholderMessage": _unreadable,
    "encCommentMessage": _unreadable,
}
