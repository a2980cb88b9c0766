"""Nodes into a Document: what a file says, as values."""

from datetime import time, timedelta

import pytest

from engine.core.decisions import Priority
from engine.ruleset import reader, schema
from engine.ruleset.syntax import (
    Always,
    AttachmentIs,
    ClientIs,
    Condition,
    Defaults,
    Document,
    Examples,
    Fault,
    FollowUp,
    FollowUpIs,
    Group,
    HoursIs,
    KeywordIs,
    KindIs,
    Pattern,
    Place,
    SourceIs,
    Text,
    Words,
)


def _build(body: str, path: str = "f.yaml") -> tuple[Document, tuple[Fault, ...]]:
    node, unread = reader.read(path, f"schema: 1\n{body}".encode())
    assert unread == ()
    return schema.build(path, node)


def _document(body: str) -> Document:
    document, faults = _build(body)
    assert faults == ()
    return document


def _plain(condition: Condition) -> object:  # noqa: C901 - one case for each kind
    """A condition without its places."""
    found: object = "always"
    match condition:
        case Group(kind=kind, parts=parts):
            found = (kind, [_plain(part) for part in parts])
        case Words(phrases=phrases, exact=exact):
            found = ("exact" if exact else "words", [phrase.value for phrase in phrases])
        case KeywordIs(category=category, names=names):
            found = ("keywords", category.value, [name.value for name in names])
        case Pattern(regex=regex):
            found = ("pattern", regex.value)
        case ClientIs(field=field, values=values):
            found = ("client", field.value, [value.value for value in values])
        case SourceIs(sources=sources):
            found = ("source", [source.value for source in sources])
        case AttachmentIs(kinds=kinds):
            found = ("attachment", [kind.value for kind in kinds])
        case KindIs(kinds=kinds):
            found = ("kind", [kind.value for kind in kinds])
        case HoursIs(name=name, inside=inside):
            found = ("hours" if inside else "hours not", name.value)
        case FollowUpIs(value=value):
            found = ("follow_up", value)
        case Always():
            pass
    return found


def test_a_whole_rule_is_read_with_the_place_of_every_part() -> None:
    """Each value of a rule comes with where it stands."""
    (rule,) = _document(
        "rules:\n"
        "  - id: voip\n"
        "    title: Calls\n"
        "    when: always\n"
        "    priority: high\n"
        "    tags: [a, 'b c']\n"
        "    channel: triage\n"
        '    summary: " Calls failing "\n'
        "    ack: none\n"
        "    escalate: false\n"
        "    stop: true\n"
        "    examples:\n"
        "      match: [one, two]\n"
        "      no_match:\n"
        "        - |\n"
        "          three\n"
    ).rules

    def at(line: int, column: int, length: int) -> Place:
        return Place("f.yaml", line, column, length)

    assert rule.id == Text("voip", at(3, 9, 4))
    assert rule.at == at(3, 5, 2)
    assert rule.when == Always(at(5, 11, 6))
    assert rule.title == Text("Calls", at(4, 12, 5))
    assert rule.priority is Priority.HIGH
    assert rule.tags == (Text("a", at(7, 12, 1)), Text("b c", at(7, 15, 5)))
    assert rule.channel == Text("triage", at(8, 14, 6))
    assert rule.summary == Text("Calls failing", at(9, 14, 17))
    assert rule.ack == Text("none", at(10, 10, 4))
    assert (rule.escalate, rule.stop) == (False, True)
    assert rule.examples == Examples(
        (Text("one", at(14, 15, 3)), Text("two", at(14, 20, 3))), (Text("three\n", at(16, 11, 1)),)
    )


def test_what_a_rule_does_not_say_stays_open() -> None:
    """The defaults come in when compiling, not here."""
    (rule,) = _document("rules:\n  - {id: voip, when: always}\n").rules
    assert (rule.title, rule.priority, rule.tags, rule.channel, rule.summary, rule.ack) == (
        None,
        None,
        (),
        None,
        None,
        None,
    )
    assert (rule.escalate, rule.stop, rule.examples) == (None, False, Examples())


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        pytest.param("always", "always", id="always"),
        pytest.param("{words: [a, b c]}", ("words", ["a", "b c"]), id="one-atom"),
        pytest.param("{exact: [a]}", ("exact", ["a"]), id="exact"),
        pytest.param("{pattern: 'a.'}", ("pattern", "a."), id="pattern"),
        pytest.param("{source: [whatsapp, http]}", ("source", ["whatsapp", "http"]), id="source"),
        pytest.param("[{words: [a]}, {words: [b]}]", ("all", [("words", ["a"]), ("words", ["b"])]), id="list-is-all"),
        pytest.param("{any: [{words: [a]}]}", ("any", [("words", ["a"])]), id="group"),
        pytest.param(
            "{all: [{words: [a]}], any: [{words: [b]}], none: [{words: [c]}]}",
            ("all", [("all", [("words", ["a"])]), ("any", [("words", ["b"])]), ("none", [("words", ["c"])])]),
            id="three-groups",
        ),
        pytest.param(
            "{words: [a], none: [{words: [b]}]}",
            ("all", [("words", ["a"]), ("none", [("words", ["b"])])]),
            id="atom-beside-a-group",
        ),
        pytest.param(
            "{any: [{all: [{words: [a]}], none: [{words: [b]}]}]}",
            ("any", [("all", [("all", [("words", ["a"])]), ("none", [("words", ["b"])])])]),
            id="groups-in-an-item",
        ),
        pytest.param("{keywords: {product: 3CX}}", ("keywords", "product", ["3CX"]), id="keyword"),
        pytest.param("{keywords: {product: [3CX, any]}}", ("keywords", "product", ["3CX", "any"]), id="keywords"),
        pytest.param("{keywords: {product: any}}", ("keywords", "product", []), id="any-keyword"),
        pytest.param(
            "{keywords: {product: 3CX, direction: any}}",
            ("all", [("keywords", "product", ["3CX"]), ("keywords", "direction", [])]),
            id="two-categories",
        ),
        pytest.param("{client: {tier: gold}}", ("client", "tier", ["gold"]), id="client"),
        pytest.param("{client: {tags: [a, b]}}", ("client", "tags", ["a", "b"]), id="client-list"),
        pytest.param("{client: {known: false}}", ("client", "known", ["false"]), id="client-unknown"),
        pytest.param(
            "{client: {known: true, phone: +254*}}",
            ("all", [("client", "known", ["true"]), ("client", "phone", ["+254*"])]),
            id="client-fields",
        ),
        pytest.param("{attachment: image}", ("attachment", ["image"]), id="attachment"),
        pytest.param("{attachment: [image, voice]}", ("attachment", ["image", "voice"]), id="attachments"),
        pytest.param("{attachment: [image, any]}", ("attachment", []), id="any-attachment"),
        pytest.param("{kind: [edit]}", ("kind", ["edit"]), id="kind"),
        pytest.param("{hours: night}", ("hours", "night"), id="hours"),
        pytest.param("{hours: {not: night}}", ("hours not", "night"), id="hours-not"),
        pytest.param("{follow_up: true}", ("follow_up", True), id="follow-up"),
        pytest.param("{follow_up: false}", ("follow_up", False), id="no-follow-up"),
        pytest.param(
            "{words: ['disconnect*', $product down]}", ("words", ["disconnect*", "$product down"]), id="signs"
        ),
        pytest.param(
            "{all: [{any: [{all: [{any: [{all: [{words: [a]}]}]}]}]}]}",
            ("all", [("any", [("all", [("any", [("all", [("words", ["a"])])])])])]),
            id="five-deep",
        ),
    ],
)
def test_conditions_become_a_tree(when: str, expected: object) -> None:
    """Atoms and groups as they are written; several keys in one place must all hold."""
    (rule,) = _document(f"rules:\n  - id: x\n    when: {when}\n").rules
    assert _plain(rule.when) == expected


@pytest.mark.parametrize(
    ("when", "codes"),
    [
        pytest.param("{client: {known: maybe}}", ["E137"], id="known"),
        pytest.param("{client: {tier: []}}", ["E145"], id="empty-field"),
        pytest.param("{client: {}}", ["E145"], id="no-field"),
        pytest.param("{client: gold}", ["E132"], id="client-text"),
        pytest.param("{client: }", ["E145"], id="client-nothing"),
        pytest.param("{keywords: [product]}", ["E132"], id="keywords-list"),
        pytest.param("{keywords: {product: }}", ["E145"], id="keyword-nothing"),
        pytest.param("{source: }", ["E145"], id="source-nothing"),
        pytest.param("{source: whatsapp web, words: [a]}", ["E132", "E146"], id="source-text"),
        pytest.param("{words: 'a \"b\"'}", ["E132"], id="words-with-quotes"),
        pytest.param("{words: {a: b}}", ["E132"], id="words-keys"),
        pytest.param("{words: [[a], {b: c}, ]}", ["E132", "E132"], id="lists-in-words"),
        pytest.param("{pattern: [a]}", ["E132"], id="pattern-list"),
        pytest.param("{}", ["E145"], id="no-keys"),
        pytest.param("", ["E145"], id="nothing"),
        pytest.param("{any: [words]}", ["E132"], id="text-item"),
        pytest.param("{attachment: [photos, 'voice note']}", ["E152", "E152"], id="attachment-by-another-name"),
        pytest.param("{kind: }", ["E145"], id="kind-nothing"),
        pytest.param("{kind: [new]}", ["E153"], id="kind-unknown"),
        pytest.param(
            "{hours: [night]}",
            [
                "E132",
            ],
            id="hours-list",
        ),
        pytest.param("{hours: {not: }}", ["E145"], id="hours-not-nothing"),
        pytest.param("{hours: }", ["E145"], id="hours-nothing"),
        pytest.param("{hours: {}}", ["E133"], id="hours-no-key"),
        pytest.param("{follow_up: yes}", ["E137"], id="follow-up-yes"),
        pytest.param("{words: ['a*b', '$A']}", ["E151", "E150"], id="signs-that-mean-nothing"),
        pytest.param("{any: ['']}", ["E145"], id="empty-item"),
        pytest.param("{any: {words: [a]}}", ["E132"], id="keys-for-a-list"),
        pytest.param("sometimes", ["E134"], id="unlike-any"),
        pytest.param("{xyz: 1}", ["E134"], id="unlike-any-key"),
        pytest.param("{regex: 'a'}", ["E134"], id="word-of-another-language"),
    ],
)
def test_what_is_no_condition_is_reported(when: str, codes: list[str]) -> None:
    """Each misshapen part is one finding, and the rule still counts."""
    document, faults = _build(f"rules:\n  - id: x\n    when: {when}\n")
    assert [fault.code for fault in faults] == codes
    assert [rule.id.value for rule in document.rules] == ["x"]


def test_the_other_sections_are_read() -> None:
    """Keywords, channels, hours and clients as values."""
    document = _document(
        "owner: me\n"
        "defaults: {channel: triage, priority: low, ack: none, tags: []}\n"
        "keywords:\n  product:\n    3CX: [3cx, '3 cx']\n    PBX: []\n"
        "channels:\n  triage:\n  voip: {team: support, purpose: calls}\n"
        "hours:\n  night: {timezone: Africa/Nairobi, weekly: ['Mon-Sun 22:00-06:00', 'Sat 00:00-24:00'],\n"
        "    holidays: KE}\n"
        "clients:\n  - {name: Acme, phones: [+254700000001], tier: gold, tags: [a], language: sw}\n"
    )
    assert (document.defaults.channel, document.defaults.ack) == (
        Text("triage", Place("f.yaml", 3, 21, 6)),
        Text("none", Place("f.yaml", 3, 49, 4)),
    )
    assert (document.defaults.priority, document.defaults.tags) == (Priority.LOW, ())
    assert [(keyword.category.value, keyword.name.value) for keyword in document.keywords] == [
        ("product", "3CX"),
        ("product", "PBX"),
    ]
    assert [spelling.value for spelling in document.keywords[0].spellings] == ["3cx", "3 cx"]
    assert [(one.name.value, one.team and one.team.value) for one in document.channels] == [
        ("triage", None),
        ("voip", "support"),
    ]
    (night,) = document.hours
    assert (
        night.timezone.value,
        [(window.text.value, sorted(window.days), window.start, window.end) for window in night.weekly],
        night.holidays and night.holidays.value,
    ) == (
        "Africa/Nairobi",
        [
            ("Mon-Sun 22:00-06:00", [0, 1, 2, 3, 4, 5, 6], time(22), time(6)),
            ("Sat 00:00-24:00", [5], time(0), None),
        ],
        "KE",
    )
    (acme,) = document.clients
    assert (acme.name.value, [phone.value for phone in acme.phones], [tag.value for tag in acme.tags]) == (
        "Acme",
        ["+254700000001"],
        ["a"],
    )


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        pytest.param("defaults: triage\n", ["E132"], id="defaults-text"),
        pytest.param("defaults: {chanel: triage}\n", ["E131"], id="defaults-misspelled"),
        pytest.param("keywords: [3cx]\n", ["E132"], id="keywords-list"),
        pytest.param("keywords: {product: [3cx]}\n", ["E132"], id="category-list"),
        pytest.param("keywords: {product: {3CX: 3cx}}\n", ["E132"], id="spellings-text"),
        pytest.param("keywords: {product: {'': [3cx]}}\n", ["E145"], id="no-name"),
        pytest.param("keywords: {product: {3CX: ['???']}}\n", ["E147"], id="spelling-without-letters"),
        pytest.param("rules: [{id: x, when: always, follow_up: 4h}]\n", ["E132"], id="follow-up-text"),
        pytest.param("rules: [{id: x, when: always, follow_up: {within: [4h]}}]\n", ["E132"], id="span-list"),
        pytest.param("rules: [{id: x, when: always, follow_up: {within: 0h}}]\n", ["E156"], id="span-of-nothing"),
        pytest.param("rules:\n", ["E145"], id="rules-nothing"),
        pytest.param("rules: []\n", ["E145"], id="rules-empty"),
        pytest.param("rules: [voip]\n", ["E132"], id="rule-text"),
        pytest.param("rules:\n  - {id: [x], when: always}\n", ["E132"], id="id-list"),
        pytest.param("rules:\n  - {id: x, when: always, examples: {match: one}}\n", ["E132"], id="examples-text"),
        pytest.param("rules:\n  - {id: x, when: always, examples: }\n", ["E145"], id="examples-nothing"),
        pytest.param("rules:\n  - {id: x, when: always, stop: [true]}\n", ["E132"], id="switch-list"),
        pytest.param("rules:\n  - {id: '!', when: always}\n", ["E139"], id="id-of-signs"),
        pytest.param("channels: [triage]\n", ["E132"], id="channels-list"),
        pytest.param("channels: {triage: support}\n", ["E132"], id="channel-text"),
        pytest.param("channels: {triage: {team: [support]}}\n", ["E132"], id="team-list"),
        pytest.param("hours: {night: 22:00-06:00}\n", ["E132"], id="hours-text"),
        pytest.param("hours: {night: {timezone: , weekly: }}\n", ["E145", "E145"], id="hours-nothing"),
        pytest.param(
            "hours: {night: {timezone: Africa, weekly: ['Xyz 01:00-02:00']}}\n", ["E141", "E142"], id="zone-folder"
        ),
        pytest.param("hours: {night: {timezone: ../x, weekly: ['Sat 1:00-2:00']}}\n", ["E141", "E142"], id="zone-path"),
        pytest.param("clients: {name: Acme}\n", ["E132"], id="clients-keys"),
        pytest.param("clients: [Acme]\n", ["E132"], id="client-text"),
        pytest.param("clients:\n  - {name: [Acme], phones: [+254700000001]}\n", ["E132"], id="client-name-list"),
    ],
)
def test_what_has_the_wrong_form_is_reported(body: str, codes: list[str]) -> None:
    """One finding for each part that cannot be what it should."""
    assert [fault.code for fault in _build(body)[1]] == codes


def test_a_misspelled_key_is_read_as_it_was_meant() -> None:
    """So a misspelled section does not hide the names that it defines; a key that is there as well wins."""
    document, faults = _build("chanels: {triage: {}}\nrules:\n  - {id: x, when: always, chanel: a, channel: b}\n")
    assert [fault.hint for fault in faults] == ['did you mean "channels"?', 'did you mean "channel"?']
    assert [channel.name.value for channel in document.channels] == ["triage"]
    assert [rule.channel and rule.channel.value for rule in document.rules] == ["b"]


def test_files_are_merged_in_their_order() -> None:
    """Sections of one kind follow each other; defaults come from whichever file sets them."""
    first = _document("defaults: {channel: a}\nrules:\n  - {id: x, when: always}\n")
    second = _document("defaults: {priority: high, tags: [t]}\nrules:\n  - {id: y, when: always}\n")
    third = _document("owner: me\n")
    whole, faults = schema.merge([third, first, second])
    assert faults == ()
    assert [rule.id.value for rule in whole.rules] == ["x", "y"]
    assert whole.defaults == Defaults(
        first.defaults.channel, Priority.HIGH, None, second.defaults.tags, at=first.defaults.at
    )


def test_nothing_merges_to_nothing() -> None:
    """No file, no content."""
    assert schema.merge([]) == (Document(), ())


def test_every_outcome_is_read() -> None:
    """Copies, mention, what happens to further messages, trial and reason are values with places."""
    document = _document(
        """\
defaults: {mention: "@a", follow_up: {within: 1h}}
rules:
  - id: x
    when: always
    also: [a, b]
    mention: "@network-team @bob"
    follow_up: {within: 90m, then: new, ack_again_after: 2d}
    status: shadow
    enabled: false
    reason: until the new trunk works
"""
    )
    (rule,) = document.rules
    assert [channel.value for channel in rule.also] == ["a", "b"]
    assert (rule.mention, rule.reason) == (
        Text("@network-team @bob", Place("f.yaml", 7, 14, 20)),
        Text("until the new trunk works", Place("f.yaml", 11, 13, 25)),
    )
    assert (rule.shadow, rule.enabled) == (True, False)
    assert rule.follow_up is not None
    assert (rule.follow_up.within, rule.follow_up.ack_again_after) == (timedelta(minutes=90), timedelta(days=2))
    assert rule.follow_up.then is not None
    assert rule.follow_up.then.value == "new"
    assert document.defaults.mention == Text("@a", Place("f.yaml", 2, 21, 4))
    assert document.defaults.follow_up == FollowUp(timedelta(hours=1), None, None, Place("f.yaml", 2, 38, 12))


def test_a_live_rule_is_what_a_rule_is_when_nothing_else_is_said() -> None:
    """`status: live` and `enabled: true` may be written, and mean what their absence means."""
    (rule,) = _document("rules:\n  - {id: x, when: always, status: live, enabled: true}\n").rules
    assert (rule.shadow, rule.enabled, rule.reason) == (False, True, None)


def test_typing_errors_are_a_setting_of_a_category() -> None:
    """`typos: true` stands beside the keywords, holds for all of them and is none itself."""
    document = _document("keywords: {product: {typos: true, VoIP: [sip]}, place: {typos: false, Nairobi: []}}\n")
    assert [(word.name.value, word.typos) for word in document.keywords] == [("VoIP", True), ("Nairobi", False)]
