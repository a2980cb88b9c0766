from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from standins.documents import document, event, group, keyword, rule, text, texts
from standins.literally import distance

from engine.core.decisions import Because
from engine.core.text import normalise
from engine.ruleset import syntax
from engine.ruleset.compiler import compile_rules
from engine.ruleset.keywords import Keywords, Spelling, compile_keywords
from engine.ruleset.matcher import Ruleset
from engine.ruleset.templates import Templates
from engine.ruleset.typos import Spelled, build, is_long, one_apart

SPELLINGS = {
    "outbound": ["outgoing calls", "outbound"],
    "inbound": ["incoming calls", "inbound"],
    "router": ["router", "mikrotik hex2000"],
    "phone": ["phone", "handset"],
    "printer": ["printer"],
    "painter": ["painter"],
    "Звонок": ["телефон"],
}


def keywords(*, forgiving: bool = True) -> Keywords:
    return compile_keywords(
        Spelling("thing", name, written, forgiving) for name, several in SPELLINGS.items() for written in several
    )


KEYWORDS = keywords()


def found(message: str) -> list[tuple[str, bool]]:
    return [(each.name, each.mistyped) for each in KEYWORDS.find(normalise(message).words)]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param("outbund", [("outbound", True)], id="a letter left out"),
        pytest.param("outbouund", [("outbound", True)], id="a letter twice"),
        pytest.param("outbxound", [("outbound", True)], id="a letter too many"),
        pytest.param("outbaund", [("outbound", True)], id="another letter"),
        pytest.param("outobund", [("outbound", True)], id="two letters swapped"),
        pytest.param("uotbound", [("outbound", True)], id="swapped at the beginning"),
        pytest.param("outboudn", [("outbound", True)], id="swapped at the end"),
        pytest.param("outbound", [("outbound", False)], id="no error"),
        pytest.param("outbuond now, outbound", [("outbound", True), ("outbound", False)], id="with and without"),
        pytest.param("outbnd", [], id="two letters left out"),
        pytest.param("routr", [], id="shorter than six letters"),
        pytest.param("phnoe", [], id="a short word of a spelling"),
        pytest.param("handst", [("phone", True)], id="six letters typed"),
        pytest.param("outgoign calls", [("outbound", True)], id="in a phrase"),
        pytest.param("outgoign callz", [], id="a short word of a phrase is not forgiven"),
        pytest.param("outgoign, calls", [("outbound", True)], id="punctuation in a phrase"),
        pytest.param("calls outgoign", [], id="another order"),
        pytest.param("outgoign", [], id="a phrase cut short"),
        pytest.param("mikrotick hex2000", [("router", True)], id="beside a word with digits"),
        pytest.param("mikrotik hex2001", [], id="a digit is not guessed"),
        pytest.param("prinnter", [("printer", True)], id="nearer to one keyword"),
        pytest.param("prainter", [], id="as near to two keywords"),
        pytest.param("телефн", [("Звонок", True)], id="any script"),
        pytest.param("x" * 5000, [], id="very long word"),
    ],
)
def test_long_words_are_forgiven_one_letter(message: str, expected: list[tuple[str, bool]]) -> None:
    """A long word one edit away is the keyword; shorter words, digits and doubtful cases are not guessed at."""
    assert found(message) == expected


def test_only_categories_that_say_so_forgive() -> None:
    """Without `typos: true` a mistyped word is an unknown word."""
    assert keywords(forgiving=False).find(("outbund",)) == ()


def test_a_word_that_the_category_knows_is_what_it_says() -> None:
    """A spelling is never taken for an error of another spelling; for another category it may be one."""
    made = compile_keywords(
        [
            Spelling("place", "Kisumu branch", "branch", typos=True),
            Spelling("place", "Ranch", "branche", typos=True),
            Spelling("sort", "French", "branchy", typos=True),
        ]
    )
    assert [(each.category, each.name, each.mistyped) for each in made.find(("branch",))] == [
        ("place", "Kisumu branch", False),
        ("sort", "French", True),
    ]


def test_the_longest_keyword_wins_mistyped_or_not() -> None:
    """Where a mistyped phrase covers a shorter keyword of its category, the phrase counts."""
    made = compile_keywords([Spelling("c", "calls", "calls"), Spelling("c", "out", "outgoing calls", typos=True)])
    assert [each.name for each in made.find(("outgoign", "calls"))] == ["out"]


def ruleset() -> Ruleset:
    """A rule over each way of asking for a keyword, of a category that forgives."""
    made, _ = Templates.load({}, "templates")
    asked = group("all", keyword("thing", "VoIP phone"), keyword("thing"))
    given = document(rule("r", asked), rule("last", syntax.Always(text("x").at)))
    forgiving = syntax.Keyword(text("thing"), text("VoIP phone"), texts(["yealink"]), typos=True)
    return compile_rules(syntax.Document(given.defaults, (forgiving,), given.rules, given.channels), made, "5ha")


def test_an_explanation_shows_what_was_typed() -> None:
    """A guess is shown as a guess, with the client's own letters."""
    decision = ruleset().evaluate(event("My Yaelink is dead"))
    assert decision.because[:2] == (
        Because("r", 'keywords thing: VoIP phone (typed "Yaelink", one letter off)', "Yaelink", 3, 10),
        Because("r", 'keywords thing: any (typed "Yaelink", one letter off)', "Yaelink", 3, 10),
    )
    assert decision.keywords == (("thing", ("VoIP phone",)),)


_LETTERS = st.text("abж", min_size=5, max_size=8)


@given(_LETTERS, _LETTERS)
@example("ab", "ba")
@example("aab", "ab")
def test_one_apart_is_a_distance_of_one(one: str, other: str) -> None:
    """Among letters the quick test agrees with the textbook's distance, whichever word comes first."""
    assert one_apart(one, other) is (distance(one, other) == 1)
    assert one_apart(other, one) is one_apart(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("router1", "router2"),
        ("router12", "router1"),
        ("router1", "router"),
        ("router12", "router21"),
        ("r1outer", "1router"),
    ],
)
def test_a_digit_is_not_a_typing_error(one: str, other: str) -> None:
    """Numbers tell models and extensions apart, so they must stand as they are."""
    assert not one_apart(one, other)
    assert not one_apart(other, one)


@given(st.lists(_LETTERS, max_size=5), st.lists(st.lists(_LETTERS, min_size=1, max_size=2), max_size=5))
def test_the_index_finds_what_a_search_by_hand_finds(words: Sequence[str], spellings: Sequence[Sequence[str]]) -> None:
    """Words with a letter left out only spare comparisons: the same keywords come out as from comparing all."""
    spelled = [Spelled("c", f"k{number % 3}", tuple(several)) for number, several in enumerate(spellings)]
    known = {word for each in spelled for word in each.words}

    def near(word: str, wanted: str) -> bool:
        return word not in known and is_long(word) and is_long(wanted) and distance(word, wanted) == 1

    places: dict[tuple[int, int], set[str]] = {}
    for each in spelled:
        for start in range(len(words) - len(each.words) + 1):
            pairs = list(zip(words[start:], each.words, strict=False))
            if all(word == wanted or near(word, wanted) for word, wanted in pairs) and any(
                word != wanted for word, wanted in pairs
            ):
                places.setdefault((start, start + len(each.words)), set()).add(each.name)
    expected = [(*place, *names) for place, names in sorted(places.items()) if len(names) == 1]
    assert [(guess.start, guess.end, guess.name) for guess in build(spelled).find(words)] == expected


def test_unseen_words_leave_a_bounded_memory() -> None:
    """What is remembered of clients' words is the words of late, however many there were."""
    made = build([Spelled("c", "k", ("outbound",))])
    for number in range(20_000):
        made.find((f"unseen{number}",))
    assert made.meant.cache_info().currsize <= 8192  # type: ignore[attr-defined]  # of functools
