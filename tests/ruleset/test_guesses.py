"""Where YAML's guesses hurt: each trap has a code of its own, and its finding says what to type."""

import pytest

from engine.ruleset import codes, loader
from engine.ruleset.snapshots import Snapshot

BASE = b"""schema: 1
channels: {support: }
defaults: {channel: support, ack: default}
keywords: {version: {3.10: []}}
"""
LAST = b"schema: 1\nrules: [{id: last, when: always}]\n"
RULE = "schema: 1\nrules:\n  - id: probe\n    when: {words: [call]}\n    examples: {match: [call], no_match: [mail]}\n"


def _found(text: str) -> list[tuple[str, str]]:
    """Code and advice of each finding of a rules file beside a few names, a template and a last rule."""
    files = {
        "rules/00.yaml": BASE,
        "rules/10.yaml": text.encode(),
        "rules/99.yaml": LAST,
        "templates/ack/default.j2": b"We have your message.",
        "templates/ack/default.no.j2": b"Vi har meldingen din.",
        "templates/escalation/default.j2": b"New\n\n{{ issue_summary }}",
    }
    loaded = loader.check(Snapshot(files), "rules", "templates")
    return [(found.code, found.hint) for found in loaded.diagnostics if found.path == "rules/10.yaml"]


TRAPS = [
    pytest.param("    ack: no\n", "E180", "write none", id="no"),
    pytest.param("    stop: on\n", "E137", "write true", id="on"),
    pytest.param(
        "hours: {n: {timezone: UTC, weekly: [22:30-06:00]}}\n", "E181", 'write "Mon-Sun 22:30-06:00"', id="22:30"
    ),
    pytest.param(
        "clients: [{name: A, phones: [254700000001]}]\n", "E182", 'write "+254700000001"', id="+2547 without its plus"
    ),
    pytest.param(
        "  - {id: other, when: {keywords: {version: 3.1}}, examples: {match: ['3.10']}}\n",
        "E183",
        'write "3.10", between quotes',
        id="3.10 without its zero",
    ),
    pytest.param("    channel: #voip\n", "E111", 'leave out the #, or write "#voip"', id="hash"),
    pytest.param("    channel: support\n    channel: support\n", "E116", "keep one of them", id="second key"),
    pytest.param("    mention: @oncall\n", "E170", 'write "@oncall"', id="at sign"),
    pytest.param("    summary: {{ raw_text }}\n", "E110", 'write "{{ raw_text }}"', id="braces"),
    pytest.param("\tstop: true\n", "E104", "use spaces, two for each step", id="tab"),
    pytest.param("    title: *call*\n", "E171", 'write "*call*"', id="star"),
    pytest.param("    tags: &some [a]\n", "E172", "leave it out", id="anchor"),
    pytest.param("    title: !call\n", "E173", 'write "!call"', id="exclamation mark"),
    pytest.param("    title: %s\n", "E174", 'write "%s"', id="percent"),
    pytest.param("    title: `a`\n", "E175", 'write "`a`"', id="backtick"),
    pytest.param("    title: > 5\n", "E176", 'write "> 5"', id="greater than"),
    pytest.param("    titel: calls\n", "E131", 'did you mean "title"?', id="unknown key"),
]


@pytest.mark.parametrize(("lines", "code", "advice"), TRAPS)
def test_a_trap_is_named_and_says_what_to_type(lines: str, code: str, advice: str) -> None:
    """One finding, with the code of this trap alone."""
    assert (code, advice) in _found(RULE + lines)


def test_every_trap_has_a_code_and_a_page_of_its_own() -> None:
    """No two traps share one, so that `engine help` is about what really happened."""
    given = [str(trap.values[1]) for trap in TRAPS]
    assert len(set(given)) == len(given)
    assert set(given) <= set(codes.pages())


@pytest.mark.parametrize(
    "lines",
    [
        "    tags: [NO, no, on, yes, 22:30, 3.10, +254700000001, null, 1e3]\n",
        "    title: no\n    summary: yes\n",
        "hours: {n: {timezone: UTC, weekly: [Mon-Fri 22:30-06:00], holidays: NO}}\n",
        "clients: [{name: on, phones: [+254700000001], tier: 3.10, language: no}]\n",
    ],
)
def test_what_yaml_would_guess_is_a_text_where_a_text_is_wanted(lines: str) -> None:
    """Nothing is wrong there, so nothing is said."""
    assert _found(RULE + lines) == []


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        pytest.param('    channel: "no"\n', "E112", id="quoted"),
        pytest.param("    ack: none\n    channel: nobody\n", "E112", id="another word"),
        pytest.param("    priority: yes\n", "E136", id="a key with few words"),
    ],
)
def test_what_is_no_guess_has_its_usual_code(lines: str, code: str) -> None:
    """Between quotes a yes or no is a name like any other."""
    assert [found for found, _ in _found(RULE + lines)] == [code]


@pytest.mark.parametrize(
    ("number", "code", "advice"),
    [
        ("0700000001", "E144", "write it with + and the country code, without blanks"),
        ("00254700000001", "E144", 'write "+254700000001"'),
        ("+254 (700) 000-001", "E144", 'write "+254700000001"'),
        ("700000001", "E182", 'write it between quotes, as in "+254700000001"'),
        ("254 700 000 001", "E182", 'write "+254700000001"'),
        ("2.547E+11", "E182", "look it up, and write it between quotes"),
    ],
)
def test_a_number_is_put_right_where_that_is_plain(number: str, code: str, advice: str) -> None:
    """Its country is never guessed."""
    assert _found(f"schema: 1\nclients: [{{name: A, phones: ['{number}']}}]\n") == [(code, advice)]
