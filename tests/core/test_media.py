"""The files that clients send: which are fetched, when, under what name, and what the thread reads instead of one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standins.conversations import FAULT, GREETED, GREETING, OPEN, THE_POST, circumstances, kinds, message, planned

from engine.core import media
from engine.core.deliveries import DeliveryKind, Fault, FollowUp, Media, NewDelivery, Rejected, Unknown
from engine.core.events import ATTACHMENT_KINDS, Attachment, Message
from engine.core.incidents import Incident
from engine.core.media import GONE, HEAD_START, MOST, PATIENCE, TOO_LARGE, Fetched
from engine.core.plan import Plan, delivery_id, message_key

NOW = datetime(2026, 2, 12, 10, 15, 30, tzinfo=UTC)
VOICE = Attachment("voice", "audio/ogg; codecs=opus", size_bytes=3_200_000, reference="4711")
BODY = Media("triage", "support", "OC-2026-0001", "main", "4711", "voice", None, "audio/ogg", 3_200_000)
BUSY = Rejected(Fault.TRANSIENT, "429", "busy", timedelta(seconds=7))
MIB = 1024 * 1024


def files(made: Plan) -> list[NewDelivery]:
    """The files that a plan orders."""
    return [delivery for delivery in made.deliveries if isinstance(delivery.body, Media)]


def reply(why: str) -> FollowUp:
    """What the thread reads instead of the file."""
    text = f"The client's voice note (3.2 MB) is not attached: {why}. Look at it on the phone."
    return FollowUp("triage", "support", text, "OC-2026-0001")


# Planned


def test_a_voice_note_is_ordered_for_the_thread() -> None:
    """On a lane and by a destination of its own, a little after the post, under an id that stays the same."""
    around = replace(circumstances(), fetch_media=True)
    inbound = message("", attachments=(VOICE,))
    made = planned(inbound, FAULT, around)
    assert kinds(made) == [DeliveryKind.ACKNOWLEDGEMENT, DeliveryKind.ESCALATION, DeliveryKind.MEDIA]
    body = Media(
        "dev-support-escalations",
        "support",
        made.deliveries[1].body.ticket_id,  # type: ignore[union-attr]
        "main",
        "4711",
        "voice",
        None,
        "audio/ogg; codecs=opus",
        3_200_000,
    )
    key = f"{message_key(inbound)}-media-{media.digest(body)}"
    assert files(made) == [
        NewDelivery(key, "media:main:wa-254712345678", "mattermost.files", body, around.accepted_at + HEAD_START)
    ]
    assert delivery_id(message_key(inbound), body) == key
    assert planned(inbound, FAULT, around) == made


def test_nothing_is_ordered_unless_it_is_switched_on() -> None:
    """The default: engineers look at the phone."""
    assert files(planned(message("", attachments=(VOICE,)), FAULT)) == []


def test_a_further_message_brings_its_file_into_the_same_thread() -> None:
    """To the channel and under the ticket of the open incident, whose post is there."""
    around = replace(circumstances(OPEN, THE_POST), fetch_media=True)
    (file,) = files(planned(message("look", number=2, attachments=(VOICE,)), GREETING, around))
    assert isinstance(file.body, Media)
    assert (file.body.channel, file.body.ticket_id) == ("dev-support-escalations", "OC-2026-0001")
    assert file.due_at == around.accepted_at


def test_a_file_leaves_the_post_a_head_start_that_a_greeted_client_gets_now() -> None:
    """The incident was open before, and its post is not."""
    around = replace(circumstances(GREETED), fetch_media=True)
    (file,) = files(planned(message("look", number=2, attachments=(VOICE,)), FAULT, around))
    assert file.due_at == around.accepted_at + HEAD_START


@pytest.mark.parametrize("before", [None, GREETED], ids=["greeting", "further greeting"])
def test_without_a_post_there_is_no_thread_to_fetch_for(before: Incident | None) -> None:
    """What calls no engineer is not fetched."""
    around = replace(circumstances(), incident=before, fetch_media=True)
    assert files(planned(message("hi", number=2, attachments=(VOICE,)), GREETING, around)) == []


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        pytest.param(Message("m", "", attachments=(replace(VOICE, reference=None),)), [], id="no reference"),
        pytest.param(Message("m", "", attachments=(replace(VOICE, reference=""),)), [], id="empty reference"),
        pytest.param(Message("m", "", "edit", (VOICE,)), [], id="an edit brings nothing new"),
        pytest.param(Message("m", "", attachments=(VOICE, VOICE)), ["4711"], id="the same twice"),
        pytest.param(
            Message("m", "", attachments=tuple(replace(VOICE, reference=str(number)) for number in range(9))),
            ["0", "1", "2", "3", "4"],
            id="many",
        ),
        pytest.param(
            Message("m", "", attachments=tuple(Attachment(kind, reference=kind) for kind in ATTACHMENT_KINDS)),
            ["image", "video", "audio", "voice", "document"],
            id="every kind",
        ),
        pytest.param(
            Message(
                "m", "", attachments=tuple(Attachment(kind, reference="geo:1,2") for kind in ("location", "order"))
            ),
            [],
            id="no files",
        ),
    ],
)
def test_files_with_a_reference_are_wanted_once_and_few_at_a_time(sent: Message, wanted: list[str]) -> None:
    """Places, cards and orders are no files, whatever their reference says."""
    assert [one.reference for one in media.wanted(sent)] == wanted
    assert len(wanted) <= MOST


# Decided on the way


def test_a_file_waits_for_its_post() -> None:
    """It is tried again soon, and never goes anywhere but into the thread."""
    waits = media.not_yet(BODY, None)
    assert waits == Rejected(
        Fault.TRANSIENT, "no-post", "the post of OC-2026-0001 is not there yet", timedelta(seconds=2)
    )
    assert media.not_yet(BODY, "p1") is None


@pytest.mark.parametrize(
    ("size", "limit", "why"),
    [
        pytest.param(10 * MIB, 10 * MIB, None, id="just fits"),
        pytest.param(None, 1, None, id="nobody knows"),
        pytest.param(3_200_000, 2_000_000, "it is larger than 2.0 MB", id="too large"),
        pytest.param(3_200_000, 0, "Mattermost takes no files", id="no files"),
    ],
)
def test_what_is_known_to_be_too_large_is_not_even_fetched(size: int | None, limit: int, why: str | None) -> None:
    """The reply says so at once."""
    refused = media.refused_ahead(replace(BODY, size_bytes=size), limit)
    assert refused == (None if why is None else reply(why))


@pytest.mark.parametrize(
    ("found", "follows"),
    [
        pytest.param(Fetched(b"OggS", ""), Fetched(b"OggS", ""), id="fetched"),
        pytest.param(Fetched(b"", ""), reply("it is empty"), id="empty"),
        pytest.param(Fetched(b"x" * 2001, ""), reply("it is larger than 2 kB"), id="a source that does not count"),
        pytest.param(Rejected(Fault.PERMANENT, TOO_LARGE, "r"), reply("it is larger than 2 kB"), id="too large"),
        pytest.param(Rejected(Fault.PERMANENT, GONE, "r"), reply("the network no longer has it"), id="gone"),
        pytest.param(Rejected(Fault.PERMANENT, "host", "r"), reply("it could not be fetched"), id="refused for good"),
        pytest.param(BUSY, BUSY, id="busy"),
        pytest.param(Unknown("cut"), Rejected(Fault.TRANSIENT, "no-answer", "cut"), id="cut"),
    ],
)
def test_what_is_fetched_is_attached_or_the_thread_reads_why_not(found: object, follows: object) -> None:
    """Only what may pass is asked for again; nothing ends in a dead delivery."""
    accepted_at = NOW - PATIENCE + timedelta(seconds=1)
    assert media.after_fetch(BODY, found, 2000, accepted_at, NOW) == follows  # type: ignore[arg-type]


@pytest.mark.parametrize("failure", [BUSY, Unknown("cut"), Rejected(Fault.MISCONFIGURED, "190", "token")])
def test_a_file_is_not_asked_for_forever(failure: Rejected | Unknown) -> None:
    """After an hour the thread reads that there is none, whatever the trouble is."""
    assert media.after_fetch(BODY, failure, 2000, NOW - PATIENCE, NOW) == reply("it could not be fetched")
    assert media.after_upload(BODY, failure, NOW - PATIENCE, NOW) == reply("Mattermost does not take it")


@pytest.mark.parametrize(
    ("failure", "follows"),
    [
        pytest.param(BUSY, BUSY, id="busy"),
        pytest.param(Unknown("cut"), Rejected(Fault.TRANSIENT, "no-answer", "cut"), id="cut"),
        pytest.param(Rejected(Fault.PERMANENT, "413", "r"), reply("Mattermost does not take it"), id="too large there"),
        pytest.param(Rejected(Fault.MISCONFIGURED, "403", "r"), reply("Mattermost does not take it"), id="not allowed"),
    ],
)
def test_a_file_that_the_server_does_not_take_is_told_about(failure: Rejected | Unknown, follows: object) -> None:
    """A busy server is asked again."""
    assert media.after_upload(BODY, failure, NOW, NOW) == follows


def test_the_words_beside_a_file_say_what_it_is() -> None:
    """Of the client's words and names none."""
    assert media.caption(BODY) == FollowUp("triage", "support", "From the client: voice note", "OC-2026-0001")
    odd = replace(BODY, kind="hologram", size_bytes=None)
    assert media.instead(odd, "x").body == "The client's file is not attached: x. Look at it on the phone."


# Names and types


@pytest.mark.parametrize(
    ("told", "with_message", "its_type"),
    [
        ("audio/ogg", "audio/mpeg", "audio/ogg"),
        ("", "Audio/OGG; codecs=opus", "audio/ogg"),
        ("application/octet-stream", "application/pdf", "application/pdf"),
        ("text/html\r\nx: y", None, "application/octet-stream"),
        ("", None, "application/octet-stream"),
    ],
)
def test_a_type_is_what_somebody_told_in_good_form(told: str, with_message: str | None, its_type: str) -> None:
    """The network's word with the file goes first; nothing is guessed from the bytes."""
    assert media.media_type(replace(BODY, media_type=with_message), Fetched(b"%PDF", told)) == its_type


@pytest.mark.parametrize(
    ("name", "its_type", "cleaned"),
    [
        (None, "audio/ogg", "voice.ogg"),
        (None, "application/octet-stream", "voice.bin"),
        ("May.pdf", "application/pdf", "May.pdf"),
        ("photo.JPEG", "image/jpeg", "photo.JPEG"),
        ("../../etc/passwd", "text/plain", "passwd.txt"),
        ("C:\\Users\\me\\a.doc", "application/msword", "a.doc"),
        ("invoice.pdf.exe", "application/pdf", "invoice.pdf.exe.pdf"),
        ("setup.exe", "application/octet-stream", "setup.exe"),
        ("@channel look.png", "image/png", "channel look.png"),
        ("a\x00b\r\nc\u202egpj.exe", "image/jpeg", "ab cgpj.exe.jpg"),
        ('a"; filename="b.txt', "text/plain", "a filename=b.txt"),
        ("...", "image/png", "voice.png"),
        ("/", "image/png", "voice.png"),
        ("v1.2 final draft", "application/pdf", "v1.2 final draft.pdf"),
        ("archive.tar.gz", "application/x-hologram", "archive.tar.gz"),
        ("x" * 300 + ".pdf", "application/pdf", "x" * 80 + ".pdf"),
        ("Habari ya asubuhi ü.png", "image/png", "Habari ya asubuhi ü.png"),
    ],
)
def test_a_name_is_cleaned_and_ends_as_its_type_does(name: str | None, its_type: str, cleaned: str) -> None:
    """No path, no control or direction marks, no mention, and the last extension is what the network says it is."""
    assert media.file_name(replace(BODY, name=name), its_type) == cleaned


@given(st.none() | st.text(st.characters(exclude_categories=())), st.sampled_from(["image/png", "a/b"]))
def test_no_name_of_a_client_is_more_than_a_name(name: str | None, its_type: str) -> None:
    """Whatever it is made of, it is one short line without separators and mentions, and it has an extension."""
    cleaned = media.file_name(replace(BODY, name=name), its_type)
    assert cleaned == cleaned.strip(". ")
    assert not set('@\uff20/\\:"<>|?*`\r\n\x00\u202e') & set(cleaned)
    assert cleaned.isprintable() or not cleaned.isascii()
    assert 0 < len(cleaned) <= 80 + 9
    assert "." in cleaned[1:]
    assert its_type != "image/png" or cleaned.lower().endswith(".png")


def test_files_go_by_a_destination_that_no_connector_can_have() -> None:
    """The names of connectors hold no dots."""
    assert media.carrier("mattermost") == "mattermost.files"
