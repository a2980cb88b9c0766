"""Two folders by meaning: what differs, how grave it is, and whom it touches."""

from dataclasses import fields
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import cli
from engine.ruleset import differences, reader, schema, syntax
from engine.ruleset.differences import Change, Folder, Grade, compare, overall
from engine.ruleset.syntax import Document, Place

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

BASE = """\
defaults: {channel: triage, tags: [whatsapp]}
channels:
  triage: {team: support, purpose: first look}
  voip: {}
keywords:
  product:
    3CX: ["3 cx"]
    VoIP: [sip]
hours:
  business: {timezone: Africa/Nairobi, weekly: ["Mon-Fri 08:00-17:30"], holidays: KE}
clients:
  - {name: Acme, phones: ["+254700000001"], tier: gold, tags: [acme], language: sw}
rules:
  - id: outbound
    title: Outbound calls
    when:
      all:
        - keywords: {product: 3CX}
        - words: [call, "dial out"]
      none:
        - words: [resolved]
    priority: high
    channel: voip
    tags: [calls]
    summary: "{{ product }} fails"
    examples: {match: ["3cx call"], no_match: [hello]}
  - id: gold
    when:
      - client: {tier: gold}
    tags: [gold]
  - id: night
    when:
      - hours: {not: business}
    ack: late
  - id: last
    when: always
"""
TEMPLATES = {"ack/default": "Hello.\n", "ack/late": "We sleep.\n", "escalation/default": "New\n\n{{ raw_text }}\n"}


def read(text: str, path: str = "r.yaml") -> Document:
    node, unread = reader.read(path, f"schema: 1\n{text}".encode())
    document, faults = schema.build(path, node)
    assert (unread, faults) == ((), ())
    return document


def changed(old: str, new: str, text: str = BASE) -> list[tuple[str, str, str, tuple[str, ...]]]:
    """The differences once `new` stands where `old` stood: subject, class, what, and the rules that it touches."""
    assert old in text, "the text to replace is not there"
    return told(compare(Folder(read(text), TEMPLATES), Folder(read(text.replace(old, new, 1)), TEMPLATES)))


def told(changes: tuple[Change, ...]) -> list[tuple[str, str, str, tuple[str, ...]]]:
    return [(change.subject, change.grade.word, change.what, change.rules) for change in changes]


def of_when(before: str, after: str) -> list[tuple[str, str]]:
    """The differences between two conditions of one rule, each as it stands after `when:`."""
    texts = [f"rules:\n  - id: a\n    when:\n{_indented(when)}" for when in (before, after)]
    texts = [text.replace("\n      when_is_always", " always") for text in texts]
    one, other = (Folder(read(text), {}) for text in texts)
    return [(change.grade.word, change.what) for change in compare(one, other)]


def _indented(text: str) -> str:
    return "".join(f"      {line}\n" for line in dedent(text).strip().split("\n"))


# What is no difference


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('words: [call, "dial out"]', 'words: ["Dial-Out", call]', id="order, case and hyphens of words"),
        pytest.param("    channel: voip\n", "    # a comment\n    channel: voip\n", id="a comment"),
        pytest.param("tags: [calls]", "tags: [calls, whatsapp]", id="a tag that the defaults give"),
        pytest.param("    tags: [gold]\n", "    tags: [gold]\n    channel: triage\n", id="a default written out"),
        pytest.param("    ack: late\n", "    ack: late\n    escalate: true\n", id="what holds anyway"),
        pytest.param('"3 cx"', '"3-CX"', id="a spelling written otherwise"),
        pytest.param('"Mon-Fri 08:00-17:30"', '"Wed-Fri 08:00-17:30", "Mon-Tue 08:00-17:30"', id="days written apart"),
        pytest.param("- words: [resolved]", "- any:\n            - words: [resolved]", id="a group of one"),
    ],
)
def test_what_means_the_same_is_no_difference(old: str, new: str) -> None:
    """Only meaning counts."""
    assert changed(old, new) == []


def test_the_file_that_a_rule_stands_in_is_no_difference() -> None:
    """As long as the order of the rules stays."""
    whole = read("rules:\n  - {id: a, when: [{words: [x]}]}\n  - {id: b, when: always}\n")
    parts = [read("rules:\n  - {id: a, when: [{words: [x]}]}\n", "1.yaml"), read("rules:\n  - {id: b, when: always}\n")]
    merged, _ = schema.merge(parts)
    assert compare(Folder(whole, {}), Folder(merged, {})) == ()
    assert overall(()) is None


def test_line_ends_of_a_template_are_no_difference() -> None:
    """Windows saves a text with other line ends, and the client sees the same."""
    document = read(BASE)
    windows = {name: text.replace("\n", "\r\n") for name, text in TEMPLATES.items()}
    assert compare(Folder(document, TEMPLATES), Folder(document, windows)) == ()


@given(st.permutations(["alpha", "beta gamma", "delta", "$product"]), st.permutations(["a", "b", "c"]))
def test_the_order_of_lists_never_counts(phrases: list[str], tags: list[str]) -> None:
    """Phrases and tags in any order give the same rule."""
    text = "keywords: {{product: {{3CX: []}}}}\nrules:\n  - id: a\n    when: [{{words: [{}]}}]\n    tags: [{}]\n"
    before = read(text.format("alpha, beta gamma, delta, $product", "a, b, c"))
    after = read(text.format(", ".join(phrases), ", ".join(tags)))
    assert compare(Folder(before, {}), Folder(after, {})) == ()


# Conditions


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        pytest.param("- words: [a1a]", "- words: [a1a, b1b]", [("minor", 'words: "b1b" added')], id="a phrase more"),
        pytest.param("- words: [a1a, b1b]", "- words: [a1a]", [("major", 'words: "b1b" removed')], id="a phrase less"),
        pytest.param(
            "- exact: [a1a]",
            "- words: [a1a]",
            [("minor", 'condition removed: exact: "a1a"'), ("major", 'condition added: words: "a1a"')],
            id="another atom",
        ),
        pytest.param(
            "all: [{words: [a1a]}]\nnone: [{words: [b1b]}]",
            "all: [{words: [a1a]}]\nnone: [{words: [b1b, c1c]}]",
            [("major", 'none of words: "c1c" added')],
            id="an exception's phrase more",
        ),
        pytest.param(
            "all: [{words: [a1a]}]\nnone: [{words: [b1b, c1c]}]",
            "all: [{words: [a1a]}]\nnone: [{words: [b1b]}]",
            [("minor", 'none of words: "c1c" removed')],
            id="an exception's phrase less",
        ),
        pytest.param(
            "all: [{words: [a1a]}]",
            "all: [{words: [a1a]}]\nnone: [{pattern: b}]",
            [("major", 'condition added: none of (pattern: "b")')],
            id="a first exception",
        ),
        pytest.param(
            "all: [{words: [a1a]}]\nnone: [{words: [b1b]}]",
            "all: [{words: [a1a]}]\nnone: [{words: [b1b]}, {pattern: c}]",
            [("major", 'exception added: pattern: "c"')],
            id="another exception",
        ),
        pytest.param(
            "all: [{words: [a1a]}]\nnone: [{words: [b1b]}, {pattern: c}]",
            "all: [{words: [a1a]}]\nnone: [{words: [b1b]}]",
            [("minor", 'exception removed: pattern: "c"')],
            id="an exception less",
        ),
        pytest.param(
            "- keywords: {product: any}",
            "- keywords: {product: [3CX]}",
            [("major", 'keywords product: only "3CX" instead of any')],
            id="any becomes one",
        ),
        pytest.param(
            "- attachment: [image]",
            "- attachment: [any]",
            [("minor", 'attachment: any instead of only "image"')],
            id="one becomes any",
        ),
        pytest.param(
            "- words: [a1a]",
            "any: [{words: [a1a]}, {pattern: b}]",
            [("minor", 'alternative added: pattern: "b"')],
            id="an atom becomes a choice",
        ),
        pytest.param(
            "any: [{words: [a1a]}, {pattern: b}]",
            "- words: [a1a]",
            [("major", 'alternative removed: pattern: "b"')],
            id="a choice becomes an atom",
        ),
        pytest.param(
            "any: [{words: [a1a]}, {all: [{words: [b1b]}, {kind: [edit]}]}]",
            "any: [{words: [a1a]}, {all: [{words: [b1b]}, {kind: [edit]}, {source: [whatsapp]}]}]",
            [("major", 'condition added: source: "whatsapp"')],
            id="deeper inside",
        ),
        pytest.param(
            "- hours: night",
            "- hours: {not: night}",
            [("minor", 'condition removed: hours: "night"'), ("major", 'condition added: hours not: "night"')],
            id="the other side of the hours",
        ),
        pytest.param(
            "- follow_up: true",
            "- follow_up: false",
            [("minor", 'follow_up: "false" added'), ("major", 'follow_up: "true" removed')],
            id="the other state of the conversation",
        ),
        pytest.param(
            "all: [{words: [a1a]}, {any: [{words: [b1b]}, {pattern: c}]}]",
            "all: [{words: [a1a]}]",
            [("minor", 'condition removed: any of (words: "b1b"; pattern: "c")')],
            id="a whole group less",
        ),
        pytest.param(
            "- words: [a1a]",
            "all: [{words: [a1a]}, {words: [b1b, c1c, d1d, e1e, f1f]}]",
            [("major", 'condition added: words: "b1b", "c1c", "d1d", "e1e" and 1 more')],
            id="a long list is cut",
        ),
        pytest.param(
            "all: [{words: [a1a]}, {keywords: {product: any}}]",
            "all: [{words: [a1a]}]",
            [("minor", "condition removed: keywords product: any")],
            id="any category less",
        ),
        pytest.param(
            "when_is_always",
            "- words: [a1a]",
            [("minor", "condition removed: always"), ("major", 'condition added: words: "a1a"')],
            id="no longer always",
        ),
        pytest.param(
            "none: [{none: [{words: [a1a]}]}, {pattern: b}]",
            "none: [{none: [{words: [a1a, b1b]}]}, {pattern: b}]",
            [("minor", 'none of words: "b1b" added')],
            id="an exception to an exception",
        ),
    ],
)
def test_a_condition_that_lets_less_through_is_major(before: str, after: str, found: list[tuple[str, str]]) -> None:
    """More that matches is minor, less is major, and an exception turns the two round."""
    assert of_when(before, after) == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("any: [{words: [a1a]}, {words: [b1b]}]", "- words: [b1b, a1a]", id="a choice of lists"),
        pytest.param(
            "any: [{keywords: {product: any}}, {keywords: {product: [3CX]}}]",
            "- keywords: {product: any}",
            id="any holds one",
        ),
        pytest.param("all: [{all: [{words: [a1a]}, {pattern: b}]}]", "[{pattern: b}, {words: [a1a]}]", id="all in all"),
        pytest.param(
            "all: [{none: [{words: [a1a]}]}, {none: [{words: [b1b]}]}, {pattern: c}]",
            "all: [{pattern: c}]\nnone: [{any: [{words: [b1b]}, {words: [a1a]}]}]",
            id="exceptions together",
        ),
        pytest.param('- words: ["can\'t"]', "- words: [cant]", id="an apostrophe"),
    ],
)
def test_conditions_of_one_meaning_are_equal(one: str, other: str) -> None:
    """However the groups are written."""
    assert of_when(one, other) == []
    assert of_when(other, one) == []


# Rules


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        pytest.param("priority: high", "priority: urgent", ("major", "priority: high → urgent"), id="priority"),
        pytest.param("    priority: high\n", "", ("major", "priority: high → not said (normal)"), id="no priority"),
        pytest.param("channel: voip\n    tags", "tags", ("major", "channel: voip → triage"), id="the default channel"),
        pytest.param(
            "tags: [calls]", "tags: [calls]\n    ack: none", ("major", "ack: default → none"), id="no acknowledgement"
        ),
        pytest.param(
            "tags: [calls]", "tags: [calls]\n    escalate: false", ("major", "escalate: true → false"), id="no post"
        ),
        pytest.param("tags: [calls]", "tags: [calls]\n    stop: true", ("major", "stop: false → true"), id="stop"),
        pytest.param(
            "tags: [calls]",
            'tags: [calls]\n    mention: "@noc"',
            ("major", "mention: whoever is on call → @noc"),
            id="mention",
        ),
        pytest.param(
            "tags: [calls]",
            "tags: [calls]\n    follow_up: {within: 2h}",
            ("major", "follow_up within: the engine's own time → 2:00:00"),
            id="follow-ups",
        ),
        pytest.param(
            "tags: [calls]",
            "tags: [calls]\n    follow_up: {then: new}",
            ("major", "follow_up then: append → new"),
            id="incidents of their own",
        ),
        pytest.param(
            "tags: [calls]",
            "tags: [calls]\n    follow_up: {ack_again_after: 1d}",
            ("major", "follow_up ack_again_after: never → 1 day, 0:00:00"),
            id="acknowledged again",
        ),
        pytest.param(
            "tags: [calls]",
            "tags: [calls]\n    also: [triage]",
            ("minor", 'copies to: "triage" added'),
            id="a copy",
        ),
        pytest.param("tags: [calls]", "tags: [calls, x]", ("minor", 'tags: "x" added'), id="a tag more"),
        pytest.param("    tags: [calls]\n", "", ("minor", 'tags: "calls" removed'), id="a tag less"),
        pytest.param(
            '    summary: "{{ product }} fails"\n', "", ("minor", "summary: {{ product }} fails → none"), id="summary"
        ),
        pytest.param("title: Outbound calls", "title: Calls", ("patch", "title: Outbound calls → Calls"), id="title"),
        pytest.param(
            'match: ["3cx call"]',
            'match: ["3cx calls", "our 3cx call"]',
            ("patch", "examples match: 2 added, 1 removed"),
            id="examples",
        ),
        pytest.param(
            "no_match: [hello]", "no_match: []", ("patch", "examples no_match: 0 added, 1 removed"), id="others"
        ),
        pytest.param("tags: [calls]", "tags: [calls]\n    status: shadow", ("major", "live → on trial"), id="on trial"),
        pytest.param(
            "tags: [calls]",
            "tags: [calls]\n    enabled: false\n    reason: broken",
            ("major", "live → off"),
            id="switched off",
        ),
    ],
)
def test_what_a_rule_says_otherwise_has_its_class(old: str, new: str, found: tuple[str, str]) -> None:
    """One line a difference, with what was and what is."""
    assert changed(old, new) == [("rule outbound", *found, ())]


OFF = BASE.replace("tags: [calls]", "tags: [calls]\n    enabled: false\n    reason: broken trunk")
TRIAL = BASE.replace("tags: [calls]", "tags: [calls]\n    status: shadow")
SILENT = "it ends the search, so that later rules are asked no more, clients are not acknowledged, nobody is called"


@pytest.mark.parametrize(
    ("text", "old", "new", "found"),
    [
        pytest.param(TRIAL, "priority: high", "priority: low", ("patch", "priority: high → low"), id="on trial"),
        pytest.param(OFF, "dial out", "ring", ("patch", 'words: "ring" added'), id="off"),
        pytest.param(OFF, "broken trunk", "new trunk", ("patch", "another reason for being off"), id="another reason"),
        pytest.param(
            OFF,
            "enabled: false\n    reason: broken trunk",
            "status: shadow",
            ("patch", "off → on trial"),
            id="from off to trial",
        ),
        pytest.param(TRIAL, "    status: shadow\n", "", ("minor", "on trial → live"), id="from trial to live"),
        pytest.param(
            TRIAL,
            "    status: shadow\n",
            "    ack: none\n    escalate: false\n    stop: true\n",
            (
                "major",
                f"on trial → live: {SILENT}",
            ),
            id="live and silent",
        ),
    ],
)
def test_a_rule_that_does_nothing_changes_nothing(text: str, old: str, new: str, found: tuple[str, str]) -> None:
    """On trial or off on both sides is a patch; going live counts like a new rule."""
    first, *_ = changed(old, new, text)
    assert first == ("rule outbound", *found, ())


GOLD = "  - id: gold\n    when:\n      - client: {tier: gold}\n    tags: [gold]\n"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        pytest.param(GOLD, "", ("rule gold", "major", "removed", ()), id="removed"),
        pytest.param(
            GOLD,
            f"{GOLD}  - {{id: new, when: [{{words: [x1x]}}]}}\n",
            ("rule new", "minor", "added", ()),
            id="added",
        ),
        pytest.param(
            GOLD,
            f"{GOLD}  - {{id: new, when: [{{words: [x1x]}}], stop: true}}\n",
            ("rule new", "major", "added: it ends the search, so that later rules are asked no more", ()),
            id="added with stop",
        ),
        pytest.param(
            GOLD,
            f"{GOLD}  - {{id: new, when: [{{words: [x1x]}}], status: shadow}}\n",
            ("rule new", "patch", "added, on trial", ()),
            id="added on trial",
        ),
        pytest.param(
            "id: gold",
            "id: golden",
            ("rule golden", "minor", 'renamed from "gold"; statistics count it under the new name', ()),
            id="renamed",
        ),
    ],
)
def test_rules_come_go_and_change_their_names(old: str, new: str, found: tuple[str, str, str, tuple[str, ...]]) -> None:
    """The same content under another name is a rename, not a new rule."""
    assert changed(old, new) == [found]


def test_a_rule_that_was_on_trial_goes_quietly() -> None:
    """Nothing that is decided changes; it is said what it was. The same for its name."""
    text = BASE.replace("tags: [gold]", "tags: [gold]\n    status: shadow")
    gone = GOLD.replace("tags: [gold]", "tags: [gold]\n    status: shadow")
    assert changed(gone, "", text) == [("rule gold", "patch", "removed (it was on trial)", ())]
    assert [grade for _, grade, _, _ in changed("id: gold", "id: golden", text)] == ["patch"]


ORDER = """\
channels: {{x: {{}}, noc: {{}}}}
rules:
{}  - {{id: last, when: always, channel: x}}
"""
A, B, C, TRIED = (
    f"  - {{id: {name}, when: [{{words: [{name}1{name}]}}], channel: {channel}{more}}}\n"
    for name, channel, more in (("a", "x", ""), ("b", "noc", ""), ("c", "x", ""), ("t", "x", ", status: shadow"))
)


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        pytest.param(A + C, C + A, [("rule c", "minor", 'moved: it now comes before "a"', ())], id="alike"),
        pytest.param(A + B, B + A, [("rule b", "major", 'moved: it now comes before "a"', ())], id="otherwise"),
        pytest.param(TRIED + A, A + TRIED, [("rule a", "patch", 'moved: it now comes before "t"', ())], id="a trial"),
        pytest.param(A + B + C, B + C + A, [("rule a", "major", 'moved: it now comes after "b", "c"', ())], id="down"),
        pytest.param(A + B + C, A + C, [("rule b", "major", "removed", ())], id="a gap is no move"),
    ],
)
def test_a_moved_rule_is_named_with_those_it_passed(
    before: str, after: str, found: list[tuple[str, str, str, tuple[str, ...]]]
) -> None:
    """Major when one of them acts otherwise, because which comes first decides then."""
    one, other = (Folder(read(ORDER.format(rules)), {}) for rules in (before, after))
    assert told(compare(one, other)) == found


def test_many_passed_rules_are_counted() -> None:
    """A line stays a line."""
    many = "".join(f"  - {{id: m{n}, when: [{{words: [m{n}m]}}], channel: x}}\n" for n in range(5))
    one, other = (Folder(read(ORDER.format(rules)), {}) for rules in (many + A, A + many))
    assert told(compare(one, other)) == [
        ("rule a", "minor", 'moved: it now comes before "m0", "m1", "m2" and 2 more', ())
    ]


# What rules lean on


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        pytest.param(
            "channel: triage,",
            "channel: voip,",
            ("defaults", "major", "channel: triage → voip", ("gold", "night", "last")),
            id="the default channel",
        ),
        pytest.param(
            "tags: [whatsapp]}",
            "tags: [whatsapp], priority: low}",
            ("defaults", "major", "priority: normal → low", ("gold", "night", "last")),
            id="the default priority",
        ),
        pytest.param(
            "tags: [whatsapp]}", "tags: [wa]}", ("defaults", "minor", 'tags: "wa" added', ()), id="default tags"
        ),
        pytest.param(
            '["3 cx"]',
            '["3 cx", threecx]',
            ("keyword product: 3CX", "minor", 'spellings "threecx" added', ("outbound",)),
            id="a spelling more",
        ),
        pytest.param(
            '["3 cx"]',
            "[threecx]",
            ("keyword product: 3CX", "major", 'spellings "threecx" added, "3 cx" removed', ("outbound",)),
            id="a spelling less",
        ),
        pytest.param(
            "    VoIP: [sip]",
            "    VoIP: [sip, pbx]",
            ("keyword product: VoIP", "minor", 'spellings "pbx" added', ()),
            id="a keyword that only summaries show",
        ),
        pytest.param(
            "    VoIP: [sip]\n",
            "",
            ("keyword product: VoIP", "minor", 'spellings "VoIP", "sip" removed', ()),
            id="a keyword less",
        ),
        pytest.param(
            "    VoIP: [sip]\n",
            "    VoIP: [sip]\n  spare:\n    x1x: []\n",
            ("keyword spare: x1x", "patch", 'spellings "x1x" added', ()),
            id="a keyword that nobody uses",
        ),
        pytest.param(
            "team: support,",
            "team: noc,",
            ("channel triage", "major", "team: support → noc", ("gold", "night", "last")),
            id="a channel of another team",
        ),
        pytest.param(
            "purpose: first look",
            "purpose: second look",
            ("channel triage", "patch", "another purpose", ()),
            id="purpose",
        ),
        pytest.param(
            "  voip: {}\n", "  voip: {}\n  new: {}\n", ("channel new", "patch", "added", ()), id="a channel more"
        ),
        pytest.param(
            "08:00-17:30", "08:00-18:00", ("hours business", "major", "another week", ("night",)), id="other hours"
        ),
        pytest.param(
            "Nairobi, weekly",
            "Kampala, weekly",
            ("hours business", "major", "another timezone", ("night",)),
            id="another zone",
        ),
        pytest.param(
            ", holidays: KE", "", ("hours business", "major", "another choice of holidays", ("night",)), id="holidays"
        ),
        pytest.param("tier: gold,", "", ("client Acme", "major", 'tier "gold" removed', ("gold",)), id="a tier less"),
        pytest.param(
            "[acme]", "[acme, key]", ("client Acme", "patch", 'tags "key" added', ()), id="a tag that nobody asks for"
        ),
        pytest.param(
            "language: sw",
            "language: en",
            ("client Acme", "minor", 'language "en" added; language "sw" removed', ()),
            id="language",
        ),
        pytest.param(
            '["+254700000001"]',
            '["+254700000001", "+254711111111"]',
            ("client Acme", "patch", "phone +254…11 added", ()),
            id="a masked number more",
        ),
        pytest.param(
            '["+254700000001"]', '["+254700000002"]', ("client Acme", "minor", "added", ("gold",)), id="another client"
        ),
    ],
)
def test_what_rules_lean_on_names_the_rules_it_touches(
    old: str, new: str, found: tuple[str, str, str, tuple[str, ...]]
) -> None:
    """The first difference of the section, its class by how the rules use it."""
    first, *_ = changed(old, new)
    assert first == found


def test_a_client_that_is_gone_may_be_missed() -> None:
    """A rule that asks for its tier matches less."""
    other = '  - {name: Other, phones: ["+254700000003"]}\n'
    acme = '  - {name: Acme, phones: ["+254700000001"], tier: gold, tags: [acme], language: sw}\n'
    text = BASE.replace(acme, other + acme)
    assert changed(acme, "", text) == [("client Acme", "major", "removed", ("gold",))]


def test_an_exception_turns_the_class_of_a_spelling_round() -> None:
    """More that counts as the keyword lets the rule match less; `known` is asked both ways."""
    text = """\
        keywords:
          done:
            fixed: [sorted]
          other:
            x1x: [y1y]
        rules:
          - id: a
            when:
              all: [{words: ["our $other"]}]
              none: [{keywords: {done: any}}]
          - {id: b, when: [{client: {known: false}}]}
          - {id: c, when: always}
        """
    text = dedent(text)
    assert changed("[sorted]", "[sorted, okay]", text) == [
        ("keyword done: fixed", "major", 'spellings "okay" added', ("a",))
    ]
    assert changed("[y1y]", "[y1y, z1z]", text) == [("keyword other: x1x", "minor", 'spellings "z1z" added', ("a",))]
    new = 'clients: [{name: New, phones: ["+254700000009"]}]\nrules:'
    assert changed("rules:", new, text) == [("client New", "major", "added", ("b",))]
    typos = "  done:\n    typos: true\n"
    assert changed("  done:\n", typos, text) == [("keyword done: fixed", "major", "typing errors count", ("a",))]
    forgiving = text.replace("  done:\n", typos)
    assert changed("typos: true", "typos: false", forgiving) == [
        ("keyword done: fixed", "minor", "typing errors do not count any more", ("a",))
    ]


def test_hours_and_channels_that_nobody_uses_are_patches() -> None:
    """Both what comes and what goes."""
    plain = "rules:\n  - {id: last, when: always, channel: x}\nchannels: {x: {}}\n"
    more = f"{plain.replace('x: {}}', 'x: {}, y: {}}')}hours: {{h: {{timezone: UTC, weekly: [Mon 08:00-09:00]}}}}\n"
    one, other = Folder(read(plain), {}), Folder(read(more), {})
    assert told(compare(one, other)) == [("channel y", "patch", "added", ()), ("hours h", "patch", "added", ())]
    assert told(compare(other, one)) == [("channel y", "patch", "removed", ()), ("hours h", "patch", "removed", ())]


@pytest.mark.parametrize(
    ("templates", "found"),
    [
        pytest.param(
            {**TEMPLATES, "ack/default": "Hi.\n"},
            ("template ack/default", "minor", "another text", ("outbound", "gold", "last")),
            id="changed",
        ),
        pytest.param(
            {**TEMPLATES, "ack/late.sw": "Tumelala.\n"},
            ("template ack/late.sw", "minor", "added", ("night",)),
            id="another language",
        ),
        pytest.param(
            {**TEMPLATES, "ack/unused": "x\n"}, ("template ack/unused", "patch", "added", ()), id="used by nobody"
        ),
        pytest.param(
            {**TEMPLATES, "escalation/default": "Other\n\nx\n"},
            ("template escalation/default", "minor", "another text", ("outbound", "gold", "night", "last")),
            id="the post",
        ),
        pytest.param(
            {name: text for name, text in TEMPLATES.items() if name != "ack/late"},
            ("template ack/late", "minor", "removed", ("night",)),
            id="removed",
        ),
    ],
)
def test_a_text_names_the_rules_that_say_it(
    templates: dict[str, str], found: tuple[str, str, str, tuple[str, ...]]
) -> None:
    """A template in another language belongs to the one beside it."""
    document = read(BASE)
    assert told(compare(Folder(document, TEMPLATES), Folder(document, templates))) == [found]


def test_a_change_shows_both_places() -> None:
    """A subject that is new has no place before."""
    before, after = (
        read(BASE),
        read(BASE.replace("priority: high", "priority: low") + "  - {id: z, when: [{words: [z1z]}]}\n"),
    )
    changes = compare(Folder(before, TEMPLATES), Folder(after, TEMPLATES))
    places = [(change.before and change.before.line, change.after and change.after.line) for change in changes]
    assert places == [(15, 15), (None, 38)]
    assert overall(changes) is Grade.MAJOR
    (text,) = compare(Folder(before, {}, "t"), Folder(before, {"ack/x": "x"}, "t"))
    assert (text.before, text.after) == (None, Place("t/ack/x.j2", 1, 1))


def test_the_classes_are_documented_where_people_look(capsys: pytest.CaptureFixture[str]) -> None:
    """`engine diff --help` says word for word what the code says."""
    with pytest.raises(SystemExit):
        cli.main(["diff", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert differences.__doc__ is not None
    for line in (
        differences.__doc__.partition("patch:")[2].replace("minor:", "minor").replace("major:", "major").split("\n")
    ):
        assert " ".join(line.split()) in shown


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        pytest.param(
            syntax.Rule,
            "ack also at channel enabled escalate examples follow_up id mention priority reason shadow stop summary "
            "tags title when",
            id="rule",
        ),
        pytest.param(syntax.Defaults, "ack at channel follow_up mention priority tags", id="defaults"),
        pytest.param(syntax.FollowUp, "ack_again_after at then within", id="follow-up"),
        pytest.param(syntax.Keyword, "category name spellings typos", id="keyword"),
        pytest.param(syntax.Channel, "name purpose team", id="channel"),
        pytest.param(syntax.Hours, "holidays name timezone weekly", id="hours"),
        pytest.param(syntax.ClientEntry, "language name phones tags tier", id="client"),
        # Scenarios are tests: whether they hold is what `engine test` says.
        pytest.param(syntax.Document, "channels clients defaults hours keywords rules scenarios", id="document"),
    ],
)
def test_nothing_that_a_file_says_is_overlooked(kind: "type[DataclassInstance]", known: str) -> None:
    """Who adds a field to the language meets this list, and has it compared."""
    assert sorted(field.name for field in fields(kind)) == known.split()
