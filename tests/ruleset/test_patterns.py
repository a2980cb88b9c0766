# ruff: noqa: RUF001 - letters that look alike are what is tested here
import re
import time

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from standins.documents import text

from engine.core.text import fold, normalise
from engine.ruleset import patterns
from engine.ruleset.expressions import translate
from engine.ruleset.patterns import Found, check, compile_patterns, groups
from engine.ruleset.syntax import Place, Text


def finds(regex: str, message: str) -> str | None:
    """What a pattern finds in a message, as it stands in the normal line; None when it finds nothing."""
    assert check(text(regex)) == ()
    compiled = compile_patterns({0: regex})
    line = normalise(message).line
    found = compiled.locate(0, line)
    assert found is None or compiled.possible(line) == {0}
    return line[found.start : found.end] if found else None


@pytest.mark.parametrize(
    ("regex", "message", "found"),
    [
        pytest.param(r"\berror (?P<code>4\d\d|5\d\d)\b", "Shows ERROR 503!", "error 503", id="ascii"),
        pytest.param(r"\berror (?P<code>4\d\d|5\d\d)\b", "error 5033", None, id="no word boundary"),
        pytest.param(r"\bзвон\w*\b", "Мой звонок не идёт", "звонок", id="cyrillic"),
        pytest.param(r"\bзвонок\b", "перезвонок", None, id="inside a cyrillic word"),
        pytest.param(r"\bзвонок\b", "Звонок!", "звонок", id="cyrillic at the edge of the line"),
        pytest.param(r"\bзвонок\b", "3звонок", None, id="a digit before a cyrillic letter"),
        pytest.param(r"\bsimu\b", "simu звонок", "simu", id="ascii beside cyrillic"),
        pytest.param(r"\bsimu\b", "simuж", None, id="ascii inside a mixed word"),
        pytest.param(r"\Bон", "звонок", "он", id="no boundary"),
        pytest.param(r"\Bон", "он", None, id="a boundary where none is wanted"),
        pytest.param(r"\bمشكلة\b", "عندي مُشْكِلَة كبيرة", "مشكلة", id="arabic with vowel points"),
        pytest.param(r"\bمشكلة\b", "المشكلة", None, id="inside an arabic word"),
        pytest.param(r"\bسیستم\b", "سیستم، خراب", "سیستم", id="before an arabic comma"),
        pytest.param(r"\bकॉल\b", "कॉल नहीं", "कॉल", id="hindi"),
        pytest.param(r"\bक\b", "कॉल", None, id="before a vowel sign"),
        pytest.param(r"電話", "電話が切れる", "電話", id="chinese and japanese"),
        pytest.param(r"\bsimu (?:haifanyi|haiendi)\b", "Simu *haifanyi* kazi", "simu haifanyi", id="swahili"),
        pytest.param(r"^\W*ok\W*$", "👍 OK!!", "👍 ok!!", id="whole message with emoji"),
        pytest.param(r"^\w+ \w+$", "один two", "один two", id="words of two scripts"),
        pytest.param(r"^\w+$", "one two", None, id="a space is no letter"),
        pytest.param(r"^.{3}$", "жжж", "жжж", id="a dot is one letter"),
        pytest.param(r"^.{3}$", "жж", None, id="never half a letter"),
        pytest.param(r"^\S+$", "ж.a1", "ж.a1", id="no space"),
        pytest.param(r"^\D\D$", "жж", "жж", id="no digits"),
        pytest.param(r"^\D$", "٥", None, id="digits of any script are digits"),
        pytest.param(r"^[^\W\d]+$", "жaж", "жaж", id="letters only, negated class"),
        pytest.param(r"^[^\D]$", "ж", None, id="nothing but a digit"),
        pytest.param(r"^[\W\d]+$", "1 2", "1 2", id="negated class inside a class"),
        pytest.param(r"^[\D]$", "ж", "ж", id="any letter is no digit"),
        pytest.param(r"^[\w.]+$", "жa.1", "жa.1", id="class with letters of any script"),
        pytest.param(r"^[\s!]+$", "! ж", None, id="class without letters"),
        pytest.param(r"^[а-я]+$", "йод", "иод", id="range of letters is folded"),
        pytest.param(r"^[а-я]+$", "jod", None, id="outside of a range"),
        pytest.param(r"^[à-ü]+$", "ECO", "eco", id="accented range finds plain letters"),
        pytest.param(r"^[A-Z]+$", "école", "ecole", id="upper case range finds lower case"),
        pytest.param(r"^[ -z]+ж$", "a, bж", "a, bж", id="range over the underscore"),
        pytest.param(r"^[ж!-_]$", "!", "!", id="range that ends with the underscore"),
        pytest.param(r"^[\x{400}-\x{9fff}]+$", "電ж", "電ж", id="large range"),
        pytest.param(r"^[^\x{400}-\x{9fff}]+$", "電", None, id="outside a large range"),
        pytest.param(r"^\p{Cyrillic}+$", "жук", "жук", id="script"),
        pytest.param(r"^\P{Cyrillic}+$", "жук", None, id="not that script"),
        pytest.param(r"^\p{^Cyrillic}+$", "abc!", "abc!", id="not that script, with a caret"),
        pytest.param(r"^\P{^Cyrillic}+$", "жук", "жук", id="not not that script"),
        pytest.param(r"^[^\p{Cyrillic}!]$", "ж", None, id="script in a negated class"),
        pytest.param(r"^\pL+\pN$", "жa5", "жa5", id="property by one letter"),
        pytest.param(r"^[[:alpha:]]+[[:^alpha:]]ж$", "ab!ж", "ab!ж", id="posix classes are ascii"),
        pytest.param(r"^[[:^alpha:]]$", "ж", "ж", id="posix negation takes other scripts"),
        pytest.param(r"^[[:alpha:]]$", "ж", None, id="posix does not take other scripts"),
        pytest.param("café", "Cafe\u0301 closed", "cafe", id="accents in the pattern"),
        pytest.param("don'?t", "don’t", "dont", id="optional apostrophe"),
        pytest.param("can't", "CANT", "cant", id="apostrophe"),
        pytest.param("can['’]t", "can’t", "cant", id="class of apostrophes"),
        pytest.param("can[' ]t", "can’t", "cant", id="class with an apostrophe, folded away"),
        pytest.param("can[' ]t", "can t", "can t", id="class with an apostrophe, other member"),
        pytest.param("wi-?fi", "Wi‑Fi", "wi fi", id="optional hyphen"),
        pytest.param("wi[-_ ]fi", "wi_fi", "wi fi", id="class of separators"),
        pytest.param("a - b", "a – b", "a b", id="spaces around a dash are one"),
        pytest.param("straße", "STRASSE", "strasse", id="letter that folds to two"),
        pytest.param("straße?n", "straßn", "strassn", id="quantifier after a plain letter"),
        pytest.param("(?:ß)+x", "ssssx", "ssssx", id="repeated letter that folds to two"),
        pytest.param("ж…", "Ж...", "ж...", id="ellipsis"),
        pytest.param("[❤️👍]", "❤", "❤", id="variation selector in a class"),
        pytest.param(r"\?", "really?", "?", id="escaped sign"),
        pytest.param(r"\x41\x{42}\103ж", "abcж", "abcж", id="characters by number"),
        pytest.param(r"\tж", "a\tж", " ж", id="control escape is a space"),
        pytest.param(r"\Qa.b(\Eж", "a.b(ж", "a.b(ж", id="quoted text"),
        pytest.param(r"ж\Qa.b(", "жa.b(", "жa.b(", id="quoted text until the end"),
        pytest.param(r"(?i:Ж)(?s)A", "жa", "жa", id="flags"),
        pytest.param(r"a{2,3}?ж", "aaж", "aaж", id="lazy repetition"),
        pytest.param(r"a{,2}ж", "a{,2}ж", "a{,2}ж", id="braces that repeat nothing"),
        pytest.param(r"(a|ж)+(?P<end>!)", "aж!", "aж!", id="groups"),
        pytest.param(r"ж{2}", "жж", "жж", id="repeated letter"),
        pytest.param(r"^[]a]ж$", "]ж", "]ж", id="bracket first in a class"),
        pytest.param(r"^[^]a]ж$", "bж", "bж", id="bracket first in a negated class"),
    ],
)
def test_patterns_see_normal_lines_of_any_script(regex: str, message: str, found: str | None) -> None:
    """A pattern means the same in every script: its words, boundaries, classes and folded letters."""
    assert finds(regex, message) == found


_ATOMS = st.sampled_from(
    [
        r"\b",
        r"\B",
        r"\w",
        r"\W",
        r"\d",
        r"\D",
        r"\s",
        r"\S",
        ".",
        "^",
        "$",
        "a",
        "b",
        "1",
        " ",
        "!",
        "ж",
        "щ",
        "[aж]",
        "[^aж]",
        r"[\wщ!]",
        r"[^\w!]",
        r"[^\Wa]",
        "[а-я]",
        "[^а-я]",
        "[a-z1]",
        r"[\s\d]",
        r"\!",
        "(?:aж)",
        "[!-a]",
    ]
)
_PATTERNS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "*?", "+?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
        inner.map(lambda part: f"({part})"),
    ),
    max_leaves=8,
)


@given(_PATTERNS, st.text(st.sampled_from("ab1 !жщй👍"), max_size=12))
def test_boxed_search_agrees_with_unicode_word_boundaries(regex: str, message: str) -> None:
    """In every line a pattern finds the very place that an engine with Unicode's own `\\b` finds."""
    # A run of blanks in a pattern is one blank, as in the messages that it is compared with.
    assume("  " not in regex)
    # An empty match at `\\B` may lie between two bytes of one character; the loader refuses what matches nothing.
    assume(r"\B" not in regex or not check(text(regex)))
    line = normalise(message).line
    # Before Python 3.14 `\\B` does not stand in an empty text; everywhere else the two agree.
    assume(line)
    expected = re.search(regex, line, re.IGNORECASE)
    compiled = compile_patterns({0: regex})
    found = compiled.locate(0, line)
    assert (found and (found.start, found.end)) == (expected and expected.span())
    assert found is None or compiled.possible(line) == {0}


@given(_PATTERNS, st.text(st.sampled_from("ab1 !жщ"), max_size=6))
def test_no_accepted_pattern_matches_nothing(regex: str, message: str) -> None:
    """A pattern that is said to need a character never matches an empty text, wherever it is tried."""
    expression = translate(regex)
    if not expression.matches_empty:
        assert all(match.group() for match in re.finditer(regex, message))
    if re.fullmatch(regex, ""):
        assert expression.matches_empty


@pytest.mark.parametrize(
    ("regex", "column", "length", "code", "message", "hint"),
    [
        pytest.param(
            "(ab",
            2,
            3,
            "E301",
            "the pattern opens a bracket ( that is never closed; to look for the bracket itself write \\(",
            "",
            id="open bracket",
        ),
        pytest.param(
            "ab)",
            2,
            3,
            "E301",
            "the pattern closes a bracket ) that was never opened; to look for the bracket itself write \\)",
            "",
            id="closed bracket",
        ),
        pytest.param(
            "[ab",
            2,
            3,
            "E301",
            "the pattern opens a list [ that is never closed; to look for the bracket itself write \\[",
            "",
            id="open list",
        ),
        pytest.param(
            "a[z-b]",
            4,
            3,
            "E301",
            "the pattern has a list [ ] with a range or a class that does not exist",
            "",
            id="range backwards",
        ),
        pytest.param(
            "*a",
            2,
            1,
            "E301",
            "the pattern repeats nothing: before * + or ? there must be something to repeat",
            "",
            id="nothing to repeat",
        ),
        pytest.param(
            "a**",
            3,
            2,
            "E301",
            "the pattern repeats a repetition; put brackets around what is to be repeated",
            "",
            id="repetition repeated",
        ),
        pytest.param(
            "ab\\y",
            4,
            2,
            "E301",
            "the pattern has a backslash \\ before a letter that means nothing here",
            "",
            id="unknown escape",
        ),
        pytest.param(
            "ab\\",
            2,
            3,
            "E301",
            "the pattern ends with a backslash \\; to look for a backslash write it twice",
            "",
            id="backslash at the end",
        ),
        pytest.param(
            "ab(?!cd)",
            4,
            3,
            "E302",
            "the pattern looks ahead or back, which cannot run in bounded time",
            'say "but not" with `none:` in the rule, and "both" with two patterns under `all:`; '
            "for a whole word write \\b at its edges",
            id="look-ahead",
        ),
        pytest.param(
            "(a)\\1",
            5,
            2,
            "E303",
            "the pattern refers back to what a group found, which cannot run in bounded time",
            "write the words out, e.g. (?:no no|yes yes)",
            id="backreference",
        ),
        pytest.param(
            "a++",
            3,
            2,
            "E304",
            "the pattern uses a possessive repetition or an atomic group, which RE2 does not have",
            "leave out the extra + or write (?: instead of (?>: no pattern is slow here",
            id="possessive",
        ),
        pytest.param(
            "a\\C", 3, 2, "E304", "the pattern asks for a single byte with \\C", "write . for any character", id="byte"
        ),
        pytest.param(
            "a*b?",
            2,
            4,
            "E305",
            "the pattern matches an empty text, and so every message",
            "let at least one part be required, e.g. + instead of *",
            id="matches nothing",
        ),
        pytest.param(
            "x(?P<kód>a)",
            3,
            8,
            "E306",
            "the pattern names a group in a way that templates cannot use",
            "use letters, digits and underscores, e.g. (?P<code>…)",
            id="group name",
        ),
        pytest.param(
            "(?:\\w{1000}){50}",
            2,
            16,
            "E307",
            "the pattern is too large once its repetitions are written out (1000 at most)",
            "repeat less, or make several patterns of it",
            id="too large",
        ),
    ],
)
def test_what_cannot_run_is_refused_at_its_place(
    regex: str, column: int, length: int, code: str, message: str, hint: str
) -> None:
    """A refused pattern points at the offending part and says in a lead's words what to write instead."""
    (fault,) = check(text(regex))
    assert (fault.at.column, fault.at.length, fault.code, fault.message, fault.hint) == (
        column,
        length,
        code,
        message,
        hint,
    )


@pytest.mark.parametrize("regex", ["(?=a)", "(?<=a)b", "(?<!a)b", "(?P=n)", r"\k<n>", "(?>a)"])
def test_other_dialects_are_refused(regex: str) -> None:
    """Every construct that RE2 leaves out is refused before RE2 sees it."""
    assert [fault.code for fault in check(text(regex))][:1] != []


def test_several_findings_come_in_order() -> None:
    """All that is refused in one pattern is said in one pass, from left to right."""
    assert [(fault.at.column, fault.code) for fault in check(text(r"(?=a)(b)\1(?P<1>c)"))] == [
        (2, "E302"),
        (10, "E303"),
        (12, "E306"),
    ]


@pytest.mark.parametrize("regex", [r"\(?=", r"[(?=]x", r"\Q(?=a)\Ex", r"\\1", r"[*+]+x", r"\++x", r"\101"])
def test_escaped_signs_are_no_other_dialect(regex: str) -> None:
    """What only looks like look-around, a reference or a possessive repetition is accepted."""
    assert check(text(regex)) == ()


def test_an_unknown_complaint_of_re2_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message of RE2 that has no words of ours yet still reaches the lead."""
    monkeypatch.setattr(patterns, "_SYNTAX", {})
    (fault,) = check(text("(a"))
    assert fault.message == "the pattern is not RE2: missing ): (a"


def test_the_place_is_the_whole_pattern_when_columns_are_uncertain() -> None:
    """A pattern with doubled quotes or over several lines is pointed at as a whole."""
    at = Place("rules/10.yaml", 3, 7, 20)
    (fault,) = check(Text("it''s (?!x)", at))
    assert fault.at == at


@pytest.mark.parametrize("width", [0, 2], ids=["bare", "quoted"])
def test_the_place_counts_the_quotes(width: int) -> None:
    """The caret stands under the same sign whether the pattern is quoted or not."""
    (fault,) = check(Text("ab(?!x)", Place("rules/10.yaml", 3, 7, 7 + width)))
    assert fault.at == Place("rules/10.yaml", 3, 9 + width // 2, 3)


def test_named_groups_are_known_before_a_message_comes() -> None:
    """Summaries can be checked against the names that patterns give; a broken pattern gives none."""
    assert groups(text(r"(a)(?P<code>\d+) (?<span>\d+)")) == {"code", "span"}
    assert groups(text("(?P<code>a")) == frozenset()


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param("fault 404", Found(6, 9, (("code", 6, 9),)), id="first alternative"),
        pytest.param("ж fault e7 ж", Found(8, 10, (("code", 8, 10),)), id="second alternative, boxed"),
        pytest.param("no number", None, id="nothing"),
        pytest.param("жж", None, id="nothing, boxed"),
    ],
)
def test_groups_of_one_name_stand_for_each_other(message: str, expected: Found | None) -> None:
    """The alternative that took part gives the group; one that did not gives nothing."""
    compiled = compile_patterns({0: r"(?P<code>\d{3})|(?P<code>e\d)(?P<rest>x)?"})
    assert compiled.locate(0, normalise(message).line) == expected


def test_a_line_leaves_few_patterns_possible() -> None:
    """Of hundreds of patterns only those are asked whose texts stand in the line, and those that require no text."""
    compiled = compile_patterns({**{number: rf"\bw{number} \d" for number in range(300)}, 300: "ж", 301: r"\d{4}"})
    assert compiled.possible("w1 w150 w299") == {1, 150, 301}
    assert compiled.possible("w1 w150 w299 ж") == {1, 150, 299, 300, 301}
    assert compiled.always == {301}


def test_no_pattern_is_possible_when_there_are_none() -> None:
    """A rule-set without patterns asks RE2 for nothing."""
    assert compile_patterns({}).possible("anything") == set()


@pytest.mark.parametrize("unit", ["call ", "call звонок "], ids=["ascii", "boxed"])
def test_a_hostile_message_takes_linear_time(unit: str) -> None:
    """100 kB against a pattern that backtracking engines never finish takes well under a second."""
    compiled = compile_patterns({0: r"call.*call.*call.*down", 1: r"(?:\w+\W*)+\bx\b"})
    line = normalise(unit * (100_000 // len(unit))).line
    started = time.process_time()
    assert compiled.locate(0, line) is None
    assert compiled.locate(1, line) is None
    assert time.process_time() - started < 2.0


def test_python_s_engine_never_sees_a_pattern_of_a_lead() -> None:
    """Only RE2 runs what leads write: Python's `re`, which can take for ever, has not even compiled it."""
    re.purge()
    written = r"\b(?:grexmon+)+ (?P<code>\d+)"
    assert finds(written, "grexmonn 5") == finds(written, "grexmonn 5 ж") == "grexmonn 5"
    assert not any("grex" in str(key) for key in re._cache)  # type: ignore[attr-defined]  # what `re` has compiled of late


@given(st.text(max_size=8) | st.text(st.sampled_from("aB3é'\u2019*_-~. \u0301\u200dß٥가½👍🏻ж$"), max_size=10))
@example("0*\u200b 0")
def test_a_pattern_that_is_copied_from_a_message_finds_it(written: str) -> None:
    """What a client typed, with its signs escaped and without blanks at its ends, is a pattern that finds it."""
    while written and fold(written[0]) in {"", " "}:
        written = written[1:]
    while written and fold(written[-1]) in {"", " "}:
        written = written[:-1]
    # A backtick is an apostrophe in some words and a mark in others.
    assume(written and "`" not in written)
    regex = "".join(f"\\{sign}" if sign.isascii() and not sign.isalnum() else sign for sign in written)
    assume(not check(text(regex)))
    assert finds(regex, written) is not None
