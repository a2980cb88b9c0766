"""What a set without errors is told about itself, each finding at its rule and with a message that was run."""

from pathlib import Path

import pytest

from engine.core.diagnostics import Severity
from engine.ruleset import loader, reader, schema
from engine.ruleset.advice import advise, breadth, reachability, witnesses
from engine.ruleset.compiler import compile_rules
from engine.ruleset.snapshots import Snapshot
from engine.ruleset.syntax import Document
from engine.ruleset.templates import Templates

ROOT = Path(__file__).parents[2]


def _document(body: str) -> Document:
    node, unread = reader.read("f.yaml", f"schema: 1\n{body}".encode())
    assert unread == ()
    document, faults = schema.build("f.yaml", node)
    assert faults == ()
    return document


def _templates(**acks: str) -> Templates:
    sources = {f"ack/{name}": text for name, text in acks.items()}
    templates, faults = Templates.load({**sources, "escalation/default": "Title\n\nText\n"})
    assert faults == ()
    return templates


def _advice(body: str, *codes: str, templates: Templates | None = None) -> list[tuple[int, str]]:
    """(line, sentence) of the findings with these codes."""
    document, used = _document(body), templates or _templates(default="Hello")
    found = advise(document, used, compile_rules(document, used, "5ha"))
    return [(fault.at.line, fault.message) for fault in found if fault.code in codes]


def test_the_starter_rules_have_no_findings() -> None:
    """What `engine init` writes passes its own checks, warnings included."""
    loaded = loader.load(ROOT / "rules", ROOT / "templates")
    assert [found for found in loaded.diagnostics if found.code != "E216"] == []


def test_a_keyword_is_used_by_a_rule_a_summary_or_a_template() -> None:
    """A name that a rule asks for, a category asked for as a whole, and a category shown somewhere."""
    body = """\
keywords:
  one: {a: [], b: []}
  two: {c: []}
  three: {d: []}
  four: {e: []}
  five: {f: []}
rules:
  - id: x
    when: [{keywords: {one: a, two: any}}]
    summary: "{% if three is defined %}{{ three }}{% endif %} five"
  - {id: y, when: always}
"""
    assert _advice(body, "W502", templates=_templates(other="{% if four is defined %}{{ four }}{% endif %}")) == [
        (3, 'no rule asks for the keyword "b" of "one"'),
        (7, 'no rule asks for the keyword "f" of "five"'),
    ]


_EXAMPLES = """\
rules:
  - {id: a, when: {words: [call]}}
  - {id: b, when: {words: [ring]}, examples: {match: [ring]}}
  - {id: c, when: {words: [dial]}, examples: {no_match: [call]}}
  - {id: d, when: {words: [buzz]}, enabled: false, reason: later}
  - {id: e, when: always, examples: {match: [hello]}}
"""


def test_a_rule_wants_examples_of_both_kinds() -> None:
    """The last rule needs none, because everything matches it; neither does one that is switched off."""
    assert _advice(_EXAMPLES, "W501", "W516") == [
        (3, 'the rule "a" has no examples'),
        (4, 'no example says what "b" must not match'),
    ]


def test_an_acknowledgement_knows_what_has_been_decided() -> None:
    """The ticket's number is there for an acknowledgement, a keyword is not unless the rule requires it."""
    templates = _templates(ticket="Ticket {{ ticket_id }}", product="{{ product }}", plain="Hello")
    body = """\
keywords:
  product: {3CX: [3cx]}
rules:
  - {id: a, when: {words: [call]}, ack: ticket}
  - {id: b, when: {words: [ring]}, ack: product}
  - {id: c, when: {keywords: {product: any}}, ack: product}
  - {id: d, when: {words: [dial]}, ack: none}
  - {id: e, when: always}
"""
    assert _advice(body, "W503", templates=templates) == [
        (6, 'the acknowledgement "product" can be sent without `product`, e.g. "ring"')
    ]


_GAPS = """\
keywords:
  product: {3CX: [3cx]}
rules:
  - id: a
    when:
      any:
        - keywords: {product: any}
        - pattern: 'error (?P<code>\\d\\d)'
        - {words: [phone], none: [{words: [desk]}]}
    summary: "{{ product }} {{ code }} {{ client_phone }}"
    examples: {match: ["3cx error 55"], no_match: [hello]}
  - id: b
    when: [{client: {phone: "+254*"}}]
    summary: "{{ product }}"
    enabled: false
    reason: later
  - {id: c, when: always}
"""


def test_a_message_without_the_variable_is_shown_where_one_can_be_made() -> None:
    """The example of the rule has both, so other messages are put together; nobody is shown without a number."""
    assert _advice(_GAPS, "W503") == [
        (11, "this rule can match without `client_phone`"),
        (11, 'this rule can match without `code`, e.g. "3cx"'),
        (11, 'this rule can match without `product`, e.g. "error 55"'),
        (15, "this rule can match without `product`"),
    ]


_BASE = """\
keywords:
  product: {3CX: [3cx, "3 cx"], VoIP: [voip]}
hours:
  night: {timezone: Africa/Nairobi, weekly: ["Mon-Sun 22:00-06:00"]}
channels: {a: {}, b: {}}
clients:
  - {name: Acme, phones: ["+254700000901"], tier: gold, tags: [x]}
  - {name: Other, phones: ["+254700000902"], tier: silver}
defaults: {channel: a}
rules:
"""
_REACH = ("E220", "W510", "W511", "W512")


def _reach(*rules: str) -> list[str]:
    written = "".join(f"  - {rule}\n" for rule in (*rules, "{id: last, when: always}"))
    return [message for _, message in _advice(_BASE + written, *_REACH)]


def test_a_contradiction_is_named_whatever_it_is_about() -> None:
    """Words, keywords, patterns, clients, hours, kinds, sources and conversations can all contradict themselves."""
    conditions = {
        "form": "[{exact: [calls]}, {none: [{words: [call]}]}]",
        "start": "[{words: [calling]}, {none: [{words: ['cal*']}]}]",
        "inside": "[{exact: [a long call today]}, {none: [{exact: [long call]}]}]",
        "category": "[{words: ['$product']}, {none: [{keywords: {product: any}}]}]",
        "spelling": "[{keywords: {product: VoIP}}, {none: [{words: [voip]}]}]",
        "pattern": "[{pattern: 'ab+'}, {none: [{pattern: 'ab+'}]}]",
        "people": "[{client: {tier: gold}}, {client: {tier: silver}}]",
        "stranger": "[{client: {tier: gold}}, {none: [{client: {known: true}}]}]",
        "hours": "[{hours: night}, {hours: {not: night}}]",
        "source": "[{source: [whatsapp]}, {source: [http, sms]}]",
        "kind": "[{kind: edit}, {kind: [message, unsupported]}]",
        "file": "[{attachment: voice}, {none: [{attachment: audio}]}]",
        "any-file": "[{attachment: image}, {none: [{attachment: any}]}]",
        "state": "[{none: [{follow_up: true}, {follow_up: false}]}]",
    }
    found = _reach(*(f"{{id: {name}, when: {when}}}" for name, when in conditions.items()))
    assert [message.split('"')[1] for message in found] == list(conditions)
    assert found[0] == '"form" can never match: it asks for `exact: calls` and forbids `words: call`'
    assert found[3] == '"category" can never match: it asks for `words: $product` and forbids `keywords product: any`'
    assert found[-1] == (
        '"state" can never match: it forbids `follow_up: true` and `follow_up: false`, of which one is always the case'
    )


def test_what_only_looks_like_a_contradiction_is_left_in_peace() -> None:
    """Nothing is claimed that some message would disprove."""
    conditions = {
        "form": "[{words: [call]}, {none: [{exact: [calls]}]}]",
        "longer": "[{words: [call]}, {none: [{words: [call me]}]}]",
        # A longer spelling of another keyword may hide the shorter one.
        "hidden": "[{words: [voip]}, {none: [{keywords: {product: VoIP}}]}]",
        "some": "[{keywords: {product: any}}, {none: [{keywords: {product: 3CX}}]}]",
        "files": "[{attachment: image}, {attachment: audio}]",
        "tags": "[{client: {tags: [x]}}, {client: {tier: gold}}]",
        "numbers": "[{client: {phone: '+254*'}}, {client: {known: false}}]",
        "nobody": "[{client: {tier: bronze}}]",
        "prefix": "[{words: ['call*']}, {none: [{words: [call]}]}]",
        "any": "{any: [{all: [{hours: night}, {hours: {not: night}}]}, {words: [ring]}]}",
    }
    assert _reach(*(f"{{id: {name}, when: {when}}}" for name, when in conditions.items())) == []


def test_a_rule_that_never_decides_is_told_by_whom_and_what_it_loses() -> None:
    """Each alternative may be covered by another rule; all of them are named."""
    found = _reach(
        "{id: one, when: {words: [phone]}}",
        "{id: two, when: {keywords: {product: any}}, channel: b}",
        "{id: both, when: {any: [{exact: [phones], none: [{words: [x]}]}, {keywords: {product: 3CX, product: VoIP}}]},"
        " channel: b, summary: s}".replace("product: 3CX, product: VoIP", "product: 3CX"),
    )
    assert found == [
        (
            '"both" never decides, and its channel and summary are never used: "two" or "one" always comes first, '
            'e.g. "3cx"'
        )
    ]


@pytest.mark.parametrize(
    "outcome",
    [
        pytest.param("tags: [x], priority: high", id="adds"),
        pytest.param("channel: a, ack: default", id="says-the-same"),
        pytest.param("status: shadow, channel: b", id="on-trial"),
        pytest.param("enabled: false, reason: x, channel: b", id="switched-off"),
    ],
)
def test_a_rule_that_need_not_decide_is_left_in_peace(outcome: str) -> None:
    """Most rules that never decide are there to add something."""
    assert (
        _reach("{id: one, when: {words: [phone]}}", f"{{id: two, when: {{exact: [phones, phone]}}, {outcome}}}") == []
    )


@pytest.mark.parametrize(
    "lost",
    ["summary: s", "ack: none", "escalate: false", "also: [b]", "mention: '@x'", "follow_up: {within: 4h}"],
)
def test_whatever_only_a_deciding_rule_says_is_lost(lost: str) -> None:
    """Every outcome but tags and priority belongs to the rule that decides."""
    (found,) = _reach("{id: one, when: {words: [phone]}}", f"{{id: two, when: {{exact: [phones]}}, {lost}}}")
    assert f"its {lost.split(':', 1)[0]} is never used" in found


def test_only_live_rules_before_it_keep_a_rule_from_deciding() -> None:
    """A rule on trial, one that is switched off and one that comes later do not count."""
    wide = "when: {words: [phone]}"
    assert (
        _reach(
            f"{{id: a, {wide}, status: shadow}}",
            f"{{id: b, {wide}, enabled: false, reason: x}}",
            "{id: c, when: {exact: [phones]}, channel: b}",
            f"{{id: d, {wide}}}",
        )
        == []
    )


def test_a_rule_behind_a_stop_is_never_asked() -> None:
    """With the message that shows it, facts about the event included."""
    assert _reach(
        "{id: one, when: {words: [phone]}, stop: true}",
        "{id: two, when: [{exact: [phones]}, {attachment: image}, {client: {tier: gold}}, {hours: night},"
        " {follow_up: true}, {kind: edit}, {source: [sms]}]}",
    ) == [
        (
            '"two" is never asked: "one" always matches first and ends the search, e.g. "phones" with image attached '
            "(kind: edit) from sms by Acme on Monday at 19:00 UTC while an incident is open"
        )
    ]


def test_no_more_messages_are_made_than_anybody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is proved is said all the same."""
    monkeypatch.setattr(reachability, "WITNESSED", 1)
    found = _reach(*(f"{{id: r{number}, when: {{words: [phone]}}}}" for number in range(3)))
    assert found == ['"r1" asks for the same as "r0", e.g. "phone"', '"r2" asks for the same as "r0"']


def test_a_keyword_that_forgives_typing_errors_need_not_be_spelled() -> None:
    """So nothing follows from how it is spelled."""
    body = """\
keywords:
  product: {typos: true, VoIP: [telephony]}
rules:
  - {id: a, when: [{keywords: {product: VoIP}}, {none: [{words: [telephony, voip]}]}]}
  - {id: b, when: always}
"""
    assert _advice(body, "E220") == []


@pytest.mark.parametrize("depth", [1, 2], ids=["product", "nested"])
def test_a_rule_that_branches_too_far_is_told(depth: int) -> None:
    """Seven times two times two alternatives are more than are looked at."""
    either = "{any: [{all: [{words: [a%d]}, {words: [b%d]}]}, {all: [{words: [c%d]}, {words: [d%d]}]}]}"
    every = f"[{', '.join(either % ((number,) * 4) for number in range(7))}]"
    when = every if depth == 1 else f"{{any: [{{all: {every}}}, {{words: [x]}}]}}"
    (found,) = _advice(f"{_BASE}  - {{id: wide, when: {when}}}\n  - {{id: last, when: always}}\n", "W520")
    assert found[1].startswith('"wide" branches into too many alternatives')


def test_a_rule_that_words_or_a_fact_can_satisfy_gets_a_message_with_words() -> None:
    """What the circumstances could do, words do too."""
    assert _reach(
        "{id: one, when: {any: [{words: [phone]}, {client: {tier: gold}}]}, stop: true}",
        "{id: two, when: {any: [{exact: [phones]}, {client: {tier: gold}}]}}",
    ) == ['"two" is never asked: "one" always matches first and ends the search, e.g. "phones" by Acme']


_OVERLAP = ("W513", "W514")


def _overlaps(*rules: str) -> list[str]:
    written = "".join(f"  - {rule}\n" for rule in (*rules, "{id: last, when: always}"))
    return [message for _, message in _advice(_BASE + written, *_OVERLAP)]


def test_an_urgent_message_in_the_channel_of_a_less_urgent_rule_is_shown() -> None:
    """By an example, by a whole alternative of the rule, and by a rule that posts nothing at all."""
    low = "{id: low, when: {words: [phone]}, channel: a, priority: low}"
    quiet = "{id: quiet, when: {words: [phone]}, channel: b, priority: low, escalate: false}"
    example = "{id: high, when: {words: [dead]}, channel: b, priority: high, examples: {match: [dead phone]}}"
    either = "{any: [{all: [{exact: [phones]}, {words: [dead]}]}, {pattern: x+}]}"
    case = f"{{id: high, when: {either}, channel: b, priority: high}}"
    assert _overlaps(low, example) == [
        '"dead phone" is high for "high", but goes to "a": "low", which is low, comes first'
    ]
    assert _overlaps(low, case) == [
        '"phones dead" is high for "high", but goes to "a": "low", which is low, comes first'
    ]
    assert _overlaps(quiet, example) == [
        '"dead phone" is high for "high", but is not posted: "quiet", which is low, comes first'
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("channel: a, priority: high", "channel: b, priority: low", id="more-urgent-first"),
        pytest.param("channel: a, priority: low", "channel: a, priority: high", id="same-channel"),
        pytest.param("channel: a", "channel: b, priority: high", id="no-priority"),
        pytest.param("priority: low", "channel: b, priority: high", id="no-channel"),
        pytest.param("channel: a, priority: low", "priority: high", id="adds-priority"),
        pytest.param(
            "channel: a, priority: low, examples: {match: [dead phone]}", "channel: b, priority: high", id="known"
        ),
    ],
)
def test_rules_that_overlap_as_they_are_meant_to_have_no_findings(first: str, second: str) -> None:
    """Rules add to each other; that is no finding."""
    second = f"{second}, examples: {{match: [dead phone]}}"
    assert (
        _overlaps(f"{{id: one, when: {{words: [phone]}}, {first}}}", f"{{id: two, when: {{words: [dead]}}, {second}}}")
        == []
    )


def test_a_priority_that_a_later_rule_always_raises_is_shown() -> None:
    """Not where a stop between the two may end the search."""
    rules = (
        "{id: one, when: {exact: [phones]}, priority: low}",
        "{id: two, when: {words: [dead]}, stop: true}",
        "{id: three, when: {words: [phone]}, priority: urgent}",
    )
    assert _overlaps(*rules) == []
    assert _overlaps(rules[0], rules[2]) == [
        '"one" is never low: "three" always matches too and raises it to urgent, e.g. "phones"'
    ]


def test_what_cannot_be_shown_is_not_said_about_priorities() -> None:
    """No sample of the pattern is found, or every sample belongs to a third rule."""
    odd = "[{pattern: '[^xa1 e5!zk.]q'}, {exact: [phones]}]"
    assert (
        _overlaps(f"{{id: one, when: {odd}, priority: low}}", "{id: two, when: {words: [phone]}, priority: high}") == []
    )
    assert (
        _overlaps(
            "{id: zero, when: {words: [dead]}, priority: urgent, channel: a}",
            "{id: one, when: {words: [phone]}, priority: low, channel: a}",
            "{id: two, when: [{exact: [phones]}, {exact: [dead]}], priority: high, channel: b}",
        )
        == []
    )


def test_a_rule_is_too_broad_by_the_messages_of_every_day() -> None:
    """One that facts make narrow and one that only forbids are told apart."""
    broad = "[the, not, our, please, you, and, was]"
    assert [
        message.split(", e.g.")[0]
        for _, message in _advice(
            f"{_BASE}  - {{id: a, when: {{words: {broad}}}}}\n"
            f"  - {{id: b, when: [{{words: {broad}}}, {{hours: night}}]}}\n"
            "  - {id: c, when: {none: [{words: [phone]}]}}\n"
            "  - {id: d, when: always}\n",
            "W515",
        )
    ] == [
        f'"{name}" matches {share} % of everyday messages ({hits} of {len(breadth.everyday())})'
        for name, share, hits in (("a", 57, 90), ("c", 96, 152))
    ]


def test_everyday_messages_are_many_and_each_is_there_once() -> None:
    """A small set is judged by a corpus that is larger than its own examples."""
    messages = breadth.everyday()
    assert 100 <= len(messages) == len(set(messages)) <= 200


def test_of_very_many_examples_an_even_part_is_tried() -> None:
    """A set with ten thousand examples is judged as fast as one with two thousand."""
    examples = ", ".join(f"m{number}" for number in range(5000))
    document = _document(f"rules:\n  - {{id: a, when: {{words: [x]}}, examples: {{no_match: [{examples}]}}}}\n")
    tried = breadth.corpus(document)[len(breadth.everyday()) :]
    assert len(tried) <= breadth.EXAMPLES_LIMIT
    assert tried[:3] == ("m0", "m3", "m6")


def test_hundreds_of_rules_that_share_what_they_ask_for_are_told() -> None:
    """What was not compared is said, once for all rules."""
    words = "".join(
        f"  - {{id: r{number}, when: [{{words: [phone]}}, {{none: [{{words: [w{number}x]}}]}}]}}\n"
        for number in range(203)
    )
    assert _advice(f"{_BASE}{words}  - {{id: last, when: always}}\n", "W520") == [
        (
            12,
            (
                '"r0" asks for what hundreds of other rules ask for (as 202 more do): it is not known whether '
                "other rules keep it from deciding"
            ),
        )
    ]


def test_a_contradiction_keeps_the_set_from_being_used_and_can_be_left_to_another_time() -> None:
    """Whoever asks for no advice gets the rules as they are."""
    impossible = "{id: x, when: {words: [a1], none: [{words: [a1]}]}}"
    rules = f"schema: 1\n{_BASE}  - {impossible}\n  - {{id: y, when: always}}\n"
    files = {
        "rules/a.yaml": rules.encode(),
        "templates/ack/default.j2": b"Hello",
        "templates/escalation/default.j2": b"A\n\nB\n",
    }
    advised = loader.check(Snapshot(files), "rules", "templates")
    assert [found.code for found in advised.diagnostics if found.severity is Severity.ERROR] == ["E220"]
    assert advised.ruleset is None
    assert loader.check(Snapshot(files), "rules", "templates", advise=False).ruleset is not None


def test_a_witness_is_a_message_that_the_rule_matches() -> None:
    """For every rule of the starter set one is found, for the one on trial too."""
    loaded = loader.load(ROOT / "rules", ROOT / "templates")
    assert loaded.ruleset is not None
    for rule in loaded.document.rules:
        found = witnesses.witness(rule, loaded.document, loaded.ruleset)
        assert found is not None
        assert rule.id.value in found.matched
