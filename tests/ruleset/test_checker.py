"""What a set of rules guarantees and lacks as a whole."""

import pytest

from engine.ruleset import checker, reader, schema
from engine.ruleset.guarantees import atoms, guaranteed
from engine.ruleset.syntax import Condition, Document, Fault, Pattern, Place
from engine.ruleset.templates import Templates


def _document(body: str) -> Document:
    node, unread = reader.read("f.yaml", f"schema: 1\n{body}".encode())
    assert unread == ()
    document, faults = schema.build("f.yaml", node)
    assert faults == ()
    return document


def _condition(when: str) -> Condition:
    return _document(f"rules:\n  - id: x\n    when: {when}\n").rules[0].when


def _templates(**acks: str) -> Templates:
    sources = {f"ack/{name}": text for name, text in acks.items()}
    templates, faults = Templates.load({**sources, "escalation/default": "Title\n\nText\n"})
    assert faults == ()
    return templates


@pytest.mark.parametrize(
    ("when", "sure"),
    [
        pytest.param("always", set(), id="always"),
        pytest.param("{words: [call]}", set(), id="words"),
        pytest.param("{keywords: {product: any}}", {"product"}, id="category"),
        pytest.param("{keywords: {product: 3CX, direction: any}}", {"product", "direction"}, id="categories"),
        pytest.param("{pattern: '(?P<code>4\\d\\d)'}", {"code"}, id="group"),
        pytest.param("[{keywords: {product: any}}, {pattern: '(?P<code>4\\d\\d)'}]", {"product", "code"}, id="all"),
        pytest.param("{any: [{keywords: {product: any}}, {words: [call]}]}", set(), id="any"),
        pytest.param(
            "{any: [{keywords: {product: A}}, {keywords: {product: B, direction: any}}]}", {"product"}, id="both"
        ),
        pytest.param("{any: [{keywords: {product: any}}]}", {"product"}, id="any-of-one"),
        pytest.param("{words: [call], none: [{keywords: {product: any}}]}", set(), id="none"),
        pytest.param("{client: {known: true}}", set(), id="client"),
        pytest.param("{source: [http]}", set(), id="source"),
    ],
)
def test_only_what_every_way_of_matching_has_is_guaranteed(when: str, sure: set[str]) -> None:
    """All adds up, any leaves what is common, none gives nothing."""
    condition = _condition(when)
    regexes = [atom.regex for atom in atoms(condition) if isinstance(atom, Pattern)]
    assert guaranteed(condition, {regex: frozenset({"code"}) for regex in regexes}) == sure


def _faults(body: str, *, complete: bool) -> list[tuple[str, str]]:
    found = checker.check(_document(body), _templates(default="Hello"), complete=complete)
    return [(fault.code, fault.message) for fault in found]


_UNKNOWN = """\
defaults: {channel: nowhere, ack: nothing}
rules:
  - id: x
    when: {keywords: {product: 3CX}}
    summary: "{{ product }}"
"""


def test_names_are_looked_up_when_all_files_could_be_read() -> None:
    """Every name that leads nowhere is found, those of the defaults too."""
    assert _faults(_UNKNOWN, complete=True) == [
        ("E112", 'no channel is named "nowhere"'),
        ("E115", 'no acknowledgement is named "nothing"'),
        ("E113", 'no category of keywords is named "product"'),
        ("E203", 'the last rule is not "when: always"'),
        ("E402", 'no variable is named "product"'),
    ]


def test_nothing_is_said_about_names_that_an_unread_file_may_define() -> None:
    """A syntax error in one file does not make every rule of the others wrong."""
    assert _faults(_UNKNOWN, complete=False) == []


def test_names_without_anything_to_choose_from_say_so() -> None:
    """The advice lists what there is, at most eight names, or that there is nothing."""
    channels = "".join(f"  c{number}: {{}}\n" for number in range(10))
    none, many = (
        list(
            checker.check(
                _document(f"{extra}rules:\n  - {{id: x, when: always, channel: zzz}}\n"), _templates(), complete=True
            )
        )
        for extra in ("", f"channels:\n{channels}")
    )
    assert [fault.hint for fault in none] == ["there is none yet"]
    assert [fault.hint for fault in many] == ["there are: c0, c1, c2, c3, c4, c5, c6, c7, …"]


def test_acknowledgements_in_other_languages_are_no_names() -> None:
    """`ack/default.sw` is a variant of `ack/default`, which a rule cannot name by itself."""
    templates, _ = Templates.load({"ack/default": "a", "ack/default.sw": "b", "escalation/default": "Title\n\nText\n"})
    document = _document("channels: {a: {}}\nrules:\n  - {id: x, when: always, channel: a, ack: default.sw}\n")
    (fault,) = checker.check(document, templates, complete=True)
    assert fault == Fault(
        Place("f.yaml", 4, 44, 10), "E115", 'no acknowledgement is named "default.sw"', 'did you mean "default"?'
    )


def test_a_spelling_of_two_scripts_is_short_only_in_letters() -> None:
    """Two Latin letters stand in many words; two signs of another script are a word."""
    document = _document("keywords:\n  greeting: {hello: [hi, 你好, 'o k', née]}\n")
    found = [fault.message for fault in checker.check_alone(document)]
    assert found == [
        '"hi" is shorter than three letters and will match by chance',
        '"o k" is shorter than three letters and will match by chance',
    ]
