import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.text import normalise
from engine.ruleset.keywords import Keywords, Occurrence, Spelling, compile_keywords

SPELLINGS = (
    Spelling("product", "3CX", "3CX"),
    Spelling("product", "3CX", "3 cx"),
    Spelling("product", "VoIP", "sip"),
    Spelling("product", "SIP trunk", "sip trunk"),
    Spelling("equipment", "trunk", "trunk"),
    Spelling("symptom", "failing", "can't"),
    Spelling("symptom", "failing", "not working"),
    Spelling("symptom", "recovered", "working again"),
    Spelling("place", "café", "Café"),
)
KEYWORDS = compile_keywords(SPELLINGS)


def found(message: str, keywords: Keywords = KEYWORDS) -> list[tuple[str, str, str]]:
    """(category, name, words) of everything found."""
    normal = normalise(message)
    return [
        (each.category, each.name, " ".join(normal.words[each.start : each.end]))
        for each in keywords.find(normal.words)
    ]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(
            "My 3-CX can\u2019t", [("product", "3CX", "3 cx"), ("symptom", "failing", "cant")], id="folded spellings"
        ),
        pytest.param("at CAFE\u0301", [("place", "café", "cafe")], id="accents"),
        pytest.param(
            "the sip trunk", [("product", "SIP trunk", "sip trunk"), ("equipment", "trunk", "trunk")], id="longest wins"
        ),
        pytest.param("sip and trunk", [("product", "VoIP", "sip"), ("equipment", "trunk", "trunk")], id="not adjacent"),
        pytest.param("not working again", [("symptom", "failing", "not working")], id="earlier of the same length"),
        pytest.param(
            "sip 3cx sip",
            [("product", n, w) for n, w in (("VoIP", "sip"), ("3CX", "3cx"), ("VoIP", "sip"))],
            id="order",
        ),
        pytest.param("3, cx", [("product", "3CX", "3 cx")], id="punctuation between words"),
        pytest.param("3 x cx", [], id="a word between"),
        pytest.param("sips", [], id="no inflection"),
        pytest.param("nothing here", [], id="nothing"),
        pytest.param("", [], id="empty"),
    ],
)
def test_keywords_are_found_by_their_spellings(message: str, expected: list[tuple[str, str, str]]) -> None:
    """Canonical names come in order of appearance, the longest spelling of a category where several overlap."""
    assert found(message) == expected


def test_one_spelling_may_mean_something_in_two_categories() -> None:
    """The same words give a keyword of each category that lists them."""
    keywords = compile_keywords([Spelling("product", "Line", "line"), Spelling("equipment", "line", "Line")])
    assert found("line", keywords) == [("product", "Line", "line"), ("equipment", "line", "line")]


def test_a_spelling_without_words_is_never_found() -> None:
    """Spellings of signs only, and a document without keywords, find nothing."""
    assert found("??? !!!", compile_keywords([Spelling("product", "?", "???")])) == []
    assert found("anything", compile_keywords([])) == []


_WORDS = st.sampled_from(["sip", "trunk", "3", "cx", "3cx", "not", "working", "again", "cant", "other", "words"])


@given(st.lists(_WORDS, max_size=12))
def test_the_matcher_agrees_with_a_search_by_hand(words: list[str]) -> None:
    """Every spelling at every place, then the longest of each category: nothing else comes out."""
    everything = [
        Occurrence(spelling.category, spelling.name, start, start + len(parts))
        for start in range(len(words))
        for spelling in SPELLINGS
        for parts in [normalise(spelling.written).words]
        if tuple(words[start : start + len(parts)]) == parts
    ]
    expected: list[Occurrence] = []
    for each in sorted(everything, key=lambda one: (one.start - one.end, one.start)):
        if not any(
            each.category == kept.category and each.start < kept.end and kept.start < each.end for kept in expected
        ):
            expected.append(each)
    assert sorted(KEYWORDS.find(words), key=repr) == sorted(expected, key=repr)


def test_unknown_words_leave_no_trace() -> None:
    """50,000 messages, each of words never seen before, add nothing to what spaCy remembers."""
    vocab = KEYWORDS.vocab
    assert vocab is not None
    KEYWORDS.find(("sip", "warm", "up"))
    strings, lexemes = len(vocab.strings), len(vocab)
    for number in range(50_000):
        assert KEYWORDS.find((f"a{number}", "sip", f"b{number}", f"c{number}", "trunk"))
    assert (len(vocab.strings), len(vocab)) == (strings, lexemes)
