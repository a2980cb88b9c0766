"""Masking: no phone number survives in a log line, and what an operator needs stays readable."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.masking import mask_excerpt, mask_name, mask_phone, mask_text, pseudonym

DIGITS = "254712345678"


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        pytest.param("+254712345678", "+254…78", id="international"),
        pytest.param("254712345678", "254…78", id="without plus"),
        pytest.param("+254 712-345 678", "+254…78", id="grouped"),
        pytest.param("0712345678", "071…78", id="national"),
        pytest.param("254712345678@s.whatsapp.net", "254…78", id="a network's address"),
        pytest.param("071234567", "071…67", id="shortest that is shown in part"),
        pytest.param("07123456", "…", id="too short to stay unknown"),
        pytest.param("US.user", "…", id="no number at all"),
        pytest.param("", "…", id="nothing"),
    ],
)
def test_a_phone_number_shows_its_country_and_its_end(phone: str, masked: str) -> None:
    """Enough to tell two clients apart; at least four digits stay hidden."""
    assert mask_phone(phone) == masked


@pytest.mark.parametrize(
    ("name", "masked"), [("Jackson Otieno", "J…"), ("Ł", "Ł…"), ("", "")], ids=["two", "one", "none"]
)
def test_a_name_shows_its_first_letter(name: str, masked: str) -> None:
    """No more than an initial."""
    assert mask_name(name) == masked


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        pytest.param("to +254712345678 failed", "to +254…78 failed", id="E.164"),
        pytest.param("to 254712345678 failed", "to 254…78 failed", id="digits"),
        pytest.param("to +254 712 345 678 failed", "to +254…78 failed", id="blanks"),
        pytest.param("to 0712-345-678 failed", "to 071…78 failed", id="dashes"),
        pytest.param("to (0712) 345678 failed", "to (071…78 failed", id="brackets"),
        pytest.param("to +254 (0) 712 345 678 failed", "to +254…78 failed", id="trunk zero"),
        pytest.param("to +254 - 712 - 345 - 678 failed", "to +254…78 failed", id="spaced dashes"),
        pytest.param("to 0712.345.678 failed", "to 071…78 failed", id="dots"),
        pytest.param("to 0712/345678 failed", "to 071…78 failed", id="slash"),
        pytest.param("to +254\u00a0712\u202f345\u2011678 failed", "to +254…78 failed", id="typographic"),
        pytest.param("to \u202a+254 712\u200e345678\u202c failed", "to \u202a+254…78\u202c failed", id="address book"),
        pytest.param("to 00254712345678 failed", "to 002…78 failed", id="dialling prefix"),
        pytest.param("to 7123456 failed", "to … failed", id="seven digits"),
        pytest.param(
            "to \u0660\u0667\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668",
            "to \u0660\u0667\u0661…\u0667\u0668",
            id="Arabic digits",
        ),
        pytest.param("254712345678@s.whatsapp.net", "254…78@s.whatsapp.net", id="WhatsApp address"),
        pytest.param("254712345678:12@s.whatsapp.net", "254…78:12@s.whatsapp.net", id="WhatsApp device"),
        pytest.param("whatsapp:+254712345678", "whatsapp:+254…78", id="Twilio address"),
        pytest.param("conversation wa-254712345678", "conversation wa-254…78", id="conversation"),
        pytest.param("conversation wa254712345678", "conversation wa254…78", id="inside a word"),
        pytest.param("abc254712345678", "abc254…78", id="behind hexadecimal letters"),
        pytest.param("254712345678abc", "254…78abc", id="before hexadecimal letters"),
        pytest.param("2026-02-12 0712345678", "202…78", id="run together with a date"),
        pytest.param("2026-02-12T10:15:30Z0712345678", "…T10:15:30Z071…78", id="stuck to a time"),
        pytest.param("OC-2547-12345678", "OC-254…78", id="dressed up as a ticket"),
        pytest.param("2547-12-34567", "254…67", id="dressed up as a date"),
        pytest.param("a 254712345678, b +14155550123", "a 254…78, b +141…23", id="two of them"),
        pytest.param("254712345678\n254712345679", "254…78\n254…79", id="on two lines"),
        pytest.param("id wamid.HBgMMjU0NzEyMzQ1Njc4FQIAERgS==", "id wamid.…", id="message id"),
        pytest.param('{"id":"wamid.HBg/+_-="}', '{"id":"wamid.…"}', id="message id in JSON"),
    ],
)
def test_a_number_never_survives(line: str, masked: str) -> None:
    """However people and networks write it, and wherever it hides."""
    assert mask_text(line) == masked


@pytest.mark.parametrize(
    "line",
    [
        "error 503 after 3 attempts",
        "123456 is six digits",
        "OC-2026-0001 and OC-2031-123456",
        "hash 3f2a91c0de",
        "hash 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "delivery 550e8400-e29b-41d4-a716-446655440000",
        "at 2026-02-12T10:15:30Z",
        "at 2026-02-12T10:15:30.123456+03:00",
        "at 2026-02-12 10:15:30,123 INFO",
        "took 10:15:30.123456",
        "on 2026-02-12, the first",
        "retry in 0:00:59.5 s",
        "127.0.0.1:8080",
        "rules/10-telephony.yaml:14:14",
        "rule voip-outbound, priority high",
        "Ünïcödé, 電話, 🔥 and nothing else",
        "",
    ],
)
def test_what_an_operator_needs_stays_readable(line: str) -> None:
    """Times, tickets, hashes, codes and places are no phone numbers."""
    assert mask_text(line) == line


_GAPS = st.text(" -./()\u00a0", max_size=2)


@given(st.text("0123456789", min_size=7, max_size=15), st.data(), st.text("xyz:,@ \n"), st.text("xyz:,@ \n"))
def test_a_planted_number_never_survives(digits: str, data: st.DataObject, before: str, after: str) -> None:
    """Seven digits or more in any grouping and any company: at least four of them are gone."""
    written = digits[0] + "".join(data.draw(_GAPS) + digit for digit in digits[1:])
    kept = re.sub(r"\D", "", mask_text(f"{before}+{written}{after}"))
    assert len(kept) <= max(0, len(digits) - 4)
    assert digits not in kept


@given(st.text())
def test_masking_twice_changes_nothing(text: str) -> None:
    """A line may pass several sinks."""
    assert mask_text(mask_text(text)) == mask_text(text)


_INSTANTS = st.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis wants the bounds without a zone
    datetime(2099, 12, 31),  # noqa: DTZ001 - the same
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=3)), timezone(timedelta(hours=-3, minutes=-30))]),
)


@given(_INSTANTS)
def test_any_instant_stays_readable(moment: datetime) -> None:
    """Every time that this century can bring, as ISO 8601 writes it and as `str` does."""
    for written in (moment.isoformat(), moment.isoformat().replace("+00:00", "Z"), str(moment)):
        assert mask_text(f"at {written}: done") == f"at {written}: done"


@given(st.binary(min_size=5, max_size=32))
def test_a_hash_stays_readable_unless_it_could_be_a_number(hashed: bytes) -> None:
    """Hexadecimal with letters in two places is kept whole; nothing but digits is a phone number."""
    written = hashed.hex()
    if re.search(r"[a-f]+[0-9]+[a-f]", written):
        assert mask_text(f"sha {written}") == f"sha {written}"


def test_a_pseudonym_is_stable_and_salted() -> None:
    """The same conversation has the same name for one journal and another one for every other salt."""
    name = pseudonym(b"salt", "wa-254712345678")
    assert name == pseudonym(b"salt", "wa-254712345678") == "ee25458bb6bd7a58"
    assert name != pseudonym(b"other", "wa-254712345678")
    assert name != pseudonym(b"salt", "wa-254712345679")


@given(st.binary(max_size=64), st.text(st.characters(exclude_categories=())))
def test_any_identity_has_a_pseudonym(salt: bytes, identity: str) -> None:
    """Sixteen hexadecimal digits, whatever characters a network puts into its ids."""
    assert re.fullmatch(r"[0-9a-f]{16}", pseudonym(salt, identity))


@pytest.mark.parametrize(
    ("text", "name", "shown"),
    [
        pytest.param("My 3CX is down", None, "My #CX is down", id="digits"),
        pytest.param("call 0712 345 678 now", None, "call ###…## now", id="a number"),
        pytest.param("JACKSON here, otieno speaking", "Jackson Otieno", "… here, … speaking", id="the client's name"),
        pytest.param("I am Jo", "Jo", "I am Jo", id="a name too short to be told from a word"),
        pytest.param("a@b.co see https://x.ke/p?a=1 or www.x.ke", None, "…@… see …@… or …@…", id="addresses"),
        pytest.param("two\nlines\tand\x07bell", None, "two lines and bell", id="one line"),
        pytest.param("x" * 20, None, "xxxxxxxxxxx…", id="cut"),
        pytest.param("twelve chars", None, "twelve chars", id="as long as may be"),
        pytest.param("", "", "", id="nothing"),
    ],
)
def test_an_excerpt_shows_what_it_is_about_and_not_whom(text: str, name: str | None, shown: str) -> None:
    """Of a client's words the beginning, without digits, addresses and the client's own name."""
    assert mask_excerpt(text, name, 30 if len(text) != 20 and text != "twelve chars" else 12) == shown
