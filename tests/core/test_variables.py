"""Variables: what summaries and templates may use, and that a client's words always stand in quotes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standins.conversations import PHONE, RECEIVED_AT, SEED_TEXT, message

from engine.core import variables
from engine.core.decisions import Priority
from engine.core.events import Attachment, Event, Message
from engine.core.quotes import TICKET, clean, plain, quote, spans


def event(text: str = SEED_TEXT, name: str | None = "Jackson", phone: str | None = PHONE, *kinds: str) -> Event:
    return message(text, name=name, phone=phone, attachments=tuple(map(Attachment, kinds))).event


def test_a_message_brings_its_text_time_name_and_number() -> None:
    """Whatever the client controls is quoted."""
    assert variables.of_message(event()) == {
        "raw_text": quote(SEED_TEXT),
        "received_at": RECEIVED_AT,
        "client_name": quote("Jackson"),
        "client_phone": quote(PHONE),
    }


@pytest.mark.parametrize("missing", [None, "", " \n", "\x00", "\u200b\u2060", "\u3164", "\u2800 \u115f"], ids=repr)
def test_what_cannot_be_seen_is_absent(missing: str | None) -> None:
    """A hidden number and a profile name without a shape are no variables at all, so that `is defined` can ask."""
    hidden = event(name=missing, phone=missing)
    assert set(variables.of_message(hidden)) == {"raw_text", "received_at"}
    assert variables.client_name(hidden) is None
    assert variables.client_phone(hidden) is None


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        pytest.param(" Jackson\n Otieno ", "Jackson Otieno", id="one line"),
        pytest.param("x" * 61, "x" * 59 + "…", id="cut"),
        pytest.param("\U0001f525", "\U0001f525", id="emoji"),
        pytest.param("\uf8ff", "\uf8ff", id="private use"),
        pytest.param("\u0130\u307f", "\u0130\u307f", id="any script"),
        pytest.param("\ufdd0@all\ufdd1", "@all", id="marks"),
    ],
)
def test_a_name_is_one_visible_line(given_name: str, shown: str) -> None:
    """Names are shown as written, on one line of at most sixty characters."""
    assert variables.client_name(event(name=given_name)) == shown
    assert variables.of_message(event(name=given_name))["client_name"] == quote(shown)


@pytest.mark.parametrize(
    ("text", "kinds", "shown"),
    [
        pytest.param("", (), "(no text)", id="nothing"),
        pytest.param("\x00\u202e", (), "(no text)", id="nothing to see"),
        pytest.param("", ("image", "voice", "image"), "(no text: image, voice)", id="attachments"),
        pytest.param("see", ("image",), "see", id="text and attachment"),
        pytest.param("x" * 4000, (), "x" * 4000, id="as long as shown"),
        pytest.param("x" * 4001, (), "x" * 4000 + " … [cut: 4001 characters]", id="too long"),
    ],
)
def test_the_text_is_shown_or_what_came_in_its_place(text: str, kinds: tuple[str, ...], shown: str) -> None:
    """A post never quotes nothing, and never more than a person can read."""
    assert plain(str(variables.of_message(event(text, "J", PHONE, *kinds))["raw_text"])) == shown


def test_a_message_that_could_not_be_read_says_where_to_read_it() -> None:
    """The engineers have the phone."""
    found = event("")
    unread = replace(found, message=replace(found.message, kind="undecryptable"))
    assert variables.of_message(unread)["raw_text"] == (
        "(this message could not be read here: please read it on the phone)"
    )


def test_an_attachment_s_kind_is_quoted() -> None:
    """It comes from outside like any text."""
    shown = variables.of_message(event("", "J", PHONE, "@all"))["raw_text"]
    assert shown == f"(no text: {quote('@all')})"


def test_the_rules_findings_become_variables() -> None:
    """Categories by name, several canonical names joined; captures quoted; lists as tuples; the priority's word."""
    found = variables.of_match(
        keywords=(("product", ("3CX", "VoIP")), ("direction", ("outbound",))),
        captures=(("code", " 503\n"), ("other", "\x00")),
        priority=Priority.URGENT,
        tags=["whatsapp", "3cx"],
        matched=["voip", "anything-else"],
    )
    assert found == {
        "product": "3CX and VoIP",
        "direction": "outbound",
        "code": quote("503"),
        "keywords": ("3CX", "VoIP", "outbound"),
        "priority": "urgent",
        "tags": ("whatsapp", "3cx"),
        "matched": ("voip", "anything-else"),
    }


def test_a_decision_brings_summary_mention_and_the_ticket_s_mark() -> None:
    """The number is filled in when the journal allocates it."""
    assert variables.of_decision("3CX down", "@oncall") == {
        "issue_summary": "3CX down",
        "ticket_id": TICKET,
        "oncall": "@oncall",
    }


def test_the_lists_of_names_say_what_there_is() -> None:
    """The loader's warnings rest on these three sets."""
    full, bare = set(variables.of_message(event())), set(variables.of_message(event("", None, None)))
    matched = set(variables.of_match((), (), Priority.LOW, (), ()))
    assert bare | matched == variables.ALWAYS
    assert full - bare == variables.SOMETIMES - {"attachments"}
    came = replace(event(), message=Message("1", "", attachments=(Attachment("image"),)))
    assert set(variables.of_message(came)) - full == {"attachments"}
    assert set(variables.of_decision("", "")) == variables.DECIDED


@pytest.mark.parametrize(
    ("attachment", "told"),
    [
        (Attachment("image"), "image"),
        (Attachment("voice", "audio/ogg", seconds=12), "voice (audio/ogg, 12 s)"),
        (
            Attachment("document", "application/pdf", "report.pdf", 1_234_567),
            "document report.pdf (application/pdf, 1.2 MB)",
        ),
        (Attachment("sticker", size_bytes=10), "sticker (1 kB)"),
        (Attachment("document", None, "a\nb@all", 999_999), "document a b@all (1000 kB)"),
    ],
)
def test_an_attachment_is_named_with_kind_and_size(attachment: Attachment, told: str) -> None:
    """On one line, and quoted: all of it comes from outside."""
    came = variables.of_message(replace(event(), message=Message("1", "", attachments=(attachment,))))
    assert plain(str(came["attachments"])) == told
    assert all(span.quoted for span in spans(str(came["attachments"])))


@given(*(st.text(st.characters(exclude_categories=())) for _ in range(5)))
def test_no_client_s_word_stands_outside_quotes(text: str, name: str, phone: str, kind: str, code: str) -> None:
    """Whatever a client sends, the unquoted rest is ours alone."""
    values = {
        **variables.of_message(event(text, name, phone, kind)),
        **variables.of_match((), (("code", code),), Priority.LOW, (), ()),
    }
    for key in ("raw_text", "client_name", "client_phone", "code"):
        ours = "".join(span.text for span in spans(str(values.get(key, ""))) if not span.quoted)
        assert ours in ("", "(no text)", "(no text: )")
    assert not text or plain(str(values["raw_text"])).startswith((clean(text)[:100], "(no text"))
