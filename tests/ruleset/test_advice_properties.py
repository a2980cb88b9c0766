"""No finding about the whole set is a false alarm: random rule-sets, and random messages that try to disprove it."""

from collections.abc import Sequence
from itertools import pairwise, product

from hypothesis import given, settings
from hypothesis import strategies as st
from standins import documents as make

from engine.core.decisions import Priority
from engine.core.events import MESSAGE_KINDS, Event
from engine.ruleset.advice import overlaps, reachability, witnesses
from engine.ruleset.advice.comparisons import compare
from engine.ruleset.advice.implications import implies
from engine.ruleset.syntax import Condition, Document, Rule

_KEYWORDS = {
    "product": {"3CX": ["3cx", "three cx"], "VoIP": ["voip", "cx phone"]},
    "state": {"down": ["down", "not working"], "slow": ["slow", "working slow"]},
}
_CLIENTS = (make.entry("Acme", "+254700000901", tier="gold", tags=["x"]), make.entry("Other", "+254700000902"))
_PHRASES = ("call", "calls", "call me", "calling me now", "cal*", "$product down", "down", "phone", "three", "working")
_WORDS = (
    *("call", "calls", "calling", "called", "me", "now", "cal", "calm", "three", "cx", "3cx", "voip", "phone"),
    *("down", "slow", "not", "working", "error 55"),
)

_OTHERS: Sequence[Condition] = (
    make.keyword("product"),
    make.keyword("product", "3CX"),
    make.keyword("product", "3CX", "VoIP"),
    make.keyword("state", "slow"),
    make.keyword("state"),
    make.pattern(r"error \d+"),
    make.pattern("down"),
    make.client("tier", "gold"),
    make.client("known", "true"),
    make.client("known", "false"),
    make.client("phone", "+2547*"),
    make.source("whatsapp"),
    make.source("whatsapp", "sms"),
    make.kind("message"),
    make.kind("edit", "unsupported"),
    make.attachment(),
    make.attachment("audio"),
    make.attachment("voice"),
    make.hours("day"),
    make.hours("day", inside=False),
    make.follow_up(),
    make.follow_up(value=False),
)
_LONGER = (("call", "me", "now"), ("calling", "me", "now"), ("three", "cx", "phone"), ("not", "working", "slow"))
_PHONES = (None, "+254700000901", "+254700000902", "+15550100")
_FILES = ((), ("voice",), ("audio",), ("image", "voice"))

_atoms: st.SearchStrategy[Condition] = st.one_of(
    st.lists(st.sampled_from(_PHRASES), min_size=1, max_size=3, unique=True).map(lambda chosen: make.words(*chosen)),
    st.lists(st.sampled_from(_PHRASES), min_size=1, max_size=2, unique=True).map(lambda chosen: make.exact(*chosen)),
    st.sampled_from(_OTHERS),
)
_conditions = st.recursive(
    _atoms,
    lambda parts: st.builds(
        lambda kind, chosen: make.group(kind, *chosen),
        st.sampled_from(["all", "any", "none"]),
        st.lists(parts, min_size=1, max_size=3),
    ),
    max_leaves=6,
)


@st.composite
def _rules(draw: st.DrawFn) -> Sequence[Rule]:
    several = [
        make.rule(
            f"r{number}",
            draw(_conditions),
            priority=draw(st.sampled_from([None, *Priority])),
            says=draw(st.sampled_from([{}, {"channel": "voip"}, {"channel": "triage", "summary": "s"}])),
            stop=draw(st.booleans()),
            shadow=draw(st.sampled_from([False, False, True])),
            line=number + 1,
        )
        for number in range(draw(st.integers(1, 5)))
    ]
    return (*several, make.rule("last", make.always(), line=99))


_messages = st.builds(
    lambda words, phone, source, kind, attachments, hour: make.event(
        " ".join(words),
        phone=phone,
        network=source,
        kind=kind,
        attachments=attachments,
        at=make.event().received_at.replace(hour=hour),
    ),
    st.lists(st.sampled_from(_WORDS), max_size=7),
    st.sampled_from(_PHONES),
    st.sampled_from(["whatsapp", "sms"]),
    st.sampled_from(MESSAGE_KINDS),
    st.sampled_from(_FILES),
    st.sampled_from([3, 12]),
)
_tries = st.lists(st.tuples(_messages, st.booleans()), min_size=20, max_size=20)


def _document(rules: Sequence[Rule]) -> Document:
    return make.document(*rules, keywords=_KEYWORDS, clients=_CLIENTS)


_SINGLE: Sequence[Condition] = (
    *(make.words(phrase) for phrase in _PHRASES),
    *(make.exact(phrase) for phrase in _PHRASES),
    *(make.words(first, second) for first, second in pairwise(_PHRASES)),
    *_OTHERS,
)


def test_what_follows_from_a_single_atom_follows_in_every_message() -> None:
    """Every pair of atoms, on every message of up to two words under many circumstances."""
    atoms = [*_SINGLE, *(make.group("none", atom) for atom in _SINGLE)]
    rules = [make.rule(str(number), atom) for number, atom in enumerate(atoms)]
    ruleset = make.ruleset(*rules, keywords=_KEYWORDS, clients=_CLIENTS)
    comparison = compare(make.document(*rules, keywords=_KEYWORDS, clients=_CLIENTS))
    texts = [" ".join(words) for words in (*product(_WORDS, repeat=1), *product(_WORDS, repeat=2), *_LONGER)]
    tries = [(make.event(text), False) for text in texts]
    tries += [
        (make.event("call", phone=phone, network=network, kind=kind, attachments=files, at=moment), follow_up)
        for phone, network, kind, files in product(_PHONES, ("whatsapp", "sms"), MESSAGE_KINDS, _FILES)
        for moment, follow_up in ((make.event().received_at, True), (make.event().received_at.replace(hour=3), False))
    ]
    met = [witnesses.met(event, follow_up, ruleset) for event, follow_up in tries]
    proved = 0
    for narrow, wide in product(comparison.subjects, repeat=2):
        if all(any(implies(case, other, comparison.known) for other in wide.possible) for case in narrow.possible):
            proved += 1
            assert all(wide.rule.id.value in found for found in met if narrow.rule.id.value in found)
    # More than each atom from itself.
    assert proved > 3 * len(atoms)


@given(_rules(), _tries)
@settings(max_examples=100, deadline=None)
def test_a_rule_that_is_said_to_match_with_another_always_does(
    rules: Sequence[Rule], tries: Sequence[tuple[Event, bool]]
) -> None:
    """What is proved about two rules holds for every message, and so does what is proved about one."""
    ruleset = make.ruleset(*rules, keywords=_KEYWORDS, clients=_CLIENTS)
    comparison = compare(_document(rules))
    met = [witnesses.met(event, follow_up, ruleset) for event, follow_up in tries]
    for subject in comparison.subjects:
        name = subject.rule.id.value
        matching = [found for found in met if name in found]
        if subject.cases is None:
            continue
        assert subject.possible or not matching
        held = [set(comparison.holding_with(subject, number)) for number in range(len(subject.possible))]
        for other in set.intersection(*map(set, held)) if held else ():
            assert all(other.rule.id.value in found for found in matching)


@given(_rules(), _tries)
@settings(max_examples=100, deadline=None)
def test_no_message_disproves_a_finding(rules: Sequence[Rule], tries: Sequence[tuple[Event, bool]]) -> None:
    """A rule never matches, is never asked or never decides when that is what is said of it."""
    document = _document(rules)
    ruleset = make.ruleset(*rules, keywords=_KEYWORDS, clients=_CLIENTS)
    comparison = compare(document)
    found = [*reachability.check(comparison, document, ruleset), *overlaps.check(comparison, document, ruleset)]
    for fault in found:
        name = fault.message.split('"')[1]
        for event, follow_up in tries:
            decision = ruleset.evaluate(event, follow_up=follow_up)
            met = witnesses.met(event, follow_up, ruleset)
            match fault.code:
                case "E220":
                    assert name not in met
                case "W511":
                    assert name not in decision.matched
                case "W510" | "W512":
                    assert decision.rule != name
                case _:
                    assert fault.code in {"W513", "W514"}


@given(_rules(), st.data())
@settings(max_examples=60, deadline=None)
def test_every_witness_is_what_it_is_said_to_be(rules: Sequence[Rule], data: st.DataObject) -> None:
    """A message that is shown for a rule matches it; of most rules that can match one is found."""
    document = _document(rules)
    ruleset = make.ruleset(*rules, keywords=_KEYWORDS, clients=_CLIENTS)
    rule = data.draw(st.sampled_from(rules))
    found = witnesses.witness(rule, document, ruleset)
    if found is not None:
        decision = ruleset.evaluate(found.event, follow_up=found.follow_up)
        on_trial = {shadow.rule for shadow in decision.shadow}
        assert rule.id.value in {*decision.matched, *on_trial}
        assert found.shown
