"""One YAML file into texts with places, and every trap in it into a fault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ruleset import reader
from engine.ruleset.reader import Mapping, Node, Scalar, Sequence
from engine.ruleset.syntax import Fault, Place


def _read(text: str) -> tuple[Node | None, tuple[Fault, ...]]:
    return reader.read("f.yaml", text.encode())


def _value(text: str) -> Node:
    """The value of the only key of a file without faults."""
    node, faults = _read(text)
    assert faults == ()
    assert isinstance(node, Mapping)
    return node.entries[0][1]


def _spots(text: str) -> list[tuple[str, int, int, int]]:
    return [(fault.code, fault.at.line, fault.at.column, fault.at.length) for fault in _read(text)[1]]


@pytest.mark.parametrize(
    "written", ["NO", "on", "22:30", "3.10", "+254700000001", "null", "~", "0x1F", "1e3", "2026-02-12", "true", ".5"]
)
def test_nothing_is_guessed(written: str) -> None:
    """Every scalar is the text that stands in the file."""
    assert _value(f"key: {written}\n") == Scalar(written, Place("f.yaml", 1, 6, len(written)), quoted=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("k: 'a b'\n", Scalar("a b", Place("f.yaml", 1, 4, 5), quoted=True), id="single"),
        pytest.param('k: "a\\tb"\n', Scalar("a\tb", Place("f.yaml", 1, 4, 6), quoted=True), id="double"),
        pytest.param("k: |\n  a\n  b\n", Scalar("a\nb\n", Place("f.yaml", 1, 4, 1), quoted=True), id="block"),
        pytest.param("k: >-\n  a\n  b\n", Scalar("a b", Place("f.yaml", 1, 4, 2), quoted=True), id="folded"),
        pytest.param("k: 'a\n  b'\n", Scalar("a b", Place("f.yaml", 1, 4, 2), quoted=True), id="quoted-lines"),
        pytest.param("k:\n", Scalar("", Place("f.yaml", 1, 3, 1), quoted=False), id="nothing"),
        pytest.param("k: ''\n", Scalar("", Place("f.yaml", 1, 4, 2), quoted=True), id="empty"),
    ],
)
def test_quotes_are_noted_and_count_for_the_length(text: str, expected: Scalar) -> None:
    """A scalar's length is what it takes on its first line, quotes included."""
    assert _value(text) == expected


def test_columns_count_code_points_whatever_stands_before() -> None:
    """Letters of two, three and four bytes are one column each, after a byte order mark and with CRLF line ends."""
    node, faults = reader.read("f.yaml", "\ufeffé: [ñandú, '日本', 😀😀, x]\r\nb: c\r\n".encode())
    assert faults == ()
    assert isinstance(node, Mapping)
    (_, items), (second, _) = node.entries
    assert isinstance(items, Sequence)
    assert [(item.at.column, item.at.length) for item in items.items] == [(5, 5), (12, 4), (18, 2), (22, 1)]
    assert second.at == Place("f.yaml", 2, 1, 1)


def test_a_collection_is_marked_where_it_begins() -> None:
    """Brackets on one line are marked whole, a block by its first key or dash."""
    node, _ = _read("a: {b: [c, d]}\ne:\n  - f\ng:\n  hi: j\nk: [l,\n  m]\n")
    assert isinstance(node, Mapping)
    assert [(value.at.line, value.at.column, value.at.length) for _, value in node.entries] == [
        (1, 4, 11),
        (3, 3, 1),
        (5, 3, 2),
        (6, 4, 1),
    ]


@pytest.mark.parametrize("text", ["", "# only a comment\n", "\n\n", "---\n...\n"])
def test_an_empty_file_is_no_fault_of_the_reader(text: str) -> None:
    """Nothing written: whoever knows what is wanted says so."""
    node, faults = _read(text)
    assert faults == ()
    assert node is None or (isinstance(node, Scalar) and not node.value)


def test_a_file_over_the_limit_is_not_read() -> None:
    """1 MiB is read, one byte more is refused with both numbers."""
    assert _spots("#" * (reader.SIZE_LIMIT_BYTES)) == []
    node, (fault,) = _read("#" * (reader.SIZE_LIMIT_BYTES + 1))
    assert node is None
    assert fault == Fault(
        Place("f.yaml", 1, 1),
        "E102",
        "the file has 1,048,577 bytes; at most 1,048,576 are read",
        "cut it into several files",
    )


@pytest.mark.parametrize(
    ("raw", "line", "column"),
    [
        pytest.param("a: b\n".encode("utf-16"), 1, 1, id="utf-16"),
        pytest.param("a: b\n".encode("utf-16-be"), 1, 1, id="utf-16-without-mark"),
        pytest.param("a: é\nb: ü".encode("latin-1"), 1, 4, id="latin-1"),
        pytest.param("á: é\nb: ".encode() + b"\xff", 2, 4, id="after-good-lines"),
        pytest.param(b"a: \xed\xa0\x80", 1, 4, id="surrogate"),
        pytest.param(b"\xef\xbb\xbf\xe9", 1, 1, id="after-a-mark"),
    ],
)
def test_another_encoding_is_refused_where_it_shows(raw: bytes, line: int, column: int) -> None:
    """The first byte that is not UTF-8 is marked."""
    node, faults = reader.read("f.yaml", raw)
    assert node is None or faults[0].code == "E103"
    assert (faults[0].at.line, faults[0].at.column) == (line, column)
    assert faults[0].code in {"E101", "E103"}


@pytest.mark.parametrize(
    "sign", ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\u2069", "\ufeff", "\ufdd0", "\uffff", "\r"]
)
def test_what_nobody_can_see_is_reported_and_reading_goes_on(sign: str) -> None:
    """One fault for the line, columns as in the file, and the next fault shows too."""
    assert _spots(f"a: b{sign}{sign}c\nd: @e\n") == [("E103", 1, 5, 1), ("E170", 2, 4, 2)]


@pytest.mark.parametrize(
    ("text", "spots"),
    [
        pytest.param("a:\n\t- b\n\t- @c\n", [("E104", 2, 1, 1), ("E104", 3, 1, 1), ("E170", 3, 4, 2)], id="tabs"),
        pytest.param("a:\n \t b: c\n  d: e\n", [("E104", 2, 2, 1)], id="tabs-that-no-spaces-mend"),
        pytest.param("a: b\n\t\n\t# comment\nc: d\te\n", [], id="tabs-that-do-no-harm"),
        pytest.param("a:\n  -\tb: c\n    d: e\n", [("E104", 2, 4, 1)], id="tab-after-dash"),
        pytest.param("a: b\n  c: d\n", [("E105", 2, 3, 4)], id="too-far-in"),
        pytest.param("a: b\n\n  # comment\n  c: d\n", [("E105", 4, 3, 4)], id="too-far-in-behind-a-comment"),
        pytest.param("- a\nb: c\n", [("E105", 2, 1, 4)], id="list-and-keys"),
        pytest.param("  a: 1\nb: 2\n", [("E105", 2, 1, 4)], id="too-far-out"),
        pytest.param("a: - b\n", [("E127", 1, 4, 1)], id="list-on-the-line-of-its-key"),
        pytest.param("a:b\nc: d\n", [("E106", 1, 1, 2)], id="colon-without-space"),
        pytest.param("a:\n  b:c\n  d: @e\n", [("E106", 2, 3, 2), ("E170", 3, 6, 2)], id="colon-without-space-inside"),
        pytest.param("a\nb: c\n", [("E106", 1, 1, 1)], id="no-colon"),
        pytest.param("a b\nc: d\n", [("E106", 1, 1, 1)], id="no-colon-before-the-value"),
        pytest.param("a: [b]\n1 2\nc: d\n", [("E105", 3, 1, 4)], id="no-key-that-could-be-meant"),
        pytest.param("a:\n  -b: c\n", [("E106", 2, 3, 2)], id="dash-without-space-that-parses"),
        pytest.param("a:\n  -b: c\n    d: e\n", [("E106", 2, 3, 1)], id="dash-without-space"),
        pytest.param("a:\n  -b\n  -c: d\n", [("E106", 2, 3, 1), ("E106", 3, 3, 1)], id="dashes-without-space"),
        pytest.param("a: 'b\nc: @d\n", [("E107", 1, 4, 2), ("E170", 2, 4, 2)], id="quote-open"),
        pytest.param("a: 'b\nc: 'd'\ne: 'f'\n", [("E107", 1, 4, 2)], id="quote-closed-by-the-next"),
        pytest.param("a: b\nc: d' e'f' 'g\n'\n", [("E107", 3, 1, 1), ("E122", 3, 2, 1)], id="quote-out-of-nowhere"),
        pytest.param('a: "b\\\nc: d\n', [("E107", 1, 4, 3)], id="quote-that-no-quote-closes"),
        pytest.param("a: [b, c\nd: @e\n", [("E108", 1, 4, 5), ("E170", 2, 4, 2)], id="bracket-open"),
        pytest.param("a: {b: c\n", [("E108", 1, 4, 5)], id="brace-open"),
        pytest.param("a: ['b\n", [("E108", 1, 4, 3), ("E107", 1, 5, 2)], id="quote-and-bracket-open"),
        pytest.param("a: [b]]\n", [("E108", 1, 7, 1)], id="bracket-too-many"),
        pytest.param('a: ["b" "c", @d]\n', [("E108", 1, 8, 1), ("E170", 1, 14, 2)], id="comma-missing"),
        pytest.param("a: {b: [c, d}\n", [("E108", 1, 8, 5)], id="brackets-crossed"),
        pytest.param("a: [b #, c]\nd: @e\n", [("E108", 1, 7, 1), ("E170", 2, 4, 2)], id="bracket-in-comment"),
        pytest.param("a: [b] c\nd: @e\n", [("E119", 1, 8, 1), ("E170", 2, 4, 2)], id="text-after-bracket"),
        pytest.param("a: @b # c\nd: %e\n", [("E170", 1, 4, 2), ("E174", 2, 4, 2)], id="signs-before-comment"),
        pytest.param("a: [b, @c, `d`]\n", [("E170", 1, 8, 2), ("E175", 1, 12, 3)], id="signs-in-list"),
        pytest.param("a: [\n  @b,\n  c]\n", [("E170", 2, 3, 2)], id="sign-in-list-over-lines"),
        pytest.param("a: *b c\n", [("E171", 1, 4, 4)], id="star-before-words"),
        pytest.param("a: **b**\n", [("E171", 1, 4, 5)], id="stars"),
        pytest.param("a: [b, *, c]\n", [("E171", 1, 8, 1)], id="star-in-list"),
        pytest.param("a: [b, *c, &d e]\n", [("E171", 1, 8, 2), ("E172", 1, 12, 4)], id="star-and-ampersand-in-list"),
        pytest.param("a: !b c\n", [("E173", 1, 4, 4)], id="exclamation-mark"),
        pytest.param("a: !!set {b}\n", [("E173", 1, 4, 7)], id="tag-on-braces"),
        pytest.param("a: > b\n", [("E176", 1, 4, 3)], id="greater-than"),
        pytest.param("a: |b|\n", [("E176", 1, 4, 3)], id="bar"),
        pytest.param("a: ]b\n", [("E109", 1, 4, 2)], id="bracket-first"),
        pytest.param("a: , b\n", [("E109", 1, 4, 3)], id="comma-first"),
        pytest.param("a: {{ b }}\n", [("E110", 1, 4, 7)], id="braces"),
        pytest.param("a: {{ b }} c: d\ne: @f\n", [("E110", 1, 4, 12), ("E170", 2, 4, 2)], id="braces-before-text"),
        pytest.param("a: [b, {{ c }}, d]\n", [("E110", 1, 8, 7)], id="braces-in-list"),
        pytest.param("a: [b, {{ c }} d]\n", [("E110", 1, 8, 9)], id="braces-before-text-in-list"),
        pytest.param("a: #b\nc: d\n", [("E111", 1, 4, 2)], id="hash"),
        pytest.param("a: [b, #c, d]\n", [("E111", 1, 8, 2)], id="hash-in-list"),
        pytest.param("a:\n  - #b\n  - c # d\n", [("E111", 2, 5, 2)], id="hash-in-dashes"),
        pytest.param("a:\n  #b\n  c: # d\n  e: ## f\n", [], id="comments"),
        pytest.param("a: b #c\n", [("W505", 1, 6, 2)], id="hash-behind-text"),
        pytest.param("a: 1\nb: 2\na: @c\n", [("E116", 3, 1, 1), ("E170", 3, 4, 2)], id="key-twice"),
        pytest.param("a: b: c\n", [("E117", 1, 4, 4)], id="colon-in-text"),
        pytest.param('a: b: "c\n', [("E117", 1, 4, 5)], id="colon-and-quote-in-text"),
        pytest.param("- a: b: c\n", [("E117", 1, 6, 4)], id="colon-in-text-in-dashes"),
        pytest.param("a: 'b': c\n", [("E119", 1, 4, 6)], id="colon-after-quotes"),
        pytest.param('a: "\\d"\nb: @c\n', [("E118", 1, 5, 2), ("E170", 2, 4, 2)], id="backslash"),
        pytest.param('a: "\\u00"\n', [("E118", 1, 5, 2)], id="backslash-with-few-digits"),
        pytest.param('a: "\\bb"\n', [("E118", 1, 4, 5)], id="backslash-that-yaml-knows"),
        pytest.param('a: "b\n  \\d c"\n', [("E118", 2, 3, 2)], id="backslash-on-the-second-line"),
        pytest.param("a: 'it's'\nb: @c\n", [("E119", 1, 4, 6), ("E170", 2, 4, 2)], id="apostrophe"),
        pytest.param("a: ['it's', b]\n", [("E119", 1, 5, 6)], id="apostrophe-in-list"),
        pytest.param("a: 'b' c\n", [("E119", 1, 4, 5)], id="text-after-quote"),
        pytest.param("a: b\n---\nc: d\n", [("E120", 2, 1, 3)], id="second-document"),
        pytest.param("a: b\n  c\nd: e\n", [("E121", 1, 4, 1)], id="text-over-lines"),
        pytest.param("a: : b\n", [("E122", 1, 4, 3)], id="colon-twice"),
        pytest.param("a\n\nb: c\n", [("E106", 1, 1, 1)], id="no-colon-before-a-blank-line"),
        pytest.param("? a", [], id="end-where-a-value-is-missing"),
        pytest.param("a: [b,, @c]\n", [("E108", 1, 7, 1), ("E170", 1, 9, 2)], id="comma-twice"),
        pytest.param("a: [{\nb: c\n", [("E108", 1, 4, 2), ("E108", 1, 5, 1)], id="brackets-of-nothing"),
        pytest.param("a: [it's, 'b]\nc: 'd'\n", [("E108", 1, 4, 1)], id="quotes-that-hide-a-bracket"),
        pytest.param("a: [}]\n", [("E108", 1, 5, 1)], id="bracket-of-the-other-kind"),
        pytest.param('{b"{', [("E108", 1, 1, 4)], id="quote-inside-a-word"),
        pytest.param("a: ? b\n", [("E122", 1, 4, 3)], id="question-mark"),
        pytest.param("a: [b\n\n", [("E108", 1, 4, 2)], id="bracket-open-at-the-end"),
        pytest.param("[a]: b\n", [("E125", 1, 1, 3)], id="list-as-key"),
    ],
)
def test_a_trap_is_marked_where_it_stands(text: str, spots: list[tuple[str, int, int, int]]) -> None:
    """Every trap has its own code and place, and the one behind it shows in the same pass."""
    assert sorted(_spots(text), key=lambda spot: spot[1:]) == spots


def test_an_alias_is_reported_alone() -> None:
    """What a known alias stands for is put in its place, so that no second finding follows from the first."""
    node, faults = _read("a: &x [b, c]\nd: *x\ne: &y {f: g}\nh: *y\n")
    assert [(fault.code, fault.message, fault.hint) for fault in faults] == [
        ("E172", "anchors such as &x are not used here", "leave it out"),
        ("E171", "aliases such as *x are not used here", "write out what stands in line 1"),
        ("E172", "anchors such as &y are not used here", "leave it out"),
        ("E171", "aliases such as *y are not used here", "write out what stands in line 3"),
    ]
    assert isinstance(node, Mapping)
    assert node.entries[1][1] == node.entries[0][1]
    assert node.entries[3][1] == Scalar("", Place("f.yaml", 3, 4, 9), quoted=True)


def test_aliases_of_aliases_do_not_grow() -> None:
    """The bomb of a billion laughs is a handful of findings."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    node, faults = _read("\n".join(lines))
    assert len(faults) == 10 + 9 * 9
    assert len(repr(node)) < 100_000


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "[" * 30_000 + "]" * 30_000])
def test_depth_does_not_end_the_process(text: str) -> None:
    """Brackets by the thousand are one finding."""
    node, faults = _read(text)
    assert node is None
    assert [fault.code for fault in faults] == ["E124"]


def test_repairs_do_not_go_on_for_ever() -> None:
    """A file with a trap in each line gives a limited number of findings, and no tree."""
    node, faults = _read("".join(f"key{n}: @x\n" for n in range(100)))
    assert node is None
    assert len(faults) == 20


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_raise(raw: bytes) -> None:
    """Whatever a file holds, the answer is a tree or faults whose places are in the file."""
    node, faults = reader.read("f.yaml", raw)
    assert node is not None or faults or not raw.decode("utf-8-sig").strip(" \t\r\n") or b"#" in raw


_PIECES = st.sampled_from(
    [
        *"\"'[]{}:,#&*!|>@`%?-~\\ab1",
        "\t",
        "\n",
        "\n  ",
        ": ",
        "- ",
        " #",
        "{{",
        "}}",
        "---\n",
        "...\n",
        "|-\n",
        "é",
        "😀",
        "\u00a0",
    ]
)


@given(st.lists(_PIECES, max_size=40).map("".join))
def test_every_fault_points_into_the_file(text: str) -> None:
    """No line beyond the last one, no column beyond the place behind the last character."""
    node, faults = _read(text)
    lines = text.split("\n")
    for fault in faults:
        assert 1 <= fault.at.line <= len(lines)
        assert 1 <= fault.at.column <= len(lines[fault.at.line - 1]) + 1
    assert node is None or isinstance(node, Node)
