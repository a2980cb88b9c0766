"""What a linked device gets from WhatsApp becomes messages and signals, and nothing that it gets can raise."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.connectors.whatsapp_web.arrivals import read
from engine.connectors.whatsapp_web.contents import UNDECRYPTABLE, UNSUPPORTED, Content, Happening, content_of
from engine.connectors.whatsapp_web.identities import HIDDEN, PHONE, Address, address_of_peer
from engine.connectors.whatsapp_web.records import info_record, jid_record, plain
from engine.core.events import Address as Reply
from engine.core.events import Attachment, Client, Event, Inbound, Message, Receipt, Signal
from engine.ports import Received

_NOW = datetime(2026, 2, 12, 10, 20, tzinfo=UTC)
_SENT_AT = datetime(2026, 2, 12, 10, 15, 30, tzinfo=UTC)
_SENT_MS = 1_770_891_330_000
_KEY = {"key": {"ID": "A0"}}
# Every field of the protobuf `Message` of neonize 0.5.2, by what becomes of it when it is empty.
_CONTROL = re.findall(
    r"\w+",
    """
    acp2SettingMessage bcallMessage botPlatformRegistrationSuccessMessage call chat encEventResponseMessage
    encReactionMessage fastRatchetKeySenderKeyDistributionMessage groupRootKeyShare keepInChatMessage
    limitSharingMessage messageContextInfo messageHistoryBundle messageHistoryNotice pinInChatMessage
    pollAddOptionMessage pollResultSnapshotMessage pollResultSnapshotMessageV3 pollUpdateMessage protocolMessage
    reactionMessage rootSecretDistributeMessage scheduledCallEditMessage secretEncryptedMessage
    senderKeyDistributionMessage statusLinkPreviewMetadata statusNotificationMessage stickerSyncRmrMessage
    """,
)
_WRITTEN = re.findall(
    r"\w+",
    """
    albumMessage associatedChildMessage audioMessage audioStickerMessage botForwardedMessage botInvokeMessage
    botTaskMessage buttonsMessage buttonsResponseMessage callLogMesssage cancelPaymentRequestMessage
    commentMessage conditionalRevealMessage contactMessage contactsArrayMessage conversation
    declinePaymentRequestMessage deviceSentMessage documentMessage documentWithCaptionMessage editedMessage
    encCommentMessage ephemeralMessage eventCoverImage eventInviteMessage eventMessage extendedTextMessage
    groupInviteMessage groupMentionedMessage groupStatusMentionMessage groupStatusMessage groupStatusMessageV2
    highlyStructuredMessage imageMessage interactiveMessage interactiveResponseMessage invoiceMessage
    listMessage listResponseMessage liveLocationMessage locationMessage lottieStickerMessage musicMessage
    newsletterAdminInviteMessage newsletterAdminProfileMessage newsletterAdminProfileStatusMessage
    newsletterFollowerInviteMessageV2 newsletterScheduledMessage orderMessage paymentInviteMessage
    paymentReminderMessage placeholderMessage pollCreationMessage pollCreationMessageV2 pollCreationMessageV3
    pollCreationMessageV4 pollCreationMessageV5 pollCreationMessageV6 pollCreationOptionImageMessage
    productMessage ptvMessage questionMessage questionReplyMessage questionResponseMessage requestPaymentMessage
    requestPhoneNumberMessage richResponseMessage scheduledCallCreationMessage sendPaymentMessage
    splitPaymentMessage splitPaymentUpdateMessage spoilerMessage statusAddYours statusMentionMessage
    statusQuestionAnswerMessage statusQuotedMessage statusStickerInteractionMessage stickerMessage
    stickerPackMessage templateButtonReplyMessage templateMessage videoMessage viewOnceMessage viewOnceMessageV2
    viewOnceMessageV2Extension
    """,
)


def _text(said: str) -> Content:
    return Content(said)


def _with(said: str, *attachments: Attachment) -> Content:
    return Content(said, attachments)


_CASES: dict[str, tuple[dict[str, Any], Content | Happening | None]] = {
    "text": ({"conversation": "no dial tone"}, _text("no dial tone")),
    "text with preview": (
        {"extendedTextMessage": {"text": "see https://example.org"}},
        _text("see https://example.org"),
    ),
    "beside machinery": (
        {"senderKeyDistributionMessage": {}, "conversation": "hi", "messageContextInfo": {}},
        _text("hi"),
    ),
    "NUL and separators": ({"conversation": "a\0b\u2028c\u2029d"}, _text("a\ufffdb\nc\nd")),
    "half a pair": ({"conversation": "a\ud800"}, _text("a\ufffd")),
    "image": (
        {"imageMessage": {"caption": "this error", "mimetype": "image/jpeg", "fileLength": 9}},
        _with("this error", Attachment("image", "image/jpeg", None, 9)),
    ),
    "video": ({"videoMessage": {"seconds": 7}}, _with("", Attachment("video", seconds=7))),
    "round video": ({"ptvMessage": {}}, _with("", Attachment("video"))),
    "document": (
        {"documentWithCaptionMessage": {"message": {"documentMessage": {"caption": "log", "fileName": "a.log"}}}},
        _with("log", Attachment("document", name="a.log")),
    ),
    "voice note": ({"audioMessage": {"PTT": True, "seconds": 3}}, _with("", Attachment("voice", seconds=3))),
    "audio": ({"audioMessage": {"seconds": -1}}, _with("", Attachment("audio"))),
    "sticker": ({"stickerMessage": {}}, _with("", Attachment("sticker"))),
    "moving sticker": (
        {"lottieStickerMessage": {"message": {"stickerMessage": {}}}},
        _with("", Attachment("sticker")),
    ),
    "album": ({"albumMessage": {"expectedImageCount": 2}}, _with("", Attachment("album"))),
    "place": (
        {"locationMessage": {"name": "HQ", "address": "Road 1", "degreesLatitude": 1.0, "degreesLongitude": 2}},
        _with("HQ, Road 1", Attachment("location", name="HQ")),
    ),
    "moving place": (
        {"liveLocationMessage": {"caption": "on my way", "degreesLatitude": -1.5, "degreesLongitude": 36}},
        _with("on my way", Attachment("location", name="-1.50000, 36.00000")),
    ),
    "contact": ({"contactMessage": {"displayName": "Bob"}}, _with("", Attachment("contacts", name="Bob"))),
    "contacts": (
        {"contactsArrayMessage": {"contacts": [{"displayName": "Bob"}, {}, 5]}},
        _with("", Attachment("contacts", name="Bob"), Attachment("contacts")),
    ),
    "button": ({"buttonsResponseMessage": {"selectedDisplayText": "Yes", "selectedButtonID": "y"}}, _text("Yes")),
    "button without words": ({"buttonsResponseMessage": {"selectedButtonID": "y"}}, _text("y")),
    "template button": ({"templateButtonReplyMessage": {"selectedID": "y"}}, _text("y")),
    "list": ({"listResponseMessage": {"title": "Phones", "description": "3CX"}}, _text("Phones\n3CX")),
    "form": ({"interactiveResponseMessage": {"body": {"text": "Yes"}}}, _text("Yes")),
    "form without words": (
        {"interactiveResponseMessage": {"nativeFlowResponseMessage": {"name": "flow"}}},
        _text("flow"),
    ),
    "poll": ({"pollCreationMessageV3": {"name": "Which day?"}}, _text("Which day?")),
    "wrapped poll": (
        {"pollCreationMessageV4": {"message": {"pollCreationMessage": {"name": "Which?"}}}},
        _text("Which?"),
    ),
    "invitation": ({"groupInviteMessage": {"caption": "join us", "groupName": "VIP"}}, _text("join us")),
    "order": (
        {"orderMessage": {"message": "two phones", "orderTitle": "Shop"}},
        _with("two phones\nShop", Attachment("order")),
    ),
    "product": ({"productMessage": {"product": {"title": "Phone"}}}, _text("Phone")),
    "event": ({"eventMessage": {"name": "Call", "description": "about 3CX"}}, _text("Call\nabout 3CX")),
    "disappearing": ({"ephemeralMessage": {"message": {"conversation": "hi"}}}, _text("hi")),
    "seen once": (
        {"viewOnceMessageV2": {"message": {"imageMessage": {"caption": "look"}}}},
        _with("look", Attachment("image")),
    ),
    "from another device": ({"deviceSentMessage": {"message": {"conversation": "hi"}}}, _text("hi")),
    "edit": (
        {
            "editedMessage": {
                "message": {"protocolMessage": {"type": 14, **_KEY, "editedMessage": {"conversation": "new"}}}
            }
        },
        Content("new", kind="edit"),
    ),
    "edit of nothing": ({"protocolMessage": {"type": 14, **_KEY}}, UNSUPPORTED),
    "edit to a reaction": (
        {"protocolMessage": {"type": 14, "editedMessage": {"reactionMessage": {**_KEY, "text": "x"}}}},
        UNSUPPORTED,
    ),
    "encrypted edit": ({"secretEncryptedMessage": {"secretEncType": 2}}, UNDECRYPTABLE),
    "encrypted poll": ({"secretEncryptedMessage": {"secretEncType": 4}}, None),
    "on the phone only": ({"placeholderMessage": {"type": 0}}, UNDECRYPTABLE),
    "taken back": ({"protocolMessage": {"type": 0, **_KEY}}, Happening("revoke", "A0")),
    "taken back, type absent": ({"protocolMessage": _KEY}, Happening("revoke", "A0")),
    "timer": ({"protocolMessage": {"type": 3, "ephemeralExpiration": 86400}}, None),
    "reaction": ({"reactionMessage": {**_KEY, "text": "👍"}}, Happening("reaction", "A0", "👍")),
    "reaction taken away": ({"reactionMessage": _KEY}, Happening("reaction", "A0")),
    "keys": ({"senderKeyDistributionMessage": {"groupID": "x"}}, None),
    "nothing": ({}, None),
    "tomorrow's": ({"telepathyMessage": {"thought": "hi"}}, UNSUPPORTED),
    "no record": ({"imageMessage": 5}, UNSUPPORTED),
    "no text": ({"conversation": 5}, UNSUPPORTED),
}


@pytest.mark.parametrize(("message", "found"), _CASES.values(), ids=_CASES.keys())
def test_reads_every_kind_of_message(message: dict[str, Any], found: Content | Happening | None) -> None:
    """Each kind yields its text and what came with it, or is no message of a client's."""
    assert content_of(message) == found


@pytest.mark.parametrize("name", _CONTROL)
def test_control_messages_are_nobodys(name: str) -> None:
    """What phones say to each other never becomes a message, however it is filled."""
    for part in ({}, {"text": "secret", "caption": "secret", "name": "secret", "type": 99}):
        assert content_of({name: part}) is None


@pytest.mark.parametrize("name", _WRITTEN)
def test_what_a_person_wrote_is_never_dropped(name: str) -> None:
    """Each field that a person can fill yields a message, even when it is empty or unknown."""
    assert isinstance(content_of({name: {}}), Content)


@pytest.mark.parametrize("wrapper", ["ephemeralMessage", "editedMessage"])
def test_wrappers_end_somewhere(wrapper: str) -> None:
    """Wrappers within wrappers cost no recursion without end."""
    message: dict[str, Any] = {"conversation": "deep"}
    for _ in range(2000):
        inner = {"protocolMessage": {"type": 14, "editedMessage": message}} if wrapper == "editedMessage" else message
        message = {wrapper: {"message": inner}}
    assert content_of(message) == UNSUPPORTED


def test_edits_within_edits_end_somewhere() -> None:
    """The same for edits without a wrapper."""
    message: dict[str, Any] = {"conversation": "deep"}
    for _ in range(2000):
        message = {"protocolMessage": {"type": 14, "editedMessage": message}}
    assert content_of(message) == UNSUPPORTED


_words = st.sampled_from([*_CONTROL, *_WRITTEN, "message", "key", "ID", "type", "text", "caption", "contacts"])
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=4),
    max_leaves=12,
)


@given(message=st.dictionaries(_words, _values, max_size=4), info=_values, chat=_values)
def test_no_record_raises(message: dict[str, object], info: object, chat: object) -> None:
    """Whatever the gateway hands over, reading it ends in a message, a signal or nothing."""
    source = {"chat": chat, "sender_alt": chat, "from_me": info, "group": info}
    content = content_of(message)
    assert content is None or isinstance(content, Content | Happening)
    for frame in (
        {"is": "message", "info": info, "message": message},
        {"is": "message", "info": {"id": "A1", "timestamp_ms": info, "source": source}, "message": message},
        {"is": "message", "info": {"id": "A1", "source": {"chat": _jid("254712345678")}}, "message": message},
    ):
        assert isinstance(read("main", frame, _NOW), Received | None)


def _jid(user: str, server: str = PHONE) -> dict[str, str]:
    return {"user": user, "server": server}


_PHONE_JID, _HIDDEN_JID = _jid("254712345678"), _jid("99887766554433", HIDDEN)
_ALIASES = ("wa-254712345678",)


def _frame(message: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    source = {"chat": _jid("254712345678"), "sender_alt": _jid("", ""), "from_me": False, "group": False}
    for key in ("chat", "sender_alt", "recipient_alt", "from_me", "group"):
        source.update({key: changes.pop(key)} if key in changes else {})
    info = {"id": "A1", "pushname": "Jackson", "timestamp_ms": _SENT_MS, "source": source, **changes}
    return {"is": "message", "info": info, "message": message or {"conversation": "no dial tone"}}


def _read(frame: dict[str, Any]) -> Received | None:
    return read("main", frame, _NOW)


def _inbound(frame: dict[str, Any]) -> Inbound:
    received = _read(frame)
    assert received is not None
    assert not received.signals
    assert not received.receipts
    (inbound,) = received.inbounds
    return inbound


def test_a_message_becomes_an_event() -> None:
    """Client, conversation, time and the way back come from WhatsApp's own envelope."""
    client = Client("+254712345678", "Jackson")
    event = Event("whatsapp", _SENT_AT, "wa-254712345678", client, Message("A1", "no dial tone"))
    assert _inbound(_frame()) == Inbound("main", event, Reply("main", "254712345678@s.whatsapp.net"), _ALIASES)


def test_a_hidden_number_is_a_client_too() -> None:
    """A client whose number WhatsApp hides is answered at the hidden address and has a conversation of its own."""
    inbound = _inbound(_frame(chat=_jid("99887766554433", HIDDEN), pushname=" "))
    assert inbound.event.client == Client()
    assert inbound.event.conversation_id == "wa-lid-99887766554433"
    assert inbound.reply == Reply("main", "99887766554433@lid")
    assert inbound.aliases == ("wa-lid-99887766554433",)


@pytest.mark.parametrize(
    ("changes", "peer"),
    [
        ({"chat": _HIDDEN_JID, "sender_alt": _PHONE_JID}, "99887766554433@lid"),
        ({"chat": _PHONE_JID, "sender_alt": _HIDDEN_JID}, "254712345678@s.whatsapp.net"),
    ],
    ids=["by the hidden one", "by the number"],
)
def test_a_message_tells_both_names_of_its_client(changes: dict[str, Any], peer: str) -> None:
    """The number names the conversation, both names are told, and the answer goes where the message came from."""
    inbound = _inbound(_frame(**changes))
    assert inbound.event.conversation_id == "wa-254712345678"
    assert inbound.event.client.phone == "+254712345678"
    assert inbound.aliases == ("wa-254712345678", "wa-lid-99887766554433")
    assert inbound.reply == Reply("main", peer)


def _receipt_frame(**changes: Any) -> dict[str, Any]:
    source = {"chat": _HIDDEN_JID, "sender_alt": _PHONE_JID, "from_me": False, "group": False}
    return {"is": "receipt", "source": source, "ids": ["M1", "M2"], "status": "delivered", **changes}


def test_a_receipt_names_its_message_and_its_client() -> None:
    """WhatsApp takes no key of ours: each receipt has the message's id, and every name of the client."""
    aliases = ("wa-254712345678", "wa-lid-99887766554433")
    receipts = tuple(Receipt("main", "", one, "delivered", _NOW, aliases=aliases) for one in ("M1", "M2"))
    assert _read(_receipt_frame()) == Received(receipts=receipts)


@pytest.mark.parametrize(
    "changes",
    [
        {"source": {"chat": _PHONE_JID, "from_me": True}},
        {"source": {"chat": {"user": "1203630", "server": "g.us"}}},
        {"source": None},
        {"ids": "M1"},
        {"ids": [5, ""]},
    ],
    ids=["our other device", "group", "no source", "no list", "no ids"],
)
def test_only_the_clients_own_receipt_counts(changes: dict[str, Any]) -> None:
    """What comes from elsewhere, or names no message, is nothing."""
    assert _read(_receipt_frame(**changes)) is None


def test_a_business_without_a_profile_name_has_its_verified_one() -> None:
    """The name is the profile's, else the one that WhatsApp has verified."""
    assert _inbound(_frame(pushname="", verified_name="Acme")).event.client.display_name == "Acme"


def test_a_message_without_a_time_has_the_present_one() -> None:
    """A time that is absent or absurd is replaced by that of arrival."""
    for time in (0, -5, 10**20, "soon", True):
        assert _inbound(_frame(timestamp_ms=time)).event.received_at == _NOW


@pytest.mark.parametrize(
    "changes",
    [
        {"chat": _jid("1203630", "g.us"), "group": True},
        {"chat": _jid("254712345678"), "group": True},
        {"chat": _jid("status", "broadcast")},
        {"chat": _jid("120363", "newsletter")},
        {"chat": _jid("support")},
        {"chat": None},
        {"id": " "},
        {"from_me": True},
    ],
    ids=["group", "marked as group", "status", "channel", "no number", "no chat", "no id", "our own"],
)
def test_only_conversations_with_one_person_count(changes: dict[str, Any]) -> None:
    """Groups, status posts, channels and what our own devices tell each other are ignored."""
    assert _read(_frame(**changes)) is None


def test_a_person_of_ours_answered() -> None:
    """What was written on the linked phone is a signal in the client's conversation, and no message."""
    frame = _frame(
        from_me=True, device_sent=True, chat=_jid("99887766554433", HIDDEN), recipient_alt=_jid("254712345678")
    )
    aliases = ("wa-254712345678", "wa-lid-99887766554433")
    signal = Signal("main", "wa-254712345678", "human_reply", "A1", _SENT_AT, aliases=aliases)
    assert _read(frame) == Received(signals=(signal,))


def test_a_reaction_of_ours_is_no_answer() -> None:
    """A thumb of a person of ours, or a key exchange, says nothing to the client."""
    for message in ({"reactionMessage": {**_KEY, "text": "👍"}}, {"protocolMessage": {"type": 6}}):
        assert _read(_frame(message, from_me=True, device_sent=True)) is None


def test_what_happens_to_a_message_is_a_signal() -> None:
    """Reactions and messages taken back name the message that they are about."""
    reaction = _read(_frame({"reactionMessage": {**_KEY, "text": "👍"}}))
    revoke = _read(_frame({"protocolMessage": {"type": 0, **_KEY}}))
    told = Signal("main", "wa-254712345678", "reaction", "A1", _SENT_AT, "A0", "👍", _ALIASES)
    assert reaction == Received(signals=(told,))
    assert revoke == Received(signals=(replace(told, kind="revoke", text=""),))


def test_control_messages_bring_nothing() -> None:
    """A control message is taken and forgotten."""
    assert _read(_frame({"protocolMessage": {"type": 3}})) is None


def test_what_nobody_can_read_is_told() -> None:
    """A message that cannot be decrypted, or that does not fit into a frame, still reaches a person."""
    assert _inbound({**_frame(), "is": "undecryptable"}).event.message == Message("A1", "", "undecryptable")
    assert _inbound({**_frame(), "too_long": True}).event.message == Message("A1", "", "unsupported")


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("254712345678@s.whatsapp.net", Address("254712345678", PHONE)),
        ("99887766554433@lid", Address("99887766554433", HIDDEN)),
        ("+254712345678", Address("254712345678", PHONE)),
        ("wa-254712345678", Address("254712345678", PHONE)),
        ("to:254712345678", Address("254712345678", PHONE)),
        ("wa-lid-99887766554433", Address("99887766554433", HIDDEN)),
        ("1203630@g.us", None),
        ("recipient:US.1", None),
        ("", None),
    ],
)
def test_understands_the_peers_of_every_connector(peer: str, address: Address | None) -> None:
    """A peer is a JID, a number or a conversation id; a group or a user id of another network is none."""
    assert address_of_peer(peer) == address


class _Protobuf:
    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def ListFields(self) -> list[tuple[SimpleNamespace, Any]]:  # noqa: N802 - protobuf's own name
        return [(SimpleNamespace(name=name), value) for name, value in self._fields.items()]


def test_a_protobuf_becomes_a_record() -> None:
    """Text, numbers and what is nested survive; bytes and what only machinery reads stay behind."""
    inner = _Protobuf(caption="look", jpegThumbnail=b"x" * 10_000, contextInfo=_Protobuf(x=1), scans=[1, 2])
    message = _Protobuf(imageMessage=inner, messageContextInfo=_Protobuf(), cards=[_Protobuf(displayName="Bob")])
    assert plain(message) == {"imageMessage": {"caption": "look", "scans": []}, "cards": [{"displayName": "Bob"}]}
    deep = _Protobuf(end=[_Protobuf()], text="x")
    for _ in range(30):
        deep = _Protobuf(message=deep)
    assert str(plain(deep)).count("message") == 13


def test_the_envelope_becomes_a_record() -> None:
    """What comes with a message keeps its names and loses its types."""
    info = SimpleNamespace(
        ID="A1",
        Pushname="Jackson",
        Timestamp=_SENT_MS,
        VerifiedName=SimpleNamespace(Details=SimpleNamespace(verifiedName="")),
        DeviceSentMeta=SimpleNamespace(DestinationJID="x"),
    )
    source: dict[str, object] = {"chat": jid_record(SimpleNamespace(User="1", Server="lid"))}
    record = info_record(info, source)
    assert record["device_sent"] is True
    assert record["source"] == {"chat": {"user": "1", "server": "lid"}}


_EVERY_FIELD = """
import json
from engine.connectors.whatsapp_web.records import plain
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

def filled(message, depth):
    for field in message.DESCRIPTOR.fields:
        if field.is_repeated:
            continue
        if field.message_type:
            part = getattr(message, field.name)
            part.SetInParent()
            if field.message_type.name == "Message":
                part.conversation = "secret"
            elif depth:
                filled(part, depth - 1)
        elif field.cpp_type == field.CPPTYPE_STRING and field.type == field.TYPE_STRING:
            setattr(message, field.name, "secret")
    return message

found = {}
for field in Message.DESCRIPTOR.fields:
    message = Message()
    if field.message_type:
        getattr(message, field.name).SetInParent()
        filled(getattr(message, field.name), 2)
    else:
        setattr(message, field.name, "secret")
    found[field.name] = plain(message)
print(json.dumps(found))
"""


@pytest.mark.system
def test_every_field_of_the_library_is_known(tmp_path: Path) -> None:
    """Filled with text wherever it takes some, no field raises, none of the control messages yields any of it, and no
    field of this version of the library is missing from the lists above.
    """
    command = [sys.executable, "-c", _EVERY_FIELD]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    found = json.loads(run.stdout.splitlines()[-1])
    assert sorted(found) == sorted(_CONTROL + _WRITTEN)
    for name, message in found.items():
        content = content_of(message)
        if name in _CONTROL:
            assert content is None or isinstance(content, Happening), name
        else:
            assert isinstance(content, Content), name
