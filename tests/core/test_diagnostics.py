"""Diagnostics: how a finding reads, character by character."""

from dataclasses import replace

import pytest
from rich.cells import cell_len

from engine.core.diagnostics import Diagnostic, Related, Severity, order, render, width

E112 = Diagnostic(
    path="rules/10-telephony.yaml",
    line=14,
    column=14,
    length=11,
    severity=Severity.ERROR,
    code="E112",
    message='no channel is named "suport-voip"',
    source="    channel: suport-voip",
    hint='did you mean "support-voip"?',
)


def finding(source: str, column: int, length: int, *, line: int = 3, hint: str = "") -> Diagnostic:
    return Diagnostic("rules/a.yaml", line, column, length, Severity.WARNING, "W201", "this is odd", source, hint)


def test_a_finding_reads_as_the_rule_language_promises() -> None:
    """The example of the contract: place, code, sentence, the quoted line, a caret span, what to type."""
    assert render(E112) == (
        'rules/10-telephony.yaml:14:14  error  E112  no channel is named "suport-voip"\n'
        "   14 |     channel: suport-voip\n"
        '      |              ^^^^^^^^^^^ did you mean "support-voip"?'
    )


HEAD = "rules/a.yaml:3:{}  warning  W201  this is odd\n"


@pytest.mark.parametrize(
    ("diagnostic", "text"),
    [
        pytest.param(
            finding("when: always", 7, 6),
            HEAD.format(7) + "    3 | when: always\n      |       ^^^^^^",
            id="without advice",
        ),
        pytest.param(
            finding("priority:", 10, 1, hint="a value is missing"),
            HEAD.format(10) + "    3 | priority:\n      |          ^ a value is missing",
            id="at the end of the line",
        ),
        pytest.param(
            finding("summary: 'a long one that goes on", 10, 400),
            HEAD.format(10) + "    3 | summary: 'a long one that goes on\n      |          ^^^^^^^^^^^^^^^^^^^^^^^^",
            id="a span beyond the line",
        ),
        pytest.param(
            finding("\tchannel:\tx", 2, 7, hint="indent with blanks"),
            HEAD.format(2) + "    3 |  channel: x\n      |  ^^^^^^^ indent with blanks",
            id="tabs",
        ),
        pytest.param(
            finding("words: [電話, 故障]", 13, 2, hint="here"),
            HEAD.format(13) + "    3 | words: [電話, 故障]\n      |               ^^^^ here",
            id="ideographs take two columns",
        ),
        pytest.param(
            finding("words: [cafe\u0301, x]", 9, 5),
            HEAD.format(9) + "    3 | words: [cafe\u0301, x]\n      |         ^^^^",
            id="combining marks take none",
        ),
        pytest.param(
            finding("a:\u00a0\u202eb\x1b[31m", 3, 2, hint="retype the blank"),
            HEAD.format(3) + "    3 | a:\ufffd\ufffdb\ufffd[31m\n      |   ^^ retype the blank",
            id="what a terminal would hide or obey",
        ),
        pytest.param(
            finding("a: 👨\u200d👩\u200d👧 🇰🇪 ❤\ufe0f 👍🏽 x", 19, 1),
            HEAD.format(19) + "    3 | a: 👨\u200d👩\u200d👧 🇰🇪 ❤\ufe0f 👍🏽 x\n      |                ^",
            id="an emoji of several signs takes two columns",
        ),
        pytest.param(
            finding("a: b\u200dc", 4, 3),
            HEAD.format(4) + "    3 | a: b\ufffdc\n      |    ^^^",
            id="a joiner that joins no emoji",
        ),
        pytest.param(
            finding(f"{'a' * 40}: [{'b, ' * 100}wrong, {'c, ' * 100}]", 344, 5, hint="right"),
            HEAD.format(344) + f"    3 | …{'b, ' * 10}wrong, {'c, ' * 27}…\n      | {' ' * 31}^^^^^ right",
            id="a long line is cut around the mark",
        ),
        pytest.param(
            finding(f"words: [{'b, ' * 100}]", 1, 5),
            HEAD.format(1) + f"    3 | words: [{'b, ' * 36}b,…\n      | ^^^^^",
            id="a long line keeps its beginning",
        ),
        pytest.param(
            finding(f"words: [{'b, ' * 100}]", 8, 302),
            HEAD.format(8) + f"    3 | words: [{'b, ' * 36}b,…\n      |        {'^' * 111}",
            id="a mark that is longer than what is shown",
        ),
        pytest.param(
            finding(f"{'故' * 30}: [{'障' * 80}e\u0301, {'電' * 80}]", 114, 2),
            HEAD.format(114) + f"    3 | …{'障' * 30}e\u0301, {'電' * 27}…\n      | {' ' * 61}^",
            id="a long line of wide signs",
        ),
        pytest.param(
            finding(f"{'a' * 100}e\u0301\u0301{'b' * 29} wrong {'c' * 100}", 133, 5),
            HEAD.format(133) + f"    3 | …{'b' * 29} wrong {'c' * 82}…\n      | {' ' * 30}^^^^^",
            id="a cut never falls between a letter and its marks",
        ),
        pytest.param(
            finding("x: y", 4, 1, line=123456),
            "rules/a.yaml:123456:4  warning  W201  this is odd\n123456 | x: y\n       |    ^",
            id="a line number with six digits",
        ),
        pytest.param(finding("", 1, 1), "rules/a.yaml:3:1  warning  W201  this is odd", id="without the line"),
        pytest.param(
            finding("", 1, 1, hint="write one"),
            "rules/a.yaml:3:1  warning  W201  this is odd\n      write one",
            id="advice without the line",
        ),
        pytest.param(
            finding("", 0, 1, line=0, hint="add a last rule"),
            "rules/a.yaml  warning  W201  this is odd\n      add a last rule",
            id="about the whole file",
        ),
        pytest.param(
            Diagnostic(
                "rules/b.yaml",
                2,
                7,
                4,
                Severity.ERROR,
                "E105",
                'the rule "voip" is defined twice',
                "- id: voip",
                related=(
                    Related("rules/a.yaml", 4, "the first definition"),
                    Related("rules/c.yaml", 9, "and once more"),
                ),
            ),
            'rules/b.yaml:2:7  error  E105  the rule "voip" is defined twice\n'
            "    2 | - id: voip\n"
            "      |       ^^^^\n"
            "      rules/a.yaml:4: the first definition\n"
            "      rules/c.yaml:9: and once more",
            id="with other places",
        ),
    ],
)
def test_a_finding_reads_the_same_everywhere(diagnostic: Diagnostic, text: str) -> None:
    """The whole text, pinned."""
    assert render(diagnostic) == text


def test_no_name_can_give_a_terminal_orders() -> None:
    """A sentence, an advice or another place may quote what stands in a file."""
    odd = replace(E112, message='no channel is named "\x1b[2J"', hint="a\nb", related=(Related("a\x07", 1, "c\r"),))
    assert not {"\x1b", "\x07", "\r"} & set(render(odd))
    assert render(odd).count("\n") == 3


@pytest.mark.parametrize(
    "text",
    ["", "abc", "電話", "cafe\u0301", "👨\u200d👩\u200d👧", "🇰🇪🇰🇪🇰", "❤\ufe0f", "👍🏽", "한글", "สวัสดี", "a\ufe0f"],
)
def test_widths_are_those_that_terminals_use(text: str) -> None:
    """The table of another program agrees (rich, which follows wcwidth)."""
    assert width(text) == cell_len(text)


def test_findings_are_shown_by_place() -> None:
    """By file, line and column, then code and sentence; a finding about the whole file comes before its lines."""
    found = [
        Diagnostic("b.yaml", 0, 0, 1, Severity.ERROR, "E101", "x"),
        Diagnostic("a.yaml", 10, 1, 1, Severity.ERROR, "E101", "x"),
        Diagnostic("a.yaml", 2, 9, 1, Severity.ERROR, "E101", "x"),
        Diagnostic("a.yaml", 2, 1, 1, Severity.WARNING, "W201", "x"),
        Diagnostic("a.yaml", 2, 1, 1, Severity.ERROR, "E101", "y"),
        Diagnostic("a.yaml", 2, 1, 1, Severity.ERROR, "E101", "x"),
        Diagnostic("a.yaml", 0, 0, 1, Severity.ERROR, "E101", "x"),
    ]
    assert sorted(found, key=order) == [found[6], found[5], found[4], found[3], found[2], found[1], found[0]]
