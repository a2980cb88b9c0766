"""Quotes: the border between our words and the client's, which no client can move."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.quotes import TICKET, Span, clean, clean_line, fill_ticket, plain, quote, spans

OPEN, CLOSE = quote("x").split("x")
_BIDIRECTIONAL_CONTROLS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
# Any code point at all, the ones that no text should hold more often than chance would bring them.
ANYTHING = st.text(
    st.one_of(
        st.characters(exclude_categories=()),
        st.sampled_from(
            f"{OPEN}{CLOSE}{TICKET}\x00\r\n\t\x0b\x85\u2028\u2029\u202e\u2066\u200f\ufeff\ufff9\ufffd\uffff\U0001ffff"
            "\ud83d\ude00\udcff e\u0301\u212b@"
        ),
    )
)
OURS = st.text(st.characters(exclude_characters=(OPEN, CLOSE)))


@pytest.mark.parametrize(
    ("written", "cleaned"),
    [
        pytest.param("My 3CX\n\tis *down*", "My 3CX\n\tis *down*", id="ordinary text"),
        pytest.param("a\r\nb\rc\x85d\u2028e\u2029f", "a\nb\nc\nd\ne\nf", id="line ends"),
        pytest.param("a\x00b\x07\x1b[31mc\x7f\x9fd", "ab[31mcd", id="controls"),
        pytest.param("\u202egnp.exe\u202c \u2066x\u2069\u200e\u200f\u061c", "gnp.exe x", id="bidirectional controls"),
        pytest.param("a\ud800b\udfff", "ab", id="lone surrogates"),
        pytest.param(f"{OPEN}a{CLOSE}{TICKET}\ufdef", "a", id="the engine's own marks"),
        pytest.param("a\ufffe\uffff\U0001fffe\U0010ffff", "a", id="other noncharacters"),
        pytest.param("\ufeffa\ufff9b\ufffac\ufffb", "abc", id="byte order mark and annotations"),
        pytest.param("a\ufffdb", "a\ufffdb", id="the replacement character stays: something stood there"),
        pytest.param("e\u0301 \u212b", "\u00e9 \u00c5", id="NFC"),
        pytest.param("e\u202e\u0301", "\u00e9", id="NFC after the removal"),
        pytest.param("\U0001f469\u200d\U0001f527 ok", "\U0001f469\u200d\U0001f527 ok", id="joined emoji"),
        pytest.param("مرحبا שלום", "مرحبا שלום", id="right-to-left scripts"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_cleaning_keeps_what_was_written_and_drops_what_misleads(written: str, cleaned: str) -> None:
    """Text of any script survives; whatever could break a layout, a store or the marks does not."""
    assert clean(written) == cleaned


@given(ANYTHING)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    """`clean` is idempotent."""
    assert clean(clean(text)) == clean(text)


@given(ANYTHING)
def test_clean_text_holds_nothing_unwanted(text: str) -> None:
    """No control but tab and line feed, no surrogate, no noncharacter; it is NFC and can be stored as UTF-8."""
    cleaned = clean(text)
    assert not [char for char in cleaned if unicodedata.category(char) in {"Cc", "Cs"} and char not in "\t\n"]
    assert not [char for char in cleaned if 0xFDD0 <= ord(char) <= 0xFDEF or ord(char) & 0xFFFE == 0xFFFE]
    assert not [char for char in cleaned if unicodedata.bidirectional(char) in _BIDIRECTIONAL_CONTROLS]
    assert unicodedata.is_normalized("NFC", cleaned)
    assert cleaned.encode().decode() == cleaned


@pytest.mark.parametrize(
    ("written", "limit", "line"),
    [
        pytest.param("  Jackson \n\t Otieno ", 60, "Jackson Otieno", id="blanks"),
        pytest.param("J\u00a0O\u3000x", 60, "J O x", id="blanks of other scripts"),
        pytest.param("12345", 5, "12345", id="just fits"),
        pytest.param("123456", 5, "1234…", id="cut"),
        pytest.param("123 56", 5, "123…", id="cut at a blank"),
        pytest.param("ab", 1, "…", id="no room"),
        pytest.param(" \x00\u202e", 5, "", id="nothing to show"),
    ],
)
def test_a_line_is_one_line_within_its_limit(written: str, limit: int, line: str) -> None:
    """Blanks are folded, and a cut is shown."""
    assert clean_line(written, limit) == line


@given(ANYTHING, st.integers(1, 40))
def test_a_line_never_breaks_and_never_exceeds_its_limit(text: str, limit: int) -> None:
    """Whatever was written, the result is one line of at most `limit` code points, and stable."""
    line = clean_line(text, limit)
    assert len(line) <= limit
    assert line.splitlines() in ([], [line])
    assert line == line.strip()
    assert clean_line(line, limit) == line


@given(ANYTHING)
def test_a_quotation_reads_as_the_clean_text(text: str) -> None:
    """Marking and unmarking is cleaning."""
    assert plain(quote(text)) == clean(text)
    assert plain(clean(text)) == clean(text)


def test_an_empty_quotation_leaves_no_marks() -> None:
    """Nothing to quote is nothing at all, so that a template may test it."""
    assert quote("") == quote("\x00\ufdd0") == ""
    assert spans("") == ()


@given(st.lists(st.tuples(OURS, ANYTHING)), OURS)
def test_no_client_can_forge_a_mark(parts: list[tuple[str, str]], end: str) -> None:
    """Spans give back exactly which characters are ours and which the client's, in order, whatever the client wrote."""
    marked = "".join(f"{ours}{quote(theirs)}" for ours, theirs in parts) + end
    pieces = [piece for ours, theirs in parts for piece in (Span(ours, quoted=False), Span(clean(theirs), quoted=True))]
    expected = [piece for piece in (*pieces, Span(end, quoted=False)) if piece.text]
    assert _joined(spans(marked)) == _joined(tuple(expected))


@given(st.text(st.one_of(st.sampled_from(f"{OPEN}{CLOSE}"), st.characters(exclude_categories=()))))
def test_spans_lose_nothing(marked: str) -> None:
    """However torn the marks are, the spans together are the plain text, and none is empty."""
    found = spans(marked)
    assert "".join(span.text for span in found) == plain(marked)
    assert all(span.text for span in found)


def _joined(found: tuple[Span, ...]) -> list[tuple[bool, str]]:
    """Spans with neighbours of one author joined."""
    joined: list[tuple[bool, str]] = []
    for span in found:
        if joined and joined[-1][0] == span.quoted:
            joined[-1] = (span.quoted, joined[-1][1] + span.text)
        else:
            joined.append((span.quoted, span.text))
    return joined


THEIRS = quote("the client's words")


@pytest.mark.parametrize(
    ("torn", "quoted"),
    [
        pytest.param(f'"{THEIRS}" ours', ["the client's words"], id="whole"),
        pytest.param(f'"{THEIRS[:10]}…" ours', ['the clien…" ours'], id="without an end: to the end of the text"),
        pytest.param(f'"{THEIRS[5:]}" ours', ["\"client's words"], id="without a beginning: from the border before"),
        pytest.param(f"{quote('a')} ours {THEIRS[5:]}", ["a", " ours client's words"], id="from the quotation before"),
        pytest.param(f"{CLOSE}ours", [], id="an end with nothing before it"),
        pytest.param(f"{OPEN}{OPEN}a{CLOSE}b{CLOSE} ours", ["a", "b"], id="nested"),
    ],
)
def test_a_torn_mark_counts_against_the_client(torn: str, quoted: list[str]) -> None:
    """Where a template filter tore a mark off, rather too much is fenced than too little."""
    assert [span.text for span in spans(torn) if span.quoted] == quoted


def test_the_ticket_number_stands_wherever_its_mark_stood() -> None:
    """The mark is filled each time, and no client text can hold it."""
    text = f"{TICKET}: {quote(f'is {TICKET} mine?')} {TICKET}"
    assert plain(fill_ticket(text, "OC-2026-0001")) == "OC-2026-0001: is  mine? OC-2026-0001"


def test_exactly_the_unwanted_characters_are_dropped() -> None:
    """Over all of Unicode, so that no script loses a letter."""
    unwanted = {
        *range(9),
        0x0B,
        0x0C,
        *range(0x0E, 0x20),
        *range(0x7F, 0x85),
        *range(0x86, 0xA0),
        0x061C,
        0x200E,
        0x200F,
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        0xFEFF,
        *range(0xFFF9, 0xFFFC),
        *range(0xD800, 0xE000),
        *range(0xFDD0, 0xFDF0),
        *(code for code in range(sys.maxunicode + 1) if code & 0xFFFE == 0xFFFE),
    }
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    changed = set(everything) - set(clean(everything))
    assert {ord(char) for char in changed if not clean(char)} == unwanted
