"""The compiled rule-set against the rule language read literally: every rule asked in order, every atom by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from standins.documents import (
    always,
    attachment,
    client,
    event,
    exact,
    follow_up,
    group,
    hours,
    keyword,
    kind,
    pattern,
    rule,
    ruleset,
    source,
    words,
)
from standins.literally import (
    CLIENTS,
    FORGIVING,
    KEYWORDS,
    all_keywords,
    naive_because,
    naive_captures,
    naive_matching,
    naive_missing,
    simplified,
)

from engine.core.decisions import Explanation, Priority
from engine.core.events import Event
from engine.core.text import normalise
from engine.ruleset import syntax
from engine.ruleset.matcher import Ruleset
from engine.ruleset.syntax import Rule

PHRASES = [
    "call",
    "can't",
    "not work",
    "calls out",
    "sip",
    "work again now",
    "out",
    "3 cx",
    "call*",
    "$product now",
    "now",
]
_ATOMS: st.SearchStrategy[syntax.Condition] = st.one_of(
    st.lists(st.sampled_from(PHRASES), min_size=1, max_size=3).map(lambda phrases: words(*phrases)),
    st.lists(st.sampled_from(PHRASES), min_size=1, max_size=2).map(lambda phrases: exact(*phrases)),
    st.sampled_from(
        [
            keyword("product"),
            keyword("symptom"),
            keyword("product", "3CX"),
            keyword("product", "VoIP", "SIP trunk"),
            keyword("symptom", "failing"),
            pattern(r"\bcall\w* out\b"),
            pattern(r"(?P<code>\d+)"),
            pattern(r"work (?P<code>now)?"),
            pattern("^sip"),
            client("tier", "gold"),
            client("known", "false"),
            client("phone", "+2547*"),
            source("whatsapp"),
            source("sms", "http"),
            attachment(),
            attachment("audio", "image"),
            kind("edit"),
            hours("day"),
            hours("day", inside=False),
            follow_up(),
            follow_up(value=False),
        ]
    ),
)
_CONDITIONS: st.SearchStrategy[syntax.Condition] = st.recursive(
    _ATOMS,
    lambda inner: st.builds(
        lambda kind, parts: group(kind, *parts), st.sampled_from(["all", "any", "none"]), st.lists(inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def rule_sets(draw: st.DrawFn) -> list[Rule]:
    """Up to six rules of any kind, then the required last one."""
    drawn = [
        rule(
            f"r{number}",
            draw(_CONDITIONS),
            priority=draw(st.sampled_from([None, *Priority])),
            tags=draw(st.lists(st.sampled_from(["a", "b", "c"]), max_size=2)),
            says=draw(st.sampled_from([{}, {"channel": "voip"}, {"summary": "{{ product }} {{ code }}"}])),
            stop=draw(st.integers(0, 5)) == 0,
            shadow=draw(st.integers(0, 5)) == 0,
            enabled=draw(st.integers(0, 5)) > 0,
            line=number,
        )
        for number in range(draw(st.integers(0, 6)))
    ]
    return [*drawn, rule("last", always(), tags=["z"], line=99)]


_MESSAGES = st.lists(
    st.sampled_from(
        ["calls", "Call", "out", "can\u2019t", "not", "works", "working", "again", "now", "sip", "trunk", "3-CX"]
    )
    | st.sampled_from(["404", "*sip*", "звонок", "now,", "…", "cafe\u0301", "'out'", "3", "cx"])
    | st.sampled_from(["yealink", "yeelink", "phone", "handset", "handests", "disconect", "disconnett", "disconneft"])
    | st.text(max_size=3),
    max_size=10,
).map(" ".join)
_EVENTS = st.builds(
    lambda written, phone, network, kind, attachments, at: event(
        written, phone=phone, network=network, kind=kind, attachments=attachments, at=at
    ),
    _MESSAGES,
    st.sampled_from(["+254700000901", "+254700000902", "+255700", None]),
    st.sampled_from(["whatsapp", "sms"]),
    st.sampled_from(["message", "edit"]),
    st.sampled_from([[], ["voice"], ["image", "sticker"], ["location"]]),
    st.sampled_from([datetime(2026, 2, 12, hour, tzinfo=UTC) for hour in (5, 6, 21, 22)]),
)


def compiled(rules: Sequence[Rule]) -> Ruleset:
    return ruleset(*rules, keywords=KEYWORDS, clients=CLIENTS, forgiving=FORGIVING)


@settings(max_examples=150, deadline=None)
@given(rule_sets(), st.lists(_EVENTS, min_size=1, max_size=5), st.booleans())
def test_the_index_changes_nothing(rules: list[Rule], events: list[Event], is_open: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever the index spares, the decision equals that of asking every rule in order, explanation included."""
    made = compiled(rules)
    for given_event in events:
        explanation = made.explain(given_event, follow_up=is_open)
        assert_as_by_hand(explanation, rules, given_event, is_open=is_open)
        assert made.evaluate(given_event, follow_up=is_open) == explanation.decision
        matched = made.match(given_event, follow_up=is_open)
        assert tuple(each.id for each in matched) == explanation.decision.matched


def assert_as_by_hand(explanation: Explanation, rules: Sequence[Rule], given_event: Event, *, is_open: bool) -> None:
    decision, normal = explanation.decision, normalise(given_event.message.text)
    matching, shadows = naive_matching(rules, given_event, normal, is_open=is_open)
    assert decision.shadow == tuple(shadows)
    deciding = matching[0][0]
    assert decision.rule == deciding.id.value
    assert decision.matched == tuple(each.id.value for each, _ in matching)
    floor = Priority.NORMAL if deciding.priority is None else deciding.priority
    assert decision.priority == max([floor, *(each.priority for each, _ in matching if each.priority is not None)])
    tags = ["whatsapp", *(tag.value for each, _ in matching for tag in each.tags)]
    assert decision.tags == tuple(dict.fromkeys(tags))
    assert decision.channel == (deciding.channel.value if deciding.channel else "triage")
    assert decision.because == naive_because(matching, given_event.message.text)
    assert decision.keywords == all_keywords(normal)
    assert dict(decision.captures) == naive_captures(deciding.when, given_event, normal, is_open=is_open)
    assert_misses_as_by_hand(explanation, rules, given_event, is_open=is_open)


def assert_misses_as_by_hand(
    explanation: Explanation, rules: Sequence[Rule], given_event: Event, *, is_open: bool
) -> None:
    decision, normal = explanation.decision, normalise(given_event.message.text)
    spoken = {*decision.matched, *(shadow.rule for shadow in decision.shadow)}
    missing: dict[str, str] = {}
    ends = next((each.id.value for each in rules if each.stop and each.id.value in decision.matched), None)
    after = False
    for each in rules:
        if each.enabled and after:
            missing[each.id.value] = f"not asked: {ends} ends the search"
        elif each.enabled and each.id.value not in spoken:
            missing[each.id.value] = naive_missing(simplified(each.when), given_event, normal, is_open=is_open)
        after = after or each.id.value == ends
    assert {missed.rule: missed.missing for missed in explanation.not_matched} == missing


@settings(max_examples=40, deadline=None)
@given(rule_sets(), _EVENTS, _EVENTS)
def test_evaluation_is_pure(rules: list[Rule], one: Event, other: Event) -> None:
    """The same event gives the same decision, whatever was evaluated before and whoever compiled the rules."""
    made = compiled(rules)
    before = made.evaluate(one)
    made.evaluate(other)
    made.explain(other)
    assert made.evaluate(one) == before == made.explain(one).decision
    assert compiled(rules).evaluate(one) == before


@settings(max_examples=40, deadline=None)
@given(rule_sets(), _EVENTS)
def test_every_rule_either_matches_or_says_why_not(rules: list[Rule], given_event: Event) -> None:
    """An explanation speaks of each rule exactly once."""
    explanation = compiled(rules).explain(given_event)
    on_trial = [shadow.rule for shadow in explanation.decision.shadow]
    spoken = [*explanation.decision.matched, *on_trial, *(missed.rule for missed in explanation.not_matched)]
    assert sorted(spoken) == sorted(each.id.value for each in rules if each.enabled)
    assert all(missed.missing for missed in explanation.not_matched)


_SIGNS = "aB3é'\u2019`*_-~. \u0301\u200dß\u0665가½👍🏻ж$"
_WRITTEN = st.text(max_size=12) | st.text(st.sampled_from(_SIGNS), max_size=10)


@settings(max_examples=150, deadline=None)
@given(_WRITTEN)
def test_a_rule_that_is_written_as_the_message_matches_it(written: str) -> None:
    """Whatever a client types, a lead who copies it into a rule gets a rule that matches."""
    assume(normalise(written).words)
    # These two have a meaning of their own in `words:`.
    assume(not any(part.startswith("$") or part.endswith("*") for part in written.split()))
    made = ruleset(
        rule("exact", exact(written)), rule("words", words(written)), rule("within", words(f"{written} now"))
    )
    assert made.evaluate(event(written)).matched == ("exact", "words", "last")
    assert made.evaluate(event(f"Well, {written} NOW!")).matched == ("exact", "words", "within", "last")


def test_a_message_of_100_kb_is_evaluated() -> None:
    """A long message is decided like a short one, by the same rules."""
    made = ruleset(
        rule("call", group("all", words("call out"), keyword("product"), pattern(r"\d+$"))), keywords=KEYWORDS
    )
    decision = made.evaluate(event("calls outside sip звонок " * 4000 + "call out 5"))
    assert decision.rule == "call"
