"""What Twilio posts, as messages and receipts; whatever is in a form, a message that a person wrote is never lost."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standins import twilio
from standins.parts import START

from engine.connectors.twilio.notifications import read
from engine.core.events import Address, Attachment, Client, Event, Inbound, Message, Receipt
from engine.ports import Received, Refused

_PLACE = Attachment("location", reference="geo:-1.28,36.81")
_PATH = "/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"
_URL = f"https://api.twilio.com{_PATH}"


def _read(fields: dict[str, str], delivery: str = "") -> Received | Refused:
    return read("reserve", twilio.SENDER, fields, delivery, START)


def _inbound(**fields: str) -> Inbound:
    found = _read(twilio.message_form("SM1", "") | fields)
    assert isinstance(found, Received)
    (one,) = found.inbounds
    return one


def _message(**fields: str) -> Message:
    return _inbound(**fields).event.message


def test_reads_a_text_message() -> None:
    """Who wrote, what, and the way back; the answer is an empty document, which says nothing to the client."""
    found = _read(twilio.message_form("SM1", "Hello  \n"))
    event = Event("whatsapp", START, "wa-254712345678", Client("+254712345678", "Jackson"), Message("SM1", "Hello  \n"))
    expected = Inbound("reserve", event, Address("reserve", "whatsapp:+254712345678"), ("wa-254712345678",))
    assert found == Received((expected,), answer="<Response/>", answer_type="text/xml")


def test_reads_a_message_without_a_name() -> None:
    """A client without a profile name has none."""
    found = _read(twilio.message_form("SM1", "Hello", name=None))
    assert isinstance(found, Received)
    assert found.inbounds[0].event.client == Client("+254712345678", None)
    assert _inbound(ProfileName="  ").event.client.display_name is None


@pytest.mark.parametrize(
    ("wa_id", "phone"), [("254712345678", "+254712345678"), ("", None), ("US.1349", None)], ids=["told", "none", "odd"]
)
def test_reads_a_client_whose_number_is_hidden(wa_id: str, phone: str | None) -> None:
    """The address that Twilio tells names the conversation and leads back."""
    found = _inbound(From="whatsapp:US.1349", WaId=wa_id)
    assert (found.event.conversation_id, found.event.client.phone) == ("wa-US.1349", phone)
    assert found.reply == Address("reserve", "whatsapp:US.1349")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"Body": "Yes", "ButtonText": "Yes", "ButtonPayload": "y"}, Message("SM1", "Yes"), id="button"),
        pytest.param({"ButtonText": "Yes", "MessageType": "button"}, Message("SM1", "Yes"), id="button text alone"),
        pytest.param({"ButtonPayload": "y"}, Message("SM1", "y"), id="payload alone"),
        pytest.param({"ListTitle": "Billing", "MessageType": "interactive"}, Message("SM1", "Billing"), id="list"),
        pytest.param(
            {"Body": "again", "Forwarded": "true", "OriginalRepliedMessageSid": "SM0", "ReferralBody": "x", "New": "1"},
            Message("SM1", "again"),
            id="fields that nobody asked for",
        ),
        pytest.param({"Body": "half \ud83d"}, Message("SM1", "half \ufffd"), id="half a pair"),
        pytest.param(
            {"Latitude": "-1.28", "Longitude": "36.81", "Label": "Office", "Address": "Moi Ave"},
            Message("SM1", "Office, Moi Ave", attachments=(replace(_PLACE, name="Office"),)),
            id="place with a name",
        ),
        pytest.param(
            {"Latitude": "-1.28", "Longitude": "36.81"}, Message("SM1", "", attachments=(_PLACE,)), id="place alone"
        ),
        pytest.param({"MessageType": "reaction", "Body": "👍"}, Message("SM1", "👍", "unsupported"), id="reaction"),
        pytest.param({"MessageType": "hologram"}, Message("SM1", "", "unsupported"), id="a type of the future"),
        pytest.param({}, Message("SM1", "", "unsupported"), id="nothing to read"),
        pytest.param({"NumMedia": "two"}, Message("SM1", "", "unsupported"), id="odd number of files"),
        pytest.param(
            {"NumMedia": "1", "Body": "look"},
            Message("SM1", "look", attachments=(Attachment("document"),)),
            id="a file that is not told",
        ),
        pytest.param(
            {"NumMedia": "2", "MediaUrl0": f"{_URL}0", "MediaContentType0": "image/jpeg", "MediaUrl1": f"{_URL}1"}
            | {"MediaContentType1": "audio/ogg; codecs=opus"},
            Message(
                "SM1",
                "",
                attachments=(
                    Attachment("image", "image/jpeg", reference=f"{_PATH}0"),
                    Attachment("voice", "audio/ogg", reference=f"{_PATH}1"),
                ),
            ),
            id="two files",
        ),
    ],
)
def test_reads_what_came(fields: dict[str, str], expected: Message) -> None:
    """Text, what was chosen, files and places; what cannot be read is still a message."""
    assert _message(**fields) == expected


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        ("image/png", "image"),
        ("image/webp", "sticker"),
        ("video/mp4", "video"),
        ("audio/ogg", "voice"),
        ("audio/mpeg", "audio"),
        ("text/vcard", "contacts"),
        ("TEXT/X-VCARD", "contacts"),
        ("application/pdf", "document"),
        ("odd", "document"),
    ],
)
def test_tells_files_apart_by_their_type(media_type: str, kind: str) -> None:
    """A voice note is told from music, because somebody has to listen to it."""
    (found,) = _message(NumMedia="1", MediaUrl0=_URL, MediaContentType0=media_type).attachments
    assert found == Attachment(kind, media_type.lower(), reference=_PATH)


@pytest.mark.parametrize("url", ["https://files.example.org", "https://[", ""])
def test_keeps_of_an_address_only_its_path(url: str) -> None:
    """A form cannot say where our credentials go."""
    (found,) = _message(NumMedia="1", MediaUrl0=url).attachments
    assert found.reference is None


def test_bounds_the_number_of_files() -> None:
    """A number that no client can reach makes no work."""
    assert len(_message(NumMedia="9999").attachments) == 30


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"MessageSid": "", "SmsMessageSid": ""}, Refused(400, "is missing", "MessageSid"), id="no id"),
        pytest.param(
            {"To": "whatsapp:+15550000000"},
            Refused(404, "is another number than `from` of this connector", "To"),
            id="another sender",
        ),
        pytest.param({"From": "+254712345678"}, Refused(400, "must be a WhatsApp address", "From"), id="an SMS"),
    ],
)
def test_refuses_what_is_not_ours(fields: dict[str, str], expected: Refused) -> None:
    """What no conversation of this sender can hold is refused with the field, which shows in Twilio's console."""
    assert _read(twilio.message_form("SM1", "Hello") | fields) == expected


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("accepted", "sent"),
        ("queued", "sent"),
        ("sending", "sent"),
        ("sent", "sent"),
        ("delivered", "delivered"),
        ("read", "read"),
        ("failed", "failed"),
        ("undelivered", "failed"),
        ("canceled", "failed"),
    ],
)
def test_reads_what_became_of_a_message(told: str, status: str) -> None:
    """Each status is a receipt of the delivery in the callback's address; what waits at Twilio is taken."""
    failed = status == "failed"
    reason = (
        "WhatsApp cannot deliver to this client: the recipient is not valid, e.g. no WhatsApp there" if failed else ""
    )
    found = _read(twilio.status_form("SM2", told, code=63024), "d1")
    receipt = Receipt("reserve", "d1", "SM2", status, START, "63024" if failed else None, reason)
    assert found == Received(receipts=(receipt,), answer="<Response/>", answer_type="text/xml")


def test_reads_a_failure_without_a_code() -> None:
    """Then the code is not known."""
    found = _read(twilio.status_form("SM2", "failed"), "d1")
    assert isinstance(found, Received)
    assert found.receipts[0].code is None


@pytest.mark.parametrize(("told", "delivery"), [("delivered", ""), ("vanished", "d1")], ids=["not ours", "new status"])
def test_ignores_other_statuses(told: str, delivery: str) -> None:
    """Words about messages that somebody else sent, and words of the future, are answered and dropped."""
    assert _read(twilio.status_form("SM2", told), delivery) == Received(answer="<Response/>", answer_type="text/xml")


_NAMES = st.sampled_from((*twilio.message_form("SM1", ""), *twilio.status_form("SM1", ""), "ErrorCode", "ButtonText"))
_MORE = st.sampled_from(("MediaUrl0", "MediaContentType0", "Latitude", "Longitude", "Label", "Address", "ListTitle"))


@given(st.dictionaries(_NAMES | _MORE, st.text(st.characters(), max_size=20)), st.text(max_size=5))
def test_never_raises(fields: dict[str, Any], delivery: str) -> None:
    """Whatever the fields hold, a message to us with an id and a sender comes through."""
    assert isinstance(_read(fields, delivery), Received | Refused)
    found = _read(twilio.message_form("SM1", "Hello") | {k: v for k, v in fields.items() if k not in _IDENTITY})
    assert isinstance(found, Received)
    assert len(found.inbounds) == 1


_IDENTITY = {"From", "To", "MessageSid", "MessageStatus"}
