# ruff: noqa: RUF001 - letters that look alike are what is tested here
import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.core import text
from engine.core.text import first_sentence, fold, is_apostrophe, normalise, origins, spans, words

# Characters that take part in some rule of folding, so that chance meets them in each other's company.
TRICKY = st.text(
    st.sampled_from(
        "aZé' \u2019`*_~-\t\n\u200d\u200bß\u0301İ٥ñ"
        "\u0939\u093f\u094d\u1160가ﬁ…½\U0001f44d\U0001f3fb\ufe0f\x00\ud800´№Ж3.,?+@"
    )
)


@pytest.mark.parametrize(
    ("written", "line"),
    [
        pytest.param("I CAN'T Call", "i cant call", id="case and apostrophe"),
        pytest.param(
            "can\u2019t can\u2018t can\u02bct can´t can`t cant", "cant cant cant cant cant cant", id="apostrophes"
        ),
        pytest.param("*bold* _it_ ~no~ `code`", "bold it no code", id="whatsapp marks"),
        pytest.param("Wi-Fi wi\u2011fi wi_fi wi \u2013 fi", "wi fi wi fi wi fi wi fi", id="hyphens and underscores"),
        pytest.param("café cafe\u0301 ＣＡＦＥ", "cafe cafe cafe", id="accents and full width"),
        pytest.param("3\u200bC\u2060X \u202ex", "3cx x", id="zero-width and direction marks"),
        pytest.param("  a\t\n\u00a0 b\x00c ", "a b c", id="white space and controls"),
        pytest.param("error 503, +254 700.5 a@b.c?", "error 503, +254 700.5 a@b.c?", id="punctuation stays"),
        pytest.param("Straße ﬁne İstanbul", "strasse fine istanbul", id="letters that fold to several"),
        pytest.param("٥٠٣ ५०३ ⁵⁰³ ①", "503 503 503 1", id="digits of any script"),
        pytest.param("ЗВОНОК не идёт", "звонок не идет", id="cyrillic"),
        pytest.param("مُشْكِلَة", "مشكلة", id="arabic without vowel points"),
        pytest.param("हिन्दी", "हिनदी", id="vowel signs are letters"),
        pytest.param("ok 👍🏻 ❤\ufe0f", "ok 👍🏻 ❤", id="emoji"),
        pytest.param("wait…", "wait...", id="ellipsis"),
        pytest.param("lone \ud800 surrogate", "lone surrogate", id="lone surrogate"),
        pytest.param("", "", id="empty"),
    ],
)
def test_equal_meaning_gives_an_equal_line(written: str, line: str) -> None:
    """However a thing is typed, one line comes out that patterns can be written for."""
    assert normalise(written).line == line


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("I can't, really!", [("i", "I"), ("cant", "can't"), ("really", "really")], id="ascii"),
        pytest.param("'rock 'n' roll'", [("rock", "rock"), ("n", "n"), ("roll", "roll")], id="quotes around words"),
        pytest.param("a''b", [("ab", "a''b")], id="two apostrophes"),
        pytest.param("can`t", [("cant", "can`t")], id="a backtick for an apostrophe"),
        pytest.param("*3-CX*", [("3", "3"), ("cx", "CX")], id="marks and hyphen"),
        pytest.param("cafe\u0301s!", [("cafes", "cafe\u0301s")], id="an accent belongs to its letter"),
        pytest.param("cafe\u0301", [("cafe", "cafe\u0301")], id="also at the end of a word"),
        pytest.param("can\u2019t 👍 ﬁne", [("cant", "can\u2019t"), ("fine", "ﬁne")], id="beyond ascii"),
        pytest.param("Привет, мир", [("привет", "Привет"), ("мир", "мир")], id="cyrillic"),
    ],
)
def test_words_point_at_the_characters_they_were_made_of(written: str, expected: list[tuple[str, str]]) -> None:
    """Each word comes with the range of the original that a person would mark."""
    normal = normalise(written)
    assert [
        (word, written[start:end]) for word, (start, end) in zip(normal.words, spans(normal), strict=True)
    ] == expected


@given(st.text() | TRICKY)
@example("a\u0301\u2019`b")
@example("\u0301")
@example("ﷺ´")
def test_normalising_twice_changes_nothing(written: str) -> None:
    """A normal line is normal: rules can be compared with messages without asking which was normalised already."""
    once = normalise(written)
    twice = normalise(once.line)
    assert (twice.line, twice.words) == (once.line, once.words)


@given(
    st.text(st.characters(max_codepoint=127))
    | st.text(st.sampled_from([chr(code) for code in text._COMMON]))
    | st.text(st.sampled_from("aB9 '`*-_.?\u2018\u2019\ufe0f\u2764\U0001f44d\U0001f3fb"))
)
@example("a'`b")
@example("x'-'y")
@example("can\u2019`t \u2764\ufe0f")
@example("a\ufe0f'b\ufe0f `\ufe0fc")
@example("9`\ufe0f9")
@example("don\u2019t 👍🏻 Ñandú")
def test_common_characters_take_a_shorter_way_to_the_same_result(written: str) -> None:
    """The paths for the characters of most messages agree with the general one in words, ranges and line."""
    assert normalise(written) == text._normalise_any(written)
    assert spans(normalise(written)) == text._spans_any(written)


@given(st.text() | TRICKY)
def test_ranges_lie_in_the_original_in_order(written: str) -> None:
    """Words are cut in order, and each range holds its own word; one character may hold two, as ¼ does."""
    normal = normalise(written)
    before = (0, 0)
    for word, (start, end) in zip(normal.words, spans(normal), strict=True):
        assert start < end <= len(written)
        assert before <= (start, end)
        assert word in normalise(written[start:end]).line
        before = (start, end)


@given(st.text() | TRICKY, st.data())
def test_any_part_of_the_line_leads_back_to_the_original(written: str, data: st.DataObject) -> None:
    """What a pattern matched can be shown as the client typed it: the original range holds all it was made of."""
    normal = normalise(written)
    back = origins(normal)
    start = data.draw(st.integers(0, len(normal.line)))
    end = data.draw(st.integers(start, len(normal.line)))
    first, last = back.span(start, end)
    assert 0 <= first <= last <= len(written)
    if start < end:
        folded = "".join(map(fold, written[first:last].replace("`", "'")))
        assert normal.line[start:end].replace(" ", "") in folded.replace(" ", "")


def test_an_empty_range_of_an_empty_line_is_the_beginning() -> None:
    """A pattern that matches nothing in nothing points at the start."""
    assert origins(normalise("\u200b")).span(0, 0) == (0, 0)


def test_an_empty_range_behind_the_last_character_is_the_end() -> None:
    """A range that begins where the line ends points behind the last character."""
    assert origins(normalise("ab ")).span(2, 2) == (2, 2)


def test_every_character_folds_to_something_that_stays() -> None:
    """No character folds to one that folds again, holds an underscore or looks like two spaces."""
    for code in (*range(0x3400), *range(0xA000, 0xAC00), *range(0xD700, 0x12000), *range(0x1D000, 0x20000)):
        folded = fold(chr(code))
        assert "".join(map(fold, folded)) == folded, hex(code)
        assert "_" not in folded
        assert "  " not in folded or unicodedata.category(chr(code)) == "Lo"


def test_folding_keeps_a_bounded_memory() -> None:
    """A client who sends every character there is does not make the process grow."""
    for code in range(0x3000, 0x6000):
        fold(chr(code))
    assert fold.cache_info().currsize <= 4096


@pytest.mark.parametrize("unit", ["call me ", "a\u0301", "звонок ", "'`", "\u200d", "👍"], ids=ascii)
def test_a_message_of_100_kb_takes_linear_time(unit: str) -> None:
    """Ten times the text takes about ten times the time, never a hundred times."""

    def seconds(count: int) -> float:
        written = unit * (count // len(unit))
        best = 9.0
        for _ in range(3):
            started = time.process_time()
            normalise(written)
            best = min(best, time.process_time() - started)
        return best

    seconds(1000)
    assert seconds(100_000) < 40 * max(seconds(10_000), 0.0005)


def test_words_of_a_phrase_are_those_of_a_message() -> None:
    """A phrase of a rule is cut exactly as the message that it is compared with."""
    assert words("Can\u2019t *log-in*") == ("cant", "log", "in") == normalise("cant log in").words


@pytest.mark.parametrize("character", ["'", "\u2019", "´"], ids=ascii)
def test_apostrophes_are_known(character: str) -> None:
    """Patterns can tell which characters a message has lost."""
    assert is_apostrophe(character)
    assert not is_apostrophe('"')


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        pytest.param("Hello there! My phone is dead.", "Hello there!", id="exclamation"),
        pytest.param("We run v3.5 on it. It fails.", "We run v3.5 on it.", id="a dot inside a number"),
        pytest.param("one\ntwo", "one", id="line break"),
        pytest.param("\n\n  one   two\u00a0three  ", "one two three", id="white space"),
        pytest.param('He said "no." Then left.', 'He said "no."', id="closing quote"),
        pytest.param("هل تعمل؟ لا", "هل تعمل؟", id="arabic question"),
        pytest.param("電話が切れる。助けて", "電話が切れる。", id="no space after the stop"),
        pytest.param("no end at all", "no end at all", id="no stop"),
        pytest.param("x" * 81, "x" * 79 + "…", id="long"),
        pytest.param("x" * 80, "x" * 80, id="just short enough"),
        pytest.param("\x00\u202e \n", "", id="nothing to read"),
        pytest.param("", "", id="empty"),
        pytest.param("\n" * 5000 + "late", "late", id="pages of nothing first"),
    ],
)
def test_the_first_sentence_fits_on_one_line(written: str, sentence: str) -> None:
    """What no rule words is summed up by the client's own first sentence, at most 80 characters long."""
    assert first_sentence(written) == sentence
