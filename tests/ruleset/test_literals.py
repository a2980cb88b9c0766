import re

import pytest
import re2
from hypothesis import assume, given
from hypothesis import strategies as st
from standins.documents import text

from engine.core.text import fold, normalise
from engine.ruleset import literals, scanner
from engine.ruleset.expressions import translate
from engine.ruleset.patterns import check, compile_patterns


def required(regex: str) -> list[set[str]]:
    return [set(texts) for texts in translate(regex).required]


@pytest.mark.parametrize(
    ("regex", "expected"),
    [
        pytest.param(r"\berror \d+", [{"error "}], id="plain"),
        pytest.param("Café|CAFETERIA", [{"cafe", "cafeteria"}], id="folded alternatives"),
        pytest.param("calls?", [{"call", "calls"}], id="optional letter"),
        pytest.param("(?:call|ring) me", [{"call me", "ring me"}], id="group"),
        pytest.param("ab*c", [{"a"}, {"c"}], id="any number of a letter"),
        pytest.param("ab+c", [{"a"}, {"b"}, {"c"}], id="one or more of a letter"),
        pytest.param("x{2,3}y", [{"x"}, {"y"}], id="counted"),
        pytest.param("x{0,3}y", [{"y"}], id="counted from nothing"),
        pytest.param("[ck]at", [{"cat", "kat"}], id="small class"),
        pytest.param("[a-c]t", [{"at", "bt", "ct"}], id="small range"),
        pytest.param("[a-z]t", [{"t"}], id="large class"),
        pytest.param("[^a]t", [{"t"}], id="negated class"),
        pytest.param(r"\d{4}", [], id="digits only"),
        pytest.param("a|b.", [{"a", "b"}], id="alternative with an end"),
        pytest.param("a|.", [], id="alternative of anything"),
        pytest.param(r"(?:a|b?)\d", [], id="alternative of nothing"),
        pytest.param("(?:a.|b.)+c", [{"a", "b"}, {"c"}], id="repeated alternatives"),
        pytest.param(r"\Qa.b\E", [{"a.b"}], id="quoted"),
        pytest.param("can't wi-fi", [{"cant wi fi"}], id="apostrophe and hyphen"),
        pytest.param("[\u200d]x", [{"x"}], id="class of nothing"),
        pytest.param("don['x]t", [{"don"}, {"t"}], id="class with an apostrophe"),
        pytest.param("Straße", [{"strasse"}], id="letter that folds to two"),
        pytest.param("(?i)A(?-i:B)", [{"ab"}], id="flags"),
        pytest.param("звонок", [{"звонок"}], id="another script"),
        pytest.param("(?:a|b|c|d|e)(?:a|b|c|d|e)x", [set("abcde"), {"ax", "bx", "cx", "dx", "ex"}], id="too many"),
        pytest.param("a{1}" + "b" * 60, [{"a"}, {"b" * 48}, {"b" * 12}], id="too long"),
        pytest.param("|".join(f"{letter}." for letter in "abcdefghijklmnopqrstuvwxyz"), [], id="too many alternatives"),
    ],
)
def test_the_texts_that_a_pattern_requires(regex: str, expected: list[set[str]]) -> None:
    """Of each set one text stands in every line that matches."""
    assert check(text(regex)) == ()
    assert required(regex) == expected


_PARTS = st.recursive(
    st.sampled_from(
        ["a", "B", "é", "ж", "ab", "1", "ß", "'", "-", " ", ".", r"\d", r"\w", r"\b", "[aж]", "[^a]", "[a-c]"]
    )
    | st.sampled_from(["[B'1]", "^", "$", r"\Qa.\E", "(?i)", "[0-9]", "(?P<n>b)", r"\s", r"\x{61}", "👍"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.builds(
            lambda part, sign: f"(?:{part}){sign}",
            inner,
            st.sampled_from(["*", "+", "?", "{2}", "{0,1}", "{1,}", "??"]),
        ),
    ),
    max_leaves=9,
)


@given(_PARTS, st.text(st.sampled_from("aAbBcé1 жßs'-.👍"), max_size=10))
def test_no_match_is_dismissed(regex: str, message: str) -> None:
    """A pattern that matches a line is always among those that are possible there, whichever text was chosen for it."""
    assume(not check(text(regex)))
    line = normalise(message).line
    compiled = compile_patterns({7: regex})
    if compiled.locate(7, line) is not None:
        assert compiled.possible(line) == {7}
        assert all(any(each in line for each in texts) for texts in translate(regex).required)


def test_letters_of_lines_have_one_case() -> None:
    """RE2, told not to tell upper from lower case, takes no two characters of normal lines for each other: so texts can
    be searched for as they stand.
    """
    options = re2.Options()
    options.case_sensitive = False
    for code in range(0x20000):
        letter = chr(code)
        if fold(letter) != letter:
            continue
        others = {letter.lower(), letter.upper(), letter.title(), letter.casefold(), letter.upper().lower()}
        for other in others - {letter}:
            if len(other) == 1 and fold(other) == other:
                assert not re2.search(re.escape(other), letter, options), (letter, other)


def test_the_rarest_text_is_chosen() -> None:
    """Of what a pattern requires that text is looked for which the fewest messages hold, and which other patterns do
    not ask for; one that most messages hold is not worth looking for.
    """
    sets = [[frozenset({"the "}), frozenset({"xq77"})], [frozenset({"e"})], [], [frozenset({"call", "calls", "ring"})]]
    assert literals.choose(sets) == [{"xq77"}, set(), set(), {"call", "ring"}]
    shared = frozenset({"grexmon"})
    assert literals.choose([[shared, frozenset({"error 5"})], *[[shared]] * 2000])[0] == {"error 5"}


def test_texts_are_found_wherever_they_stand() -> None:
    """Overlapping texts, texts inside others and texts wanted by several are all found in one pass."""
    made = scanner.build({1: ["abcd"], 2: ["bc", "x"], 3: ["cde"], 4: ["bc"], 5: []})
    assert made.find("abcde") == {1, 2, 3, 4}
    assert made.find("жxж") == {2}
    assert made.find("") == set()
    assert scanner.build({}).find("abc") == set()


def test_more_texts_than_one_automaton_holds_are_found() -> None:
    """Texts are found whichever automaton they fell into."""
    made = scanner.build({number: [f"<{number}>"] for number in range(10_000)})
    assert made.find("<0> <4095> <4096> <9999> <10000>") == {0, 4095, 4096, 9999}
